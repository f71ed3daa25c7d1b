internal import Glibc
internal import HostIO
internal import SuiteRunner
internal import Synchronization
internal import VMMCore

/// A line for each case that has ended; on a terminal also one for each that runs, rewritten in place.
///
/// Threading: the loop's thread; `end` after it.
final class ProgressView: Sendable {
    private static let period = Nanoseconds.milliseconds(200)

    private struct State {
        var finished = 0
        var liveLines = 0
        var running: (@Sendable () -> [RunningCase])?
    }

    private let total: Int
    private let suite: String
    private let loop: EventLoop
    private let clock = HostClock()
    private let isLive: Bool
    private let state = Mutex(State())

    init(_ total: Int, suite: String, loop: EventLoop) {
        self.total = total
        self.suite = suite
        self.loop = loop
        isLive = HostFacts.outputColumns != nil
    }

    func begin(_ running: @escaping @Sendable () -> [RunningCase]) {
        state.withLock { $0.running = running }
        if isLive { tick() }
    }

    func show(_ event: SuiteEvent) {
        let result: CaseResult
        // Where a finished case has its number.
        var counter: String
        switch event {
        case .started, .done: return
        case .retried(let failed): (result, counter) = (failed, "again")
        case .finished(let last):
            let number = state.withLock { state in
                state.finished += 1
                return state.finished
            }
            (result, counter) = (last, "\(number)/\(total)")
        }
        let width = 2 * String(total).count + 1
        counter = String(repeating: " ", count: max(0, width - counter.count)) + counter
        var text = "\(counter) \(result.headline)\n"
        if let details = result.details(suite) {
            text += details.split(separator: "\n", omittingEmptySubsequences: false).map { "    \($0)\n" }.joined()
        }
        draw(above: text)
    }

    func end() {
        state.withLock { $0.running = nil }
        draw(above: "")
    }

    private func tick() {
        guard state.withLock({ $0.running != nil }) else { return }
        draw(above: "")
        _ = loop.schedule(at: clock.now + Self.period) { [weak self] in self?.tick() }
    }

    /// Prints `text` where the lines of running cases stood, and those below it anew.
    private func draw(above text: String) {
        guard isLive else {
            write(text)
            return
        }
        let columns = HostFacts.outputColumns ?? 80
        let (old, running) = state.withLock { ($0.liveLines, $0.running) }
        let lines = (running?() ?? []).map { Self.line($0, columns: columns) }
        state.withLock { $0.liveLines = lines.count }
        // Up, and erase to the end of the screen. Source: ECMA-48 §8.3.22 (CUU), §8.3.39 (ED).
        let erase = old > 0 ? "\u{1B}[\(old)A\u{1B}[J" : ""
        write(erase + text + lines.map { $0 + "\n" }.joined())
    }

    private static func line(_ running: RunningCase, columns: Int) -> String {
        let steps =
            running.stepCount > 0 ? " step \(min(running.stepsDone + 1, running.stepCount))/\(running.stepCount)" : ""
        let line = "  .. \(running.name) \(running.elapsed.words)\(steps) | \(running.lastLine)"
        // The last column stays free: some terminals wrap there.
        return String(line.unicodeScalars.prefix(max(20, columns - 1)).map { $0.value < 0x20 ? " " : Character($0) })
    }

    private func write(_ text: String) {
        guard !text.isEmpty else { return }
        print(text, terminator: "")
        _ = fflush(nil)
    }
}
