import Testing
import VMMCore
import VMMTestSupport

@Suite struct SharedInterruptLineTests {
    @Test("the wire is asserted while any end is, and each end's level counts once")
    func levels() {
        let line = RecordingInterruptLine()
        let wire = SharedInterruptLine(line)
        let (one, other) = (wire.makeEnd(), wire.makeEnd())
        one.setLevel(false)
        #expect(line.calls == 0)
        one.setLevel(true)
        one.setLevel(true)
        other.setLevel(true)
        #expect(line.isAsserted)
        one.setLevel(false)
        one.setLevel(false)
        #expect(line.isAsserted)
        other.setLevel(false)
        #expect(!line.isAsserted)
        #expect(line.transitions == [true, false])
    }

    @Test("ends that several threads pull at once leave the wire at the level of the last ones")
    func threads() {
        let line = RecordingInterruptLine()
        let wire = SharedInterruptLine(line)
        let kept = wire.makeEnd()
        let threads = (0..<3).map { _ in
            let end = wire.makeEnd()
            return HostThread { for round in 0..<10_000 { end.setLevel(round % 2 == 0) } }
        }
        for thread in threads { #expect(thread.finishes(within: 60)) }
        #expect(!line.isAsserted)
        kept.setLevel(true)
        #expect(line.isAsserted)
    }
}
