import Testing
import VMMCore
import VMMTestSupport

@testable import VMM

@Suite struct TimelineTests {
    @Test("buckets double until the run fits, and no exit is lost")
    func bucketsDouble() {
        let clock = ManualClock()
        let recorder = TimelineRecorder(clock: clock, start: clock.now)
        for _ in 0..<1_000 {
            recorder.note(.portWrite, on: VCPUIndex(0))
            clock.advance(by: .milliseconds(1))
        }
        let exits = recorder.recording().exits
        #expect(exits.counts[ExitKind.portWrite.rawValue].reduce(0, +) == 1_000)
        #expect(exits.bucketWidth == .milliseconds(2))
    }

    @Test("console lines beyond the limit are counted, not kept")
    func lineLimit() {
        let clock = ManualClock()
        let recorder = TimelineRecorder(clock: clock, start: clock.now)
        for number in 0..<TimelineRecorder.maximumLines + 5 { recorder.consoleLine("line \(number)", at: clock.now) }
        #expect(recorder.recording().lines.count == TimelineRecorder.maximumLines)
        #expect(recorder.recording().droppedLines == 5)
    }

    @Test("a console line cannot put markup or control characters into the page")
    func hostileText() {
        let clock = ManualClock()
        let recorder = TimelineRecorder(clock: clock, start: clock.now)
        recorder.phase("load") { clock.advance(by: .milliseconds(2)) }
        recorder.consoleLine("<script>alert(1)</script>\u{1B}[31m&", at: clock.now)
        recorder.note(.mmioRead, on: VCPUIndex(0))
        let page = TimelinePage(recorder.recording(), .init(title: "a <b>", facts: [(name: "image", value: "\"x\"")]))
            .html
        #expect(!page.contains("<script>"))
        #expect(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;\u{FFFD}[31m&amp;"))
        #expect(page.contains("a &lt;b&gt;"))
        #expect(page.contains("mmio read: 1"))
    }
}
