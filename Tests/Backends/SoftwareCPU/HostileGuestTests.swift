import SoftwareCPU
import Testing
import VMMCore
import VMMTestSupport

/// What a guest can do to itself must not touch the host: the CPU goes on, answers a kick, and its registers can be read.
@Suite struct HostileGuestTests {
    /// Runs for ever in another thread; a kick must end it. Then once more.
    private func checkEndless(_ guest: BareGuest) throws {
        try guest.cpu.setRegisters(guest.registers)
        let cpu = guest.cpu
        for _ in 0..<2 {
            let exits = Recorder<VCPUExit>()
            let before = cpu.executedInstructions
            let thread = HostThread { if let exit = try? cpu.run() { exits.record(exit) } }
            cpu.kick()
            #expect(thread.finishes(within: 20))
            #expect(exits.values == [.interrupted])
            #expect(cpu.executedInstructions >= before)
        }
        _ = try cpu.registers()
    }

    @Test(
        "exceptions without end: the vectors are unmapped, beyond the address size, a device, or undefined instructions"
    )
    func endlessExceptions() throws {
        for vectors: UInt64 in [0x1000_0000, 0xFFFF_FFFF_0000_0000, 0x7F_FFFF_F800, 0x0900_0000] {
            let guest = try BareGuest([0])
            try guest.put(1 << 10 | 1 << 2 | 1, at: 0x4000_0000)
            guest.registers.vbar_el1 = vectors
            try checkEndless(guest)
        }
        let guest = try BareGuest([0])
        guest.registers.vbar_el1 = BareGuest.code + 0x800
        try checkEndless(guest)
    }

    @Test("an exception at each fetch with the MMU off, and a program counter beyond all memory")
    func fetchNowhere() throws {
        for (pc, fault) in [(0x0900_0000 as UInt64, 0x10 as UInt64), (0x4040_0000, 0x10), (1 << 41, 0), (~3, 0)] {
            let guest = try BareGuest([])
            guest.registers.sctlr_el1 = 1 << 23
            guest.registers.pc = pc
            let end = try guest.runToException()
            #expect(end.esr_el1 >> 26 == 0x21)
            #expect(end.esr_el1 & 0x3F == fault)
            #expect(end.far_el1 == pc && end.elr_el1 == pc)
        }
    }

    @Test("tables that lead to themselves end at the last level")
    func tableLoop() throws {
        // ldr x20, [x1]
        let guest = try BareGuest([0xF940_0034])
        // Level 1 entry 2 leads to the level 1 table: three levels on it is a page, the table itself.
        try guest.put(0x4000_0000 | 3 | 1 << 10, at: 0x4000_0010)
        guest.registers.x[1] = 2 << 30 | 2 << 21 | 2 << 12 | 0x10
        #expect(try guest.runToException().x[20] == 0x4000_0403)
    }

    @Test("a table outside RAM: an external abort on the walk, of the data access and of the fetch")
    func tableNowhere() throws {
        let guest = try BareGuest([0xF940_0034])
        try guest.put(0x0900_0000 | 3, at: 0x4000_0010)
        guest.registers.x[1] = 2 << 30
        let data = try guest.runToException()
        #expect(data.esr_el1 == 0x25 << 26 | 1 << 25 | 0x16)
        guest.registers.pc = 2 << 30
        let fetch = try guest.runToException()
        #expect(fetch.esr_el1 == 0x21 << 26 | 1 << 25 | 0x16)
        guest.registers.pc = BareGuest.code
        guest.registers.ttbr0_el1 = 0x1000_0000
        try checkEndless(guest)
    }

    @Test("an interrupt that nobody quietens is taken again and again, also while the handler ends at once")
    func interruptStorm() throws {
        let guest = try BareGuest([0x1400_0000])
        try guest.put([0xD69F_03E0], at: BareGuest.vectors + 0x280)
        guest.registers.pstate = 0x345
        guest.cpu.irq.setLevel(true)
        try checkEndless(guest)
        // And lines that change all the time, from another thread.
        let cpu = guest.cpu
        let exits = Recorder<VCPUExit>()
        let runner = HostThread { if let exit = try? cpu.run() { exits.record(exit) } }
        for _ in 0..<100_000 {
            cpu.irq.setLevel(false)
            cpu.irq.setLevel(true)
        }
        cpu.kick()
        #expect(runner.finishes(within: 20))
        #expect(exits.values == [.interrupted])
    }

    @Test("stores to where nothing is are exits, and one by one complete")
    func storesToHoles() throws {
        // str x20, [x1], #8; b .-4
        let guest = try BareGuest([0xF800_8434, 0x17FF_FFFF])
        try guest.put(1 << 10 | 1 << 2 | 1, at: 0x4000_0000)
        guest.registers.x[1] = 0x1000_0000
        try guest.cpu.setRegisters(guest.registers)
        for index in 0..<1000 as Range<UInt64> {
            #expect(
                try guest.cpu.run()
                    == .mmioWrite(address: GuestAddress(0x1000_0000 + index * 8), width: .doubleword, value: 0))
        }
    }

    @Test("a program that overwrites itself as it goes")
    func selfDestruction() throws {
        // str x0, [x1], #-4 from its end, in a loop, over itself: what was stored is executed.
        let guest = try BareGuest([0xF81F_C420, 0x17FF_FFFF])
        guest.registers.x[1] = BareGuest.code + 64
        guest.registers.x[0] = 0
        let end = try guest.runToException()
        #expect(end.esr_el1 == 1 << 25)
    }

    @Test("random words as a program: nothing but exceptions and exits", arguments: [0x3C5, 0, 0x3C4] as [UInt64])
    func randomWords(pstate: UInt64) throws {
        var random = SeededGenerator(seed: 3 + pstate)
        let guest = try BareGuest([])
        try guest.put(0x4000_0000 | 0x701 | 1 << 6, at: 0x4000_1000)
        for program in 0..<600 as Range<UInt64> {
            let place = BareGuest.code + program * 256
            try guest.put((0..<60).map { _ in UInt32(truncatingIfNeeded: random.next()) }, at: place)
            guest.registers.pc = place
            guest.registers.pstate = pstate
            guest.registers.sctlr_el1 = 0x1005 | 1 << 23 | (program & 7) << 1
            for register in 0..<31 {
                let edges: [UInt64] = [0, 1, ~0, BareGuest.code, 0x4003_0000, 0x4003_0FFC, 0x403F_FFF9, random.next()]
                guest.registers.x[register] = edges.randomElement(using: &random) ?? 0
            }
            try guest.cpu.setRegisters(guest.registers)
            try guest.cpu.setSingleStep(true)
            for _ in 0..<64 {
                if case .mmioRead = try guest.cpu.run() { guest.cpu.completeRead(random.next()) }
            }
            try guest.cpu.setSingleStep(false)
        }
    }
}
