import KernelCore
import Testing

@Suite struct TraceTests {
    static let point = TracePoint(5, "sched.switch", "from", "to")
    static let other = TracePoint(63, "timer.fire")

    @Test("a point is on or off by itself")
    func control() {
        let control = TraceControl()
        let before = control.isActive
        control.set(Self.point, enabled: true)
        let states = [before, control.isEnabled(Self.point), control.isEnabled(Self.other), control.isActive]
        control.set(Self.other, enabled: true)
        control.set(Self.point, enabled: false)
        let after = [control.isEnabled(Self.point), control.isEnabled(Self.other)]
        control.disableAll()
        let end = control.isActive
        #expect(states == [false, true, false, true] && after == [false, true] && !end)
    }

    /// Two rings in a class: the closure of a merge wants something that can be copied.
    final class Rings: Sendable {
        let first: TraceRing
        let second: TraceRing
        init(_ host: HostWindow, records: Int) {
            first = TraceRing(storage: host.storage(at: 0, count: records * 32), cpu: 0)
            second = TraceRing(storage: host.storage(at: 0x8000, count: records * 32), cpu: 1)
        }
        func access(_ cpu: Int, _ body: (borrowing TraceRing) -> Void) {
            if cpu == 0 { body(first) } else { body(second) }
        }
    }

    @Test(
        "several CPUs' records come in order of time, the oldest ones overwritten",
        arguments: 1...8 as ClosedRange<UInt64>)
    func merge(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let host = try #require(HostWindow(start: 1 << 30, size: 0x1_0000))
        host.soil(PhysicalRange(start: 1 << 30, size: 0x1_0000))
        let rings = Rings(host, records: 64)
        var expected: [[TraceRing.Record]] = [[], []]
        var time: UInt64 = 0
        for number in 0..<UInt64.random(in: 0...400, using: &random) {
            time += UInt64.random(in: 0...3, using: &random)
            let cpu = Int.random(in: 0...1, using: &random)
            rings.access(cpu) { $0.append(number % 3 == 0 ? Self.other : Self.point, time: time, number, ~number) }
            expected[cpu].append(
                TraceRing.Record(
                    time: time, id: number % 3 == 0 ? 63 : 5, cpu: UInt8(cpu), first: number, second: ~number))
        }
        for newest in [UInt64.max, 10] {
            let kept = expected.map { $0.suffix(min(64, Int(min(newest, 64)))) }.joined()
                .sorted { ($0.time, $0.cpu) < ($1.time, $1.cpu) }
            var merge = TraceMerge(cpus: 2, newest: newest) { rings.access($0, $1) }
            var got: [TraceRing.Record] = []
            while let record = merge.next() { got.append(record) }
            #expect(got == kept && merge.lost == 0)
        }
    }

    @Test("records overwritten while they are read are counted, and none is given wrong")
    func overwritten() throws {
        let host = try #require(HostWindow(start: 1 << 30, size: 0x1_0000))
        let rings = Rings(host, records: 4)
        for number in 0..<4 as Range<UInt64> { rings.first.append(Self.point, time: number, number) }
        var merge = TraceMerge(cpus: 2) { rings.access($0, $1) }
        #expect(merge.next()?.first == 0)
        for number in 4..<7 as Range<UInt64> { rings.first.append(Self.point, time: number, number) }
        #expect(merge.next()?.first == 3)
        #expect(merge.next() == nil && merge.lost == 2)
    }
}
