import Testing
import VMMCore
import VMMTestSupport

@testable import VMM

@Suite struct MachineLifecycleTests {
    @Test("the first reason counts, and each listener is told once")
    func firstReason() {
        let lifecycle = MachineLifecycle()
        let told = Recorder<StopReason>()
        lifecycle.onStop { told.record($0) }
        lifecycle.onStop { told.record($0) }
        #expect(!lifecycle.isStopping && lifecycle.stopReason == nil)
        lifecycle.stop(.timedOut)
        lifecycle.stop(.powerOff)
        #expect(lifecycle.isStopping)
        #expect(lifecycle.stopReason == .timedOut)
        #expect(told.values == [.timedOut, .timedOut])
    }

    @Test("a listener that comes late is told at once")
    func lateListener() {
        let lifecycle = MachineLifecycle()
        lifecycle.stop(.userLeft)
        let told = Recorder<StopReason>()
        lifecycle.onStop { told.record($0) }
        #expect(told.values == [.userLeft])
    }

    @Test("a device's requests become reasons")
    func requests() {
        for (request, reason) in [
            (.powerOff, .powerOff), (.reset, .reset), (.panicked, .guestPanicked),
            (.debugExit(code: 43), .debugExit(code: 43)),
        ] as [(MachineRequest, StopReason)] {
            let lifecycle = MachineLifecycle()
            lifecycle.request(request)
            #expect(lifecycle.stopReason == reason)
        }
    }

    @Test("of two threads that stop it, one wins, and listeners hear the winner")
    func race() {
        for _ in 0..<200 {
            let lifecycle = MachineLifecycle()
            let told = Recorder<StopReason>()
            lifecycle.onStop { told.record($0) }
            let threads = [StopReason.reset, .timedOut].map { reason in HostThread { lifecycle.stop(reason) } }
            for thread in threads { #expect(thread.finishes(within: 20)) }
            #expect(told.values == [lifecycle.stopReason])
        }
    }
}
