import Testing
import VMMCore
import VMMTestSupport

@Suite struct DeadlineTests {
    @Test("a deadline is told once; a change during the telling is told after it, by the same caller")
    func output() {
        var output = DeadlineOutput()
        #expect(output.beginDelivery() == nil)
        output.want(Nanoseconds(5))
        #expect(output.beginDelivery() == .schedule(Nanoseconds(5)))
        output.want(Nanoseconds(3))
        #expect(output.beginDelivery() == nil)
        #expect(output.continueDelivery() == .schedule(Nanoseconds(3)))
        #expect(output.continueDelivery() == nil)
        output.want(nil)
        #expect(output.beginDelivery() == .cancel)
        #expect(output.continueDelivery() == nil)
    }

    @Test("a deadline that has passed is told again when it is wanted again")
    func passed() {
        var output = DeadlineOutput()
        output.want(Nanoseconds(5))
        _ = output.beginDelivery()
        _ = output.continueDelivery()
        output.passed()
        #expect(output.beginDelivery() == .schedule(Nanoseconds(5)))
        #expect(output.continueDelivery() == nil)
        output.passed()
        output.want(nil)
        #expect(output.beginDelivery() == nil)
    }

    @Test("on an event loop: the last deadline counts, a cancelled one does not call back")
    func eventLoop() throws {
        let loop = try EventLoop()
        let clock = HostClock()
        let replaced = EventLoopDeadline(loop: loop)
        let cancelled = EventLoopDeadline(loop: loop)
        let calls = Recorder<String>()
        cancelled.setHandler { calls.record("cancelled") }
        replaced.setHandler {
            calls.record("replaced")
            loop.stop()
        }
        cancelled.schedule(at: clock.now)
        cancelled.cancel()
        replaced.schedule(at: clock.now + .seconds(3600))
        replaced.schedule(at: clock.now + .milliseconds(1))
        loop.run()
        #expect(calls.values == ["replaced"])
    }
}
