internal import Synchronization
package import VMMCore

/// Collects what `--timeline` shows: host phases, console lines, and exits by kind over time.
///
/// Bounded: at most `maximumLines` console lines and `bucketCount` exit buckets, whose width doubles as the run grows.
/// Threading: any thread. All times are the clock's; the page counts from `start`.
package final class TimelineRecorder: Sendable {
    package static let maximumLines = 2_000
    package static let maximumLineLength = 400
    package static let bucketCount = 512

    /// A span of the host's work, or an instant when both times are equal.
    package struct Phase: Sendable {
        package let name: String
        package let start: Nanoseconds
        package let end: Nanoseconds
    }

    package struct ConsoleLine: Sendable {
        package let time: Nanoseconds
        package let text: String
    }

    /// Exits by kind in consecutive buckets of `bucketWidth`, the first of which begins at the recorder's start.
    package struct ExitHistogram: Sendable {
        package fileprivate(set) var bucketWidth = Nanoseconds.microseconds(250)
        /// One row a kind, in the order of `ExitKind.allCases`.
        package fileprivate(set) var counts = [[UInt32]](
            repeating: Array(repeating: 0, count: TimelineRecorder.bucketCount), count: ExitKind.allCases.count)

        fileprivate mutating func add(_ kind: ExitKind, at time: Nanoseconds) {
            var index = Int(clamping: time.rawValue / bucketWidth.rawValue)
            while index >= TimelineRecorder.bucketCount {
                halve()
                index = Int(clamping: time.rawValue / bucketWidth.rawValue)
            }
            counts[kind.rawValue][index] &+= 1
        }

        /// Merges pairs of buckets, so that twice the time fits.
        private mutating func halve() {
            let count = TimelineRecorder.bucketCount
            for row in counts.indices {
                for index in 0..<count / 2 { counts[row][index] = counts[row][2 * index] &+ counts[row][2 * index + 1] }
                for index in count / 2..<count { counts[row][index] = 0 }
            }
            bucketWidth = bucketWidth + bucketWidth
        }
    }

    /// Everything recorded so far.
    package struct Recording: Sendable {
        package let start: Nanoseconds
        package var end: Nanoseconds
        package var phases: [Phase] = []
        package var lines: [ConsoleLine] = []
        package var droppedLines = 0
        package var exits = ExitHistogram()
    }

    private let clock: any Clock
    private let state: Mutex<Recording>

    /// - Parameter start: the time that the page calls zero, usually the start of the process.
    package init(clock: any Clock, start: Nanoseconds) {
        self.clock = clock
        state = Mutex(Recording(start: start, end: start))
    }

    /// Records the work of `body` as a phase.
    package func phase<Result, Failure: Error>(
        _ name: String, _ body: () throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let start = clock.now
        defer { add(Phase(name: name, start: start, end: clock.now)) }
        return try body()
    }

    /// Records a moment.
    package func mark(_ name: String) {
        let now = clock.now
        add(Phase(name: name, start: now, end: now))
    }

    package func add(_ phase: Phase) {
        state.withLock { $0.phases.append(phase) }
    }

    /// Records a line of the guest's console. The text is cut at `maximumLineLength` characters.
    package func consoleLine(_ text: String, at time: Nanoseconds) {
        state.withLock { recording in
            guard recording.lines.count < Self.maximumLines else {
                recording.droppedLines += 1
                return
            }
            recording.lines.append(ConsoleLine(time: time, text: String(text.prefix(Self.maximumLineLength))))
        }
    }

    /// What was recorded, with the present as its end.
    package func recording() -> Recording {
        let now = clock.now
        return state.withLock { recording in
            recording.end = now
            return recording
        }
    }
}

extension TimelineRecorder: ExitObserver {
    package func note(_ kind: ExitKind, on vcpu: VCPUIndex) {
        let now = clock.now
        state.withLock { $0.exits.add(kind, at: now - $0.start) }
    }
}
