import SoftwareCPU
import Testing
import VMMCore
import VMMTestSupport

/// Which system registers there are, and what the ID registers say. Source: Arm DDI 0487, D24.
@Suite struct SystemRegisterTests {
    private static let noGIC: [SystemRegister: (String, UInt64)] = [
        .init(3, 0, 0, 0, 0): ("MIDR_EL1", 0x000F_5370),
        .init(3, 0, 0, 0, 5): ("MPIDR_EL1", 1 << 31),
        .init(3, 0, 0, 0, 6): ("REVIDR_EL1", 0),
        .init(3, 0, 0, 4, 0): (
            "ID_AA64PFR0_EL1", idFields([(60, 1), (56, 1), (24, 0), (20, 0), (16, 0), (4, 1), (0, 1)])
        ),
        .init(3, 0, 0, 5, 0): ("ID_AA64DFR0_EL1", idFields([(28, 0), (20, 1), (12, 1), (8, 0), (4, 0), (0, 6)])),
        .init(3, 0, 0, 6, 0): ("ID_AA64ISAR0_EL1", idFields([(20, 2), (16, 1), (12, 1), (8, 1), (4, 2)])),
        .init(3, 0, 0, 7, 0): (
            "ID_AA64MMFR0_EL1", idFields([(28, 0), (24, 0), (20, 1), (16, 0), (8, 0), (4, 2), (0, 2)])
        ),
        .init(3, 0, 0, 7, 1): ("ID_AA64MMFR1_EL1", idFields([(20, 1)])),
        .init(3, 0, 4, 2, 2): ("CurrentEL", 1 << 2),
        .init(3, 0, 4, 2, 0): ("SPSel", 1),
        .init(3, 1, 0, 0, 0): ("CCSIDR_EL1", 127 << 13 | 3 << 3 | 2),
        .init(3, 1, 0, 0, 1): ("CLIDR_EL1", 1 << 27 | 1 << 24 | 1 << 21 | 3),
        .init(3, 1, 0, 0, 7): ("AIDR_EL1", 0),
        .init(3, 3, 0, 0, 1): ("CTR_EL0", 1 << 31 | 1 << 28 | 4 << 24 | 4 << 20 | 4 << 16 | 3 << 14 | 4),
        .init(3, 3, 0, 0, 7): ("DCZID_EL0", 4),
        .init(2, 0, 1, 0, 0): ("MDRAR_EL1", 0),
        .init(2, 0, 1, 1, 4): ("OSLSR_EL1", 1 << 3 | 1 << 1),
        .init(2, 0, 7, 14, 6): ("DBGAUTHSTATUS_EL1", 0),
        .init(2, 3, 0, 1, 0): ("MDCCSR_EL0", 0),
    ]

    /// Fields of an ID register: the lowest bit, and the value. All others are zero.
    private static func idFields(_ fields: [(UInt64, UInt64)]) -> UInt64 { fields.reduce(0) { $0 | $1.1 << $1.0 } }

    /// The rest that MRS may read at EL1 where no device answers, whose values are not constant.
    private static let readable: [String: [SystemRegister]] = [
        "ID space that reads as zero": (1...7 as ClosedRange<UInt16>).flatMap { crm in
            (0..<8 as Range<UInt16>).map { SystemRegister(3, 0, 0, crm, $0) }
        },
        "translation and control": [
            .init(3, 0, 1, 0, 0), .init(3, 0, 1, 0, 1), .init(3, 0, 1, 0, 2), .init(3, 0, 2, 0, 0),
            .init(3, 0, 2, 0, 1), .init(3, 0, 2, 0, 2), .init(3, 0, 10, 2, 0), .init(3, 0, 10, 3, 0),
            .init(3, 0, 13, 0, 1), .init(3, 0, 7, 4, 0), .init(3, 2, 0, 0, 0),
        ],
        "exceptions": [
            .init(3, 0, 4, 0, 0), .init(3, 0, 4, 0, 1), .init(3, 0, 4, 1, 0), .init(3, 0, 4, 2, 3),
            .init(3, 0, 5, 1, 0), .init(3, 0, 5, 1, 1), .init(3, 0, 5, 2, 0), .init(3, 0, 6, 0, 0),
            .init(3, 0, 12, 0, 0), .init(3, 0, 12, 0, 1), .init(3, 0, 12, 1, 0),
        ],
        "user": [
            .init(3, 3, 4, 2, 0), .init(3, 3, 4, 2, 1), .init(3, 3, 4, 4, 0), .init(3, 3, 4, 4, 1),
            .init(3, 3, 13, 0, 2), .init(3, 3, 13, 0, 3), .init(3, 0, 13, 0, 4), .init(3, 3, 14, 0, 0),
            .init(3, 3, 14, 0, 1), .init(3, 3, 14, 0, 2),
        ],
        "debug": [
            .init(2, 0, 0, 2, 0), .init(2, 0, 0, 2, 2), .init(2, 0, 1, 3, 4), .init(2, 0, 0, 0, 4),
            .init(2, 0, 0, 1, 4), .init(2, 0, 0, 0, 5), .init(2, 0, 0, 1, 5), .init(2, 0, 0, 0, 6),
            .init(2, 0, 0, 1, 6), .init(2, 0, 0, 0, 7), .init(2, 0, 0, 1, 7), .init(2, 0, 1, 4, 4),
            .init(2, 0, 7, 8, 6), .init(2, 0, 7, 9, 6), .init(2, 0, 0, 0, 2), .init(2, 0, 0, 3, 2),
            .init(2, 0, 0, 6, 2), .init(2, 3, 0, 4, 0), .init(2, 3, 0, 5, 0),
        ],
    ]

    /// What MSR may write of these: not the ID registers, and not what says how things are.
    private static let readOnly: Set<SystemRegister> = Set(noGIC.keys).subtracting([.init(3, 0, 4, 2, 0)]).union(
        readable["ID space that reads as zero"] ?? []
    ).union([
        .init(3, 0, 12, 0, 1), .init(3, 0, 12, 1, 0), .init(3, 3, 14, 0, 0), .init(3, 3, 14, 0, 1),
        .init(3, 3, 14, 0, 2),
    ])
    private static let writeOnly: Set<SystemRegister> = [.init(2, 0, 1, 0, 4)]
    /// Zero in these takes the ground from under the test: SCTLR, TTBR0, TCR, VBAR, SPSel.
    private static let underFoot: Set<SystemRegister> = [
        .init(3, 0, 1, 0, 0), .init(3, 0, 2, 0, 0), .init(3, 0, 2, 0, 2), .init(3, 0, 12, 0, 0), .init(3, 0, 4, 2, 0),
    ]
    private static let known = Set(noGIC.keys).union(readable.values.joined())

    private static func word(_ register: SystemRegister, isRead: Bool) -> UInt32 {
        (isRead ? 0xD520_0000 : 0xD500_0000) | UInt32(register.rawValue) << 5 | 20
    }

    /// All encodings of op0 2 and 3, each by itself. MSR writes zero.
    @Test("MRS and MSR of every encoding: there as listed, or undefined with EC 0", arguments: [true, false])
    func everyEncoding(isRead: Bool) throws {
        let guest = try BareGuest([])
        for number in 0x8000...0xFFFF as ClosedRange<UInt16> {
            let register = SystemRegister(rawValue: number)
            if !isRead, Self.underFoot.contains(register) { continue }
            let place = BareGuest.code + UInt64(number & 0x7FFF) * 8
            try guest.put([Self.word(register, isRead: isRead), 0xD400_0001], at: place)
            guest.registers.pc = place
            guest.registers.x[20] = 0
            let end = try guest.runToException()
            let isThere =
                isRead
                ? Self.known.contains(register)
                : Self.known.contains(register) && !Self.readOnly.contains(register)
                    || Self.writeOnly.contains(register)
            let expected: UInt64 = isThere ? 0x15 << 26 | 1 << 25 : 1 << 25
            if end.esr_el1 != expected || end.elr_el1 != place + (isThere ? 8 : 0) {
                Issue.record("\(register): ESR_EL1 \(String(end.esr_el1, radix: 16))")
            }
            if isRead, let (name, value) = Self.noGIC[register] { #expect(end.x[20] == value, "\(name)") }
        }
    }

    @Test("with a GIC, ID_AA64PFR0_EL1.GIC is 1")
    func gic() throws {
        let range = try #require(GuestRange(start: GuestAddress(0x4000_0000), size: 1 << 20))
        let memory = try GuestMemory([range])
        // mrs x20, id_aa64pfr0_el1; movz w0, #8; movk w0, #0x8400, lsl #16; hvc
        for (index, word) in [0xD538_0414, 0x5280_0100, 0x72B0_8000, 0xD400_0002 as UInt32].enumerated() {
            try memory.store(word, at: GuestAddress(0x4000_0000 + UInt64(index) * 4))
        }
        let machine = try SoftwareVirtualMachine(configuration: .init(hasGICSystemRegisters: true))
        try machine.map(memory)
        let cpu = try machine.makeVCPU(VCPUIndex(0))
        var registers = try cpu.registers()
        registers.pc = 0x4000_0000
        try cpu.setRegisters(registers)
        #expect(try cpu.run() == .systemEvent(.powerOff))
        #expect(try cpu.registers().x[20] >> 24 & 0xF == 1)
    }

    /// MSR of all ones at an address that can bear it, then MRS: what is writable.
    private static let masks: [(SystemRegister, UInt64)] = [
        (.init(3, 0, 1, 0, 2), 3 << 20), (.init(3, 0, 1, 0, 1), 0), (.init(2, 0, 1, 3, 4), 1),
        (.init(3, 3, 4, 4, 0), 0x07C0_0000), (.init(3, 3, 4, 4, 1), 0x0800_009F), (.init(3, 3, 4, 2, 0), 0xF000_0000),
        (.init(3, 3, 4, 2, 1), 0x3C0), (.init(3, 0, 4, 2, 3), 1 << 22), (.init(3, 0, 12, 0, 0), ~0x7FF),
    ]

    @Test("bits that are RES0 read as zero after ones were written", arguments: masks)
    func writable(register: SystemRegister, mask: UInt64) throws {
        // mov x20, #-1; msr; mrs x20; then HVC with SYSTEM_OFF: the vectors may be gone.
        let guest = try BareGuest([
            0x9280_0014, Self.word(register, isRead: false), Self.word(register, isRead: true), 0x5280_0100,
            0x72B0_8000, 0xD400_0002,
        ])
        #expect(try guest.runToException().x[20] == mask)
    }

    @Test("SCTLR_EL1: EE and E0E are RES0 without mixed-endian support, as ID_AA64MMFR0_EL1.BigEnd says")
    func endianness() throws {
        // mrs x20, sctlr_el1; orr x20, x20, #3 << 24; msr; isb; mrs
        let sctlr = SystemRegister(3, 0, 1, 0, 0)
        let guest = try BareGuest([
            Self.word(sctlr, isRead: true), 0xB268_0694, Self.word(sctlr, isRead: false), 0xD503_3FDF,
            Self.word(sctlr, isRead: true), 0xD400_0001,
        ])
        let end = try guest.runToException()
        #expect(end.x[20] & 3 << 24 == 0)
        #expect(end.esr_el1 >> 26 == 0x15)
    }

    @Test(
        "random instructions of the system space, at EL1 and EL0: nothing but exceptions and exits",
        arguments: [0x3C5, 0])
    func fuzz(pstate: UInt64) throws {
        var random = SeededGenerator(seed: 11 + pstate)
        let guest = try BareGuest([])
        try guest.put(0x4000_0000 | 0x701 | 1 << 6, at: 0x4000_1000)
        for program in 0..<400 as Range<UInt64> {
            let place = BareGuest.code + program * 256
            let words = (0..<60).map { _ in 0xD500_0000 | UInt32(truncatingIfNeeded: random.next()) & 0x3F_FFFF }
            try guest.put(words, at: place)
            guest.registers.pc = place
            guest.registers.pstate = pstate
            for register in 0..<31 {
                let edges: [UInt64] = [
                    0, 1, ~0, BareGuest.code, BareGuest.paged, random.next(), random.next() & 0xFFFF,
                ]
                guest.registers.x[register] = edges.randomElement(using: &random) ?? 0
            }
            try guest.cpu.setRegisters(guest.registers)
            try guest.cpu.setSingleStep(true)
            for _ in 0..<64 {
                if case .mmioRead = try guest.cpu.run() { guest.cpu.completeRead(~0) }
            }
            try guest.cpu.setSingleStep(false)
        }
    }
}
