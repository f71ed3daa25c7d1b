import Testing
import VMMCore
import VMMTestSupport

@Suite struct TimeTests {
    @Test("time saturates at both ends of its range")
    func saturation() {
        #expect(Nanoseconds(.max) + Nanoseconds(1) == Nanoseconds(.max))
        #expect(Nanoseconds(1) - Nanoseconds(2) == .zero)
        #expect(Nanoseconds(5) - Nanoseconds(2) == Nanoseconds(3))
        #expect(Nanoseconds.seconds(.max) == Nanoseconds(.max))
        #expect(Nanoseconds.milliseconds(2) == .microseconds(2000))
        #expect(Nanoseconds.seconds(1).rawValue == 1_000_000_000)
    }

    @Test("the host's monotonic clock does not go back, and its wall clock is past 2020")
    func hostClock() {
        let clock = HostClock()
        let first = clock.now
        #expect(clock.now >= first)
        #expect(first > .zero)
        #expect(clock.realTime > .seconds(1_577_836_800))
    }
}

@Suite struct VCPUExitTests {
    @Test("an exit comes back in registers: it has at most 32 bytes")
    func size() { #expect(MemoryLayout<VCPUExit>.size <= 32) }
}

@Suite struct InstructionBytesTests {
    @Test("up to 15 bytes come back in order; more are cut", arguments: [0, 1, 7, 8, 9, 14, 15, 16, 17, 100])
    func bytes(count: Int) {
        let given = (0..<count).map { UInt8(truncatingIfNeeded: $0 + 0xe0) }
        let kept = InstructionBytes(given)
        #expect(kept.bytes == Array(given.prefix(15)))
        #expect(kept.count == min(count, 15))
    }

    @Test("a trailing zero counts")
    func trailingZero() {
        #expect(InstructionBytes([0x90, 0]) != InstructionBytes([0x90]))
        #expect(InstructionBytes() == InstructionBytes([]))
    }
}

@Suite struct AccessWidthTests {
    @Test("the mask of a width has its bits set and no other")
    func masks() {
        #expect(AccessWidth.allCases.map(\.mask) == [0xff, 0xffff, 0xffff_ffff, .max])
        #expect(AccessWidth(rawValue: 3) == nil)
    }
}

@Suite struct GuestFaultLogTests {
    @Test("in each second the limit passes, and the rest is counted and told later")
    func rateLimit() {
        let clock = ManualClock(now: .seconds(100))
        let lines = Recorder<String>()
        let log = GuestFaultLog(clock: clock, limitPerSecond: 2) { lines.record($0) }
        for number in 0..<5 { log.report("fault \(number)") }
        #expect(lines.values == ["fault 0", "fault 1"])
        clock.advance(by: .milliseconds(999))
        log.report("too early")
        #expect(lines.count == 2)
        clock.advance(by: .milliseconds(1))
        log.report("next")
        log.report("last")
        #expect(lines.values.suffix(2) == ["next (4 earlier messages left out)", "last"])
    }

    @Test("what is told once is told once a key, past the limit of a second, and for so many keys")
    func once() {
        let lines = Recorder<String>()
        let log = GuestFaultLog(clock: ManualClock(), limitPerSecond: 1) { lines.record($0) }
        for _ in 0..<3 { for key in 0..<3 as Range<UInt64> { log.reportOnce(key, "fault \(key)") } }
        #expect(lines.values == ["fault 0", "fault 1", "fault 2"])
        for key in 0..<10_000 as Range<UInt64> { log.reportOnce(key, "fault \(key)") }
        #expect(lines.count == GuestFaultLog.onceLimit)
        #expect(lines.values.last == "fault \(GuestFaultLog.onceLimit - 1) (no more of these are told)")
        log.report("another")
        #expect(lines.values.last == "another")
    }

    @Test("a message that does not pass is not built")
    func lazyMessage() {
        let built = Recorder<Int>()
        func message() -> String {
            built.record(1)
            return ""
        }
        let log = GuestFaultLog(clock: ManualClock(), limitPerSecond: 1) { _ in }
        for _ in 0..<3 { log.report(message()) }
        #expect(built.count == 1)
    }

    @Test("the sink may report itself: no lock is held while it runs")
    func reentrancy() {
        let lines = Recorder<String>()
        let again = Recorder<GuestFaultLog>()
        let log = GuestFaultLog(clock: ManualClock(), limitPerSecond: 2) { line in
            lines.record(line)
            again.values.first?.report("from the sink")
        }
        again.record(log)
        log.report("first")
        #expect(lines.values == ["first", "from the sink"])
    }
}
