import SoftwareCPU
import Testing
import VMMCore

/// Runs of a counted number of instructions.
@Suite struct BudgetTests {
    private static let wfi: UInt32 = 0xD503_207F
    private static let wfe: UInt32 = 0xD503_205F
    private static let yield: UInt32 = 0xD503_203F
    private static let sevl: UInt32 = 0xD503_20BF
    /// add x0, x0, #1
    private static let count: UInt32 = 0x9100_0400
    /// b .-4, and b .
    private static let back: UInt32 = 0x17FF_FFFF
    private static let stay: UInt32 = 0x1400_0000

    private func guest(_ code: [UInt32], cpuCount: Int = 1) throws -> BareGuest {
        let guest = try BareGuest(code, cpuCount: cpuCount)
        try guest.cpu.setRegisters(guest.registers)
        return guest
    }

    @Test("a budget is spent to the end of a block, the same in each run, and the sum tells what was executed")
    func budget() throws {
        let guests = try (0..<2).map { _ in try guest([Self.count, Self.back]) }
        for budget: UInt64 in [1, 2, 3, 63, 64, 1000, 100_001] {
            let before = guests[0].cpu.executedInstructions
            for guest in guests { #expect(try guest.cpu.run(instructions: budget) == .budgetSpent) }
            let executed = guests[0].cpu.executedInstructions - before
            #expect((budget...budget + 63).contains(executed))
            #expect(guests[1].cpu.executedInstructions == guests[0].cpu.executedInstructions)
        }
        #expect(try guests[0].cpu.registers() == guests[1].cpu.registers())
        #expect(try guests[0].cpu.registers().x[0] == (guests[0].cpu.executedInstructions + 1) / 2)
    }

    @Test("no budget: nothing is executed")
    func nothing() throws {
        let guest = try guest([Self.count, Self.back])
        #expect(try guest.cpu.run(instructions: 0) == .budgetSpent)
        #expect(guest.cpu.executedInstructions == 0)
    }

    @Test("WFI waits without executing anything, until an interrupt is asserted; a kick does not end it")
    func waitForInterrupt() throws {
        let guest = try guest([Self.wfi, Self.count, Self.stay])
        #expect(try guest.cpu.run(instructions: 100) == .waiting)
        #expect(try guest.cpu.run(instructions: 100) == .waiting)
        guest.cpu.kick()
        #expect(try guest.cpu.run(instructions: 100) == .exit(.interrupted))
        #expect(try guest.cpu.run(instructions: 100) == .waiting)
        #expect(guest.cpu.executedInstructions == 1)
        guest.cpu.irq.setLevel(true)
        #expect(try guest.cpu.run(instructions: 10) == .budgetSpent)
        #expect(try guest.cpu.registers().x[0] == 1)
    }

    @Test("WFE and YIELD end the run once; a set event is taken instead")
    func events() throws {
        let guest = try guest([Self.yield, Self.wfe, Self.sevl, Self.wfe, Self.count, Self.stay])
        #expect(try guest.cpu.run(instructions: 100) == .yielded)
        #expect(try guest.cpu.run(instructions: 100) == .waitingForEvent)
        #expect(guest.cpu.executedInstructions == 2)
        #expect(try guest.cpu.run(instructions: 100) == .budgetSpent)
        #expect(try guest.cpu.registers().x[0] == 1)
    }

    @Test("a CPU that is off waits; the other's broadcast TLBI and DSB wait for nobody on the same thread")
    func oneThread() throws {
        // tlbi vmalle1is; dsb ish
        let guest = try guest([0xD508_831F, 0xD503_3B9F, Self.count, Self.stay], cpuCount: 2)
        let second = try guest.machine.makeVCPU(VCPUIndex(1))
        #expect(try second.run(instructions: 100) == .waiting)
        #expect(try guest.cpu.run(instructions: 10) == .budgetSpent)
        #expect(try second.run(instructions: 100) == .waiting)
        #expect(try guest.cpu.registers().x[0] == 1)
        #expect(second.executedInstructions == 0)
    }

    @Test("endBudget ends a run at once when it comes before, and does not wake a CPU")
    func endBudget() throws {
        let guest = try guest([Self.count, Self.wfi, Self.stay])
        guest.cpu.endBudget()
        #expect(try guest.cpu.run(instructions: 100) == .budgetSpent)
        #expect(guest.cpu.executedInstructions == 0)
        #expect(try guest.cpu.run(instructions: 100) == .waiting)
        guest.cpu.endBudget()
        #expect(try guest.cpu.run(instructions: 100) == .waiting)
    }

    @Test("a kick ends the real sleep of a machine that waits for a user")
    func waitForKick() throws {
        let guest = try guest([Self.wfi])
        guest.cpu.kick()
        // Seen by no run yet: an hour's sleep ends at once.
        guest.cpu.waitForKick(atMost: .seconds(3600))
        #expect(try guest.cpu.run(instructions: 1) == .exit(.interrupted))
        guest.cpu.waitForKick(atMost: .milliseconds(1))
    }
}
