internal import Glibc
internal import HostIO
internal import SuiteRunner
internal import Synchronization
internal import VMM
internal import VMMCore

/// Runs the jobs on an event loop of its own, shows how it goes, and writes the reports.
struct SuiteSession {
    let jobs: [CaseJob]
    let options: SuiteRunOptions
    let reports: ReportFiles
    let seed: UInt64?
    let suitePath: String

    init(_ jobs: [CaseJob], _ options: SuiteRunOptions, reports: ReportFiles, seed: UInt64?, suitePath: String) {
        self.jobs = jobs
        self.options = options
        self.reports = reports
        self.seed = seed
        self.suitePath = suitePath
    }

    /// The exit code.
    func run() -> Int32 {
        let clock = HostClock()
        let start = clock.now
        let outcome = SessionOutcome()
        let suite: SuiteRun
        do {
            let loop = try EventLoop()
            let view = ProgressView(jobs.count, suite: suitePath, loop: loop)
            suite = SuiteRun(jobs, options, loop: loop) { event in
                view.show(event)
                guard case .done(let results) = event else { return }
                outcome.keep(results)
                loop.stop()
            }
            // Before the loop's thread, which inherits the blocked signals.
            let signals = try SignalSource(loop: loop) { number in
                outcome.keep(signal: number)
                suite.interrupt()
            }
            // On the loop's thread: children are killed with the thread that started them.
            loop.perform {
                view.begin { suite.running }
                suite.begin()
            }
            let thread = try HostThread.start(name: "events") { loop.run() }
            thread.join()
            view.end()
            withExtendedLifetime(signals) {}
        } catch {
            StandardError.print("swvmm: error: the host refused what running a suite needs: \(error)")
            return TestExit.failed
        }
        return close(outcome, duration: clock.now - start)
    }

    private func close(_ outcome: SessionOutcome, duration: Nanoseconds) -> Int32 {
        let (results, signal) = outcome.value
        let report = SuiteReport(
            suite: suitePath, milliseconds: duration.rawValue / 1_000_000, seed: seed,
            cases: results.map { $0.reported(suitePath) })
        let isWritten = write(report.junit, to: reports.junit) && write(report.json.text() + "\n", to: reports.json)
        let parts = [(SuiteReport.Status.passed, "passed"), (.failed, "failed"), (.skipped, "skipped")]
        let counts = parts.compactMap { status, word in
            let count = report.count(status)
            return count > 0 || status == .passed ? "\(count) \(word)" : nil
        }
        let flaky = report.flakyCount > 0 ? " (\(report.flakyCount) of them not on the first try)" : ""
        print("\(counts.joined(separator: ", "))\(flaky) in \(duration.words)")
        if let signal { return TestExit.signalBase + signal }
        // Nil: every stream of this process. A full disk must not pass for success.
        guard fflush(nil) == 0 else {
            StandardError.print("swvmm: error: standard output: \(HostFacts.describe(errno: errno))")
            return TestExit.failed
        }
        return report.count(.failed) == 0 && isWritten ? TestExit.passed : TestExit.failed
    }

    private func write(_ text: String, to path: String?) -> Bool {
        guard let path else { return true }
        do throws(HostFileError) {
            try HostFile.write(Array(text.utf8), to: path)
            return true
        } catch {
            StandardError.print("swvmm: error: \(error.words)")
            return false
        }
    }
}

/// What the loop's thread leaves for the main one.
private final class SessionOutcome: Sendable {
    private let state = Mutex<(results: [CaseResult], signal: Int32?)>(([], nil))

    var value: (results: [CaseResult], signal: Int32?) { state.withLock { $0 } }

    func keep(_ results: [CaseResult]) { state.withLock { $0.results = results } }
    func keep(signal: Int32) { state.withLock { $0.signal = signal } }
}
