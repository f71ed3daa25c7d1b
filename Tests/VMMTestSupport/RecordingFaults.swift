internal import Synchronization
package import VMMCore

/// A fault log that keeps every line for the test.
///
/// Threading: any thread.
package final class RecordingFaults: Sendable {
    private let recorded: Lines
    package let log: GuestFaultLog

    private final class Lines: Sendable {
        let all = Mutex<[String]>([])
    }

    package init() {
        let lines = Lines()
        recorded = lines
        log = GuestFaultLog(clock: ManualClock(), limitPerSecond: .max) { line in lines.all.withLock { $0.append(line) }
        }
    }

    package var count: Int { lines.count }
    package var lines: [String] { recorded.all.withLock { $0 } }
}
