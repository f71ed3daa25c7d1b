import SoftwareCPU
import Testing
import VMMCore

/// Breakpoints and watchpoints from outside.
@Suite struct DebugPointTests {
    private static func stop(_ address: UInt64, _ reason: DebugReason) -> VCPUExit {
        .debug(address: GuestVirtualAddress(address), reason: reason)
    }

    private static func watch(_ address: UInt64, _ isWrite: Bool) -> DebugReason {
        .watchpoint(accessed: GuestVirtualAddress(address), isWrite: isWrite)
    }

    @Test(
        "a breakpoint stops before its instruction, in a loop each time, also in code that ran before; going on passes it"
    )
    func breakpoint() throws {
        // mov x20, #3; add x21, x21, #1; subs x20, x20, #1; b.ne -2; svc
        let guest = try BareGuest([0xD280_0074, 0x9100_06B5, 0xF100_0694, 0x54FF_FFC1, 0xD400_0001])
        #expect(try guest.runToException().x[21] == 3)
        guest.cpu.setHostBreakpoints([BareGuest.code + 4])
        try guest.cpu.setRegisters(guest.registers)
        for passed: UInt64 in 0..<3 {
            #expect(try guest.cpu.run() == Self.stop(BareGuest.code + 4, .breakpoint))
            let registers = try guest.cpu.registers()
            #expect(registers.pc == BareGuest.code + 4)
            #expect(registers.x[21] == passed)
        }
        #expect(try guest.cpu.run() == .systemEvent(.powerOff))
        guest.cpu.setHostBreakpoints([])
        #expect(try guest.runToException().x[21] == 3)
    }

    @Test("a breakpoint on the same place of another page stops nothing")
    func otherPage() throws {
        let guest = try BareGuest([0xD280_0074, 0xD400_0001])
        guest.cpu.setHostBreakpoints([BareGuest.code + 0x1000, BareGuest.code + 0x2004, 1, ~0])
        let before = guest.cpu.executedInstructions
        #expect(try guest.runToException().x[20] == 3)
        // mov, svc, and movz, movk, hvc of the vector.
        #expect(guest.cpu.executedInstructions - before == 5)
    }

    @Test("a single step onto a breakpoint and off it")
    func stepping() throws {
        let guest = try BareGuest([0xD280_0074, 0x9100_06B5, 0x9100_06B5, 0xD400_0001])
        guest.cpu.setHostBreakpoints([BareGuest.code + 4])
        try guest.cpu.setRegisters(guest.registers)
        try guest.cpu.setSingleStep(true)
        #expect(try guest.cpu.run() == Self.stop(BareGuest.code + 4, .step))
        #expect(try guest.cpu.run() == Self.stop(BareGuest.code + 4, .breakpoint))
        #expect(try guest.cpu.run() == Self.stop(BareGuest.code + 8, .step))
        #expect(try guest.cpu.registers().x[21] == 1)
        // An instruction with an exception ends at the vector.
        try guest.cpu.setSingleStep(false)
        guest.cpu.setHostBreakpoints([BareGuest.vectors + 0x200])
        #expect(try guest.cpu.run() == Self.stop(BareGuest.vectors + 0x200, .breakpoint))
    }

    @Test("moving the PC to an instruction with a breakpoint arms it again")
    func movedPC() throws {
        let guest = try BareGuest([0xD280_0074, 0xD280_0075, 0xD400_0001])
        guest.cpu.setHostBreakpoints([BareGuest.code, BareGuest.code + 4])
        try guest.cpu.setRegisters(guest.registers)
        #expect(try guest.cpu.run() == Self.stop(BareGuest.code, .breakpoint))
        guest.registers.pc = BareGuest.code + 4
        try guest.cpu.setRegisters(guest.registers)
        #expect(try guest.cpu.run() == Self.stop(BareGuest.code + 4, .breakpoint))
    }

    /// Instruction, what is watched from the data's start (offset, size, reads, writes), the offset of the hit, whether it writes.
    private static let accesses: [(UInt32, (UInt64, UInt64, Bool, Bool), UInt64?, Bool)] = [
        (0xF940_0020, (0, 8, true, false), 0, false),  // ldr x0, [x1]
        (0xF940_0020, (0, 8, false, true), nil, false),
        (0xF900_0020, (0, 8, false, true), 0, true),  // str x0, [x1]
        (0xF900_0020, (0, 8, true, false), nil, true),
        (0xF900_0020, (6, 1, true, true), 6, true),
        (0xF900_0020, (8, 4, true, true), nil, true),
        (0x3900_0020, (1, 1, true, true), nil, true),  // strb w0, [x1]
        (0xA900_0020, (8, 1, true, true), 8, true),  // stp x0, x0, [x1]
        (0x3DC0_0020, (15, 1, true, true), 15, false),  // ldr q0, [x1]
        (0x4C00_2020, (63, 1, true, true), 63, true),  // st1 {v0.16b-v3.16b}, [x1]
        (0xD50B_7421, (32, 1, false, true), 32, true),  // dc zva, x1
        (0xC85F_7C20, (0, 4, true, false), 0, false),  // ldxr x0, [x1]
        (0xF820_0020, (4, 4, true, false), 4, false),  // ldadd x0, x0, [x1]
        (0xF820_0020, (4, 4, false, true), 4, true),
        (0xF940_0020, (~0, 2, true, false), 0, false),
    ]

    @Test("a watchpoint stops before the access, which happens when the guest goes on", arguments: accesses)
    func watchpoint(word: UInt32, range: (UInt64, UInt64, Bool, Bool), hit: UInt64?, isWrite: Bool) throws {
        let guest = try BareGuest([0xD503_201F, word, word, 0xD400_0001])
        let data: UInt64 = 0x4003_0040
        guest.registers.x[0] = 7
        guest.registers.x[1] = data
        guest.cpu.setHostWatchpoints([
            Watchpoint(
                address: GuestVirtualAddress(data &+ range.0), size: range.1, isOnReads: range.2, isOnWrites: range.3)
        ])
        try guest.cpu.setRegisters(guest.registers)
        if let hit {
            for position: UInt64 in [4, 8] {
                #expect(
                    try guest.cpu.run() == Self.stop(BareGuest.code + position, Self.watch(data + hit, isWrite)))
                #expect(try guest.cpu.registers().pc == BareGuest.code + position)
            }
        }
        #expect(try guest.cpu.run() == .systemEvent(.powerOff))
        #expect(try guest.cpu.registers().esr_el1 >> 26 == 0x15)
        if word == 0xF900_0020 { #expect(try guest.memory.load(UInt64.self, at: GuestAddress(data)) == 7) }
    }

    @Test("a watched device is read once")
    func watchedDevice() throws {
        let guest = try BareGuest([0xB940_0034, 0xD400_0001])  // ldr w20, [x1]
        try guest.put(1 << 10 | 1 << 2 | 1, at: 0x4000_0000)
        guest.registers.x[1] = 0x1000_0000
        guest.cpu.setHostWatchpoints([
            Watchpoint(address: GuestVirtualAddress(0x1000_0000), size: 4, isOnReads: true, isOnWrites: false)
        ])
        try guest.cpu.setRegisters(guest.registers)
        #expect(try guest.cpu.run() == Self.stop(BareGuest.code, Self.watch(0x1000_0000, false)))
        #expect(try guest.cpu.run() == .mmioRead(address: GuestAddress(0x1000_0000), width: .word))
        guest.cpu.completeRead(9)
        #expect(try guest.cpu.run() == .systemEvent(.powerOff))
        #expect(try guest.cpu.registers().x[20] == 9)
    }
}
