import SoftwareCPU
import Testing
import VMMCore

/// Devices that write over code that was executed.
@Suite struct HostWriteTests {
    private static let routine: UInt64 = 0x4002_0000
    private static let returnOne: [UInt32] = [0xD280_0020, 0xD65F_03C0]  // movz x0, #1; ret
    private static let returnTwo: UInt32 = 0xD280_0040  // movz x0, #2

    /// Calls the routine, leaves for a device, calls it again; x20 and x21 have what the calls gave.
    private func run(_ overwrite: (GuestMemory) throws -> Void) throws -> ARM64Registers {
        // blr x9; mov x20, x0; str x10, [x11]; blr x9; mov x21, x0; udf
        let guest = try BareGuest([0xD63F_0120, 0xAA00_03F4, 0xF900_016A, 0xD63F_0120, 0xAA00_03F5, 0])
        try guest.put(Self.returnOne, at: Self.routine)
        // Attribute 1: device memory.
        try guest.mapPage(0, to: 0x0900_0000, BareGuest.page | 1 << 2)
        guest.registers.x[9] = Self.routine
        guest.registers.x[11] = BareGuest.paged
        try guest.cpu.setRegisters(guest.registers)
        #expect(
            try guest.cpu.run() == .mmioWrite(address: GuestAddress(0x0900_0000), width: .doubleword, value: 0))
        try overwrite(guest.memory)
        return try guest.runOn()
    }

    @Test("a copy into guest memory drops the code that was decoded from there")
    func copy() throws {
        let end = try run { try $0.copyIn(Self.returnTwo.bytes, to: GuestAddress(Self.routine)) }
        #expect(end.x[20] == 1)
        #expect(end.x[21] == 2)
    }

    @Test("a copy over several pages drops the code in the last of them")
    func longCopy() throws {
        let end = try run {
            try $0.copyIn([UInt8](repeating: 0, count: 0x2000) + Self.returnTwo.bytes, to: GuestAddress(0x4001_E000))
        }
        #expect(end.x[21] == 2)
    }

    @Test("so does a sized store, and one through a window")
    func store() throws {
        #expect(try run { try $0.store(Self.returnTwo, at: GuestAddress(Self.routine)) }.x[21] == 2)
        let end = try run {
            let window = try #require($0.window(at: GuestAddress(Self.routine - 4), size: 8))
            window.storeWord(Self.returnTwo, at: 4)
        }
        #expect(end.x[21] == 2)
    }

    @Test("code elsewhere in memory goes on")
    func elsewhere() throws {
        let end = try run { try $0.copyIn([1, 2, 3], to: GuestAddress(Self.routine + 0x1000)) }
        #expect(end.x[20] == 1)
        #expect(end.x[21] == 1)
    }
}

extension BareGuest {
    /// Goes on after an exit until an exception reached its vector.
    func runOn() throws -> ARM64Registers {
        #expect(try cpu.run() == .systemEvent(.powerOff))
        return try cpu.registers()
    }
}

extension UInt32 {
    fileprivate var bytes: [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: self >> UInt32($0 * 8)) } }
}
