import Testing
import VMMCore

@testable import GICv3

@Suite struct GICStateMachineTests {
    @Test(
        "each event in each state: (pending, active) before and after",
        arguments: [
            // makePending, clearPending, acknowledge, deactivate, activate
            (.inactive, [.pending, .inactive, .active, .inactive, .active]),
            (.pending, [.pending, .inactive, .active, .pending, .activeAndPending]),
            (.active, [.activeAndPending, .active, .active, .inactive, .active]),
            (.activeAndPending, [.activeAndPending, .active, .activeAndPending, .pending, .activeAndPending]),
        ] as [(GICInterruptState, [GICInterruptState])])
    func transitions(_ state: GICInterruptState, _ after: [GICInterruptState]) {
        #expect(GICInterruptState.Event.allCases.map(state.after) == after)
    }

    @Test("a bank keeps each interrupt's state apart from its neighbours")
    func bank() {
        for index in 0..<32 {
            for state in GICInterruptState.allCases {
                for event in GICInterruptState.Event.allCases {
                    var bank = GICBank(sgis: 0)
                    if state.rawValue & 1 != 0 { bank.apply(.makePending, to: index) }
                    if state.rawValue & 2 != 0 { bank.apply(.activate, to: index) }
                    #expect(bank.state(index) == state)
                    bank.apply(event, to: index)
                    #expect(bank.state(index) == state.after(event))
                    #expect((bank.latched | bank.active) & ~(1 << UInt32(index)) == 0)
                }
            }
        }
    }

    @Test("the register table: each base decodes to its register, and areas do not overlap")
    func table() {
        var next: UInt64 = 0
        for register in GICBankRegister.allCases {
            #expect(register.base >= next)
            next = register.base + UInt64(128 * register.bitsPerInterrupt)
            let decoded = GICBankRegister.decode(register.base, .word)
            #expect(decoded?.register == register && decoded?.firstINTID == 0)
            let last = GICBankRegister.decode(next - 4, .word)
            #expect(last?.register == register && last?.firstINTID == 1024 - 32 / register.bitsPerInterrupt)
        }
    }
}
