import Testing
import VMMCore
import VMMTestSupport

@Suite struct RateLimiterTests {
    /// Lets as much pass as may, `amount` bytes at a time, from `start` to `end`. Gives how often.
    private func run(
        _ core: inout RateLimiterCore, _ amount: UInt64, from start: Nanoseconds, to end: Nanoseconds
    ) -> UInt64 {
        var now = start
        var count: UInt64 = 0
        while now < end {
            guard let ready = core.pass(bytes: amount, at: now) else {
                count += 1
                continue
            }
            #expect(ready > now)
            now = ready
        }
        return count
    }

    @Test("operations: a burst at once, then the rate", arguments: [1, 3, 7, 1000, 999_983] as [UInt64])
    func operations(rate: UInt64) {
        var core = RateLimiterCore(RateLimits(operations: RateLimit(rate: rate, burst: 5)))
        for _ in 0..<5 { #expect(core.pass(bytes: 1 << 40, at: .zero) == nil) }
        #expect(core.pass(bytes: 0, at: .zero) == Nanoseconds(1_000_000_000 / rate))
        let count = run(&core, 0, from: .zero, to: .seconds(2))
        // The next one comes at the end, or a nanosecond before it.
        #expect(count == rate * 2 || count == rate * 2 - 1, "\(count)")
    }

    @Test("bytes: rates that are no divisor of a second are held exactly, whatever the size")
    func bytes() {
        for amount in [101, 512, 4096, 1_000_003] as [UInt64] {
            var core = RateLimiterCore(RateLimits(bytes: RateLimit(rate: 3_000_017, burst: 512)))
            let passed = run(&core, amount, from: .zero, to: .seconds(3)) * amount
            #expect(passed >= 3_000_017 * 3 - 512)
            #expect(passed <= 3_000_017 * 3 + 512 + amount)
        }
    }

    @Test("more than a burst passes when the bucket is full, and what comes after pays for it")
    func debt() {
        var core = RateLimiterCore(RateLimits(bytes: RateLimit(rate: 1000, burst: 100)))
        #expect(core.pass(bytes: 5000, at: .seconds(1)) == nil)
        #expect(core.pass(bytes: 1, at: .seconds(1)) == .milliseconds(5901))
        #expect(core.pass(bytes: 100_000, at: .seconds(1)) == .seconds(6))
        #expect(core.pass(bytes: 1, at: .milliseconds(5900)) == .milliseconds(5901))
        #expect(core.pass(bytes: 1, at: .milliseconds(5901)) == nil)
    }

    @Test("an idle time fills the bucket up to the burst, and no more")
    func idle() {
        var core = RateLimiterCore(RateLimits(operations: RateLimit(rate: 10, burst: 3)))
        _ = run(&core, 0, from: .zero, to: .seconds(1))
        for _ in 0..<3 { #expect(core.pass(bytes: 0, at: .seconds(100)) == nil) }
        #expect(core.pass(bytes: 0, at: .seconds(100)) == .milliseconds(100_100))
    }

    @Test("both limits hold, and what one refuses takes nothing from the other")
    func both() {
        var core = RateLimiterCore(
            RateLimits(operations: RateLimit(rate: 10, burst: 1), bytes: RateLimit(rate: 1000, burst: 1000)))
        #expect(core.pass(bytes: 500, at: .zero) == nil)
        for _ in 0..<20 { #expect(core.pass(bytes: 500, at: .zero) == .milliseconds(100)) }
        #expect(core.pass(bytes: 500, at: .milliseconds(100)) == nil)
        #expect(core.pass(bytes: 500, at: .milliseconds(200)) == .milliseconds(500))
    }

    @Test("extremes neither trap nor pass for ever")
    func extremes() {
        for rate in [0, 1, .max] as [UInt64] {
            for burst in [0, 1, .max] as [UInt64?] + [nil] {
                var core = RateLimiterCore(
                    RateLimits(
                        operations: RateLimit(rate: rate, burst: burst), bytes: RateLimit(rate: rate, burst: burst)))
                for amount in [0, 1, .max] as [UInt64] {
                    for now in [.zero, Nanoseconds(.max)] {
                        if let ready = core.pass(bytes: amount, at: now) { #expect(ready > now) }
                    }
                }
            }
        }
    }

    @Test("the deadline is set when something waits, by the limiter's clock")
    func deadline() {
        let clock = ManualClock(now: .seconds(50))
        let deadline = RecordingDeadline()
        let limiter = RateLimiter(
            RateLimits(operations: RateLimit(rate: 2, burst: 1)), clock: clock, scheduler: deadline)
        #expect(limiter.pass(bytes: 1))
        #expect(deadline.deadline == nil)
        #expect(!limiter.pass(bytes: 1))
        #expect(deadline.deadline == .milliseconds(50_500))
        clock.advance(by: .milliseconds(500))
        #expect(deadline.take(at: clock.now))
        #expect(limiter.pass(bytes: 1))
    }
}
