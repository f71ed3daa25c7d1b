import SoftwareCPU
import Testing
import VMMCore

/// A machine with 4 MiB of RAM at 0x4000_0000 and hand-made page tables, for directed tests at EL1.
///
/// Layout: tables at 0x4000_0000 (level 1), 0x4000_1000 (level 2), 0x4000_2000 (level 3, of the 2 MiB at 0x4020_0000);
/// vectors at 0x4000_8000, which all lead to HVC with SYSTEM_OFF; code at 0x4001_0000.
final class BareGuest {
    static let code: UInt64 = 0x4001_0000
    static let vectors: UInt64 = 0x4000_8000
    /// Mapped by pages: page n of it by entry n of the level 3 table.
    static let paged: UInt64 = 0x4020_0000
    /// AF, inner shareable, attribute 0 (normal), page.
    static let page: UInt64 = 1 << 10 | 3 << 8 | 3
    static let readOnly: UInt64 = 1 << 7
    static let user: UInt64 = 1 << 6
    static let pxn: UInt64 = 1 << 53
    static let uxn: UInt64 = 1 << 54

    let memory: GuestMemory
    let machine: SoftwareVirtualMachine
    let cpu: SoftwareVCPU
    var registers: ARM64Registers

    init(_ code: [UInt32], cpuCount: Int = 1) throws {
        let range = try #require(GuestRange(start: GuestAddress(0x4000_0000), size: 4 << 20))
        memory = try GuestMemory([range])
        machine = try SoftwareVirtualMachine(configuration: .init(vcpuCount: cpuCount))
        try machine.map(memory)
        cpu = try machine.makeVCPU(VCPUIndex(0))
        registers = try cpu.registers()
        registers.pc = Self.code
        registers.mair_el1 = 0x00FF
        // 39 bits, no TTBR1 walks, 40 bits of output.
        registers.tcr_el1 = 25 | 1 << 23 | 2 << 32
        registers.ttbr0_el1 = 0x4000_0000
        registers.sctlr_el1 = 0x1005 | 1 << 23
        registers.vbar_el1 = Self.vectors
        registers.cpacr_el1 = 3 << 20
        try put(0x4000_1000 | 3, at: 0x4000_0008)
        try put(0x4000_0000 | 0x701, at: 0x4000_1000)
        try put(0x4000_2000 | 3, at: 0x4000_1008)
        for vector: UInt64 in 0..<16 {
            // movz w8, #0x8400, lsl #16 ... in x0: the function; x19 to x30 are left alone.
            try put([0x5280_0100, 0x72B0_8000, 0xD400_0002], at: Self.vectors + vector * 0x80)
        }
        try put(code, at: Self.code)
    }

    func put(_ value: UInt64, at address: UInt64) throws { try memory.store(value, at: GuestAddress(address)) }

    func put(_ words: [UInt32], at address: UInt64) throws {
        for (index, word) in words.enumerated() {
            try memory.store(word, at: GuestAddress(address + UInt64(index) * 4))
        }
    }

    /// Maps page `number` of the paged 2 MiB to `physical`.
    func mapPage(_ number: UInt64, to physical: UInt64, _ bits: UInt64) throws {
        try put(physical | bits, at: 0x4000_2000 + number * 8)
    }

    /// Runs until an exception reached its vector, and gives the registers there.
    func runToException() throws -> ARM64Registers {
        try cpu.setRegisters(registers)
        #expect(try cpu.run() == .systemEvent(.powerOff))
        return try cpu.registers()
    }
}
