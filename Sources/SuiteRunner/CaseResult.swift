package import HostIO
package import VMMCore
package import YAML

/// What became of one run of a case.
package struct CaseResult: Sendable {
    package enum Outcome: Sendable {
        case passed
        case failed(CaseFailure)
        case skipped(SkipReason)
        /// It was not begun.
        case abandoned(Abandonment)
    }

    package let job: CaseJob
    package let outcome: Outcome
    /// How often it had failed before: with `--retries`.
    package var failedTries = 0
    package let duration: Nanoseconds
    /// How the machine's process ended; nil when there was none.
    package let ending: ChildProcess.Ending?
    /// The last lines of the console, oldest first.
    package let consoleLines: [String]
    /// What `swvmm boot` wrote to its standard error, or the end of that: its report among it.
    package let messages: String
}

/// Why a case was not begun.
package enum Abandonment: Hashable, Sendable {
    case failFast
    case interrupted
}

/// Why a case failed. The command line finds the words.
package enum CaseFailure: Sendable {
    package enum Cause: Sendable {
        /// The case's own timeout, in seconds.
        case caseTimedOut(Double)
        /// The step's, in seconds.
        case stepTimedOut(Double)
        case guestEnded(ChildProcess.Ending)
    }

    /// A step waited in vain: its number from 1, the pattern as it stands in the suite.
    case unmet(step: Int, pattern: String, YAMLMark, Cause)
    /// The steps were done, but the guest ran on.
    case noEnd(seconds: Double)
    case wrongEnding(expected: Int32, ChildProcess.Ending)
    case rejected(line: String, pattern: String, YAMLMark)
    /// `swvmm boot` did not end when it was told to.
    case hung
    case cannotStart(ChildProcessError)
    case log(HostFileError)
    /// Under `--no-skip`.
    case notRunnable(SkipReason)
    case interrupted
}

/// One run of a case: with `--repeat` there are several.
package struct CaseJob: Sendable {
    package let testCase: TestCase
    /// From 1.
    package let repetition: Int
    /// The name, with the repetition where there is more than one.
    package let name: String
    /// Where its files go: `PREFIX.console.log` and so on; nil: nowhere.
    package let filePrefix: String?
    /// Nil: it runs.
    package let skip: SkipReason?
}

extension CaseJob {
    package var consoleLog: String? { filePrefix.map { $0 + ".console.log" } }
    package var messageLog: String? { filePrefix.map { $0 + ".swvmm.log" } }
    package var timeline: String? { filePrefix.map { $0 + ".timeline.html" } }
}
