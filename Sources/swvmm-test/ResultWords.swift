internal import HostIO
internal import SuiteRunner
internal import VMM
internal import VMMCore
internal import YAML

extension Nanoseconds {
    /// `1.25 s`.
    var words: String {
        let hundredths = rawValue / 10_000_000
        let digits = hundredths % 100
        return "\(hundredths / 100).\(digits < 10 ? "0" : "")\(digits) s"
    }
}

extension CaseResult {
    /// One line.
    var headline: String {
        switch outcome {
        case .passed where failedTries > 0: "ok    \(job.name) (\(duration.words), on try \(failedTries + 1))"
        case .passed: "ok    \(job.name) (\(duration.words))"
        case .failed(let failure): "FAIL  \(job.name) (\(duration.words)): \(failure.words)"
        case .skipped(let reason): "skip  \(job.name): \(reason.words)"
        case .abandoned(let reason): "skip  \(job.name): \(reason.words)"
        }
    }

    /// All that helps with a failure; nil for the others.
    func details(_ suite: String) -> String? {
        guard case .failed(let failure) = outcome else { return nil }
        var lines: [String] = []
        if let place = failure.place(suite) { lines.append(place) }
        if let ending { lines.append("swvmm boot \(ending.words)") }
        lines.append(consoleLines.isEmpty ? "the console stayed empty" : "last console lines:")
        lines += consoleLines.map { "  | \($0)" }
        let said = messageLines
        if !said.isEmpty { lines.append("swvmm said:") }
        lines += said.map { "  \($0)" }
        if let log = job.consoleLog { lines.append("console log: \(log)") }
        return lines.joined(separator: "\n")
    }

    /// Without the console's lines, which stand above already.
    private var messageLines: [Substring] {
        messages.split(separator: "\n").filter { !$0.hasPrefix("  | ") && $0 != "last console lines:" }
    }

    func reported(_ suite: String) -> SuiteReport.Case {
        let status: SuiteReport.Status
        let reason: String?
        switch outcome {
        case .passed: (status, reason) = (.passed, nil)
        case .failed(let failure): (status, reason) = (.failed, failure.words)
        case .skipped(let skip): (status, reason) = (.skipped, skip.words)
        case .abandoned(let why): (status, reason) = (.skipped, why.words)
        }
        let paths = [("console", job.consoleLog), ("messages", job.messageLog), ("timeline", job.timeline)]
        return SuiteReport.Case(
            name: job.name, line: job.testCase.mark.line, status: status, tries: failedTries + 1, reason: reason,
            details: details(suite) ?? "", milliseconds: duration.rawValue / 1_000_000, ending: ending?.words,
            consoleLines: consoleLines,
            files: paths.compactMap { kind, path in
                path.flatMap { HostFile.exists($0) ? (kind: kind, path: $0) : nil }
            })
    }
}

extension ChildProcess.Ending {
    var words: String {
        switch self {
        case .exited(let code): "ended with exit code \(code)"
        case .signaled(let number): "was killed by signal \(number)"
        }
    }
}

extension CaseFailure {
    var words: String {
        switch self {
        case .unmet(let step, let pattern, _, let cause):
            switch cause {
            case .caseTimedOut(let seconds):
                "no \(quoted(pattern)) (step \(step)) when the case's \(plain(seconds)) s had passed"
            case .stepTimedOut(let seconds):
                "no \(quoted(pattern)) (step \(step)) within the step's \(plain(seconds)) s"
            case .guestEnded(let ending): "swvmm boot \(ending.words) before \(quoted(pattern)) (step \(step)) came"
            }
        case .noEnd(let seconds):
            "every step was done, but the guest ran on until the case's \(plain(seconds)) s had passed"
        case .wrongEnding(let expected, let ending): "swvmm boot \(ending.words), wanted was \(expected)"
        case .rejected(let line, let pattern, _): "the console shows \(quoted(line)), which \(quoted(pattern)) rejects"
        case .hung: "swvmm boot did not end when it was told to, and was killed"
        case .cannotStart(.noPipe(let code)): "no pipe for the console: \(HostFacts.describe(errno: code))"
        case .cannotStart(.cannotStart(let path, let code)):
            "\(path) cannot be started: \(HostFacts.describe(errno: code))"
        case .cannotStart(.loopRefused): "the event loop refused the console"
        case .log(let error): error.words
        case .notRunnable(let reason): "cannot run here: \(reason.words)"
        case .interrupted: "interrupted"
        }
    }

    /// Where the suite says what was not fulfilled.
    fileprivate func place(_ suite: String) -> String? {
        switch self {
        case .unmet(let step, _, let mark, _): "waited for by step \(step), at \(suite):\(mark.line):\(mark.column)"
        case .rejected(_, _, let mark): "rejected at \(suite):\(mark.line):\(mark.column)"
        default: nil
        }
    }

    private func quoted(_ text: String) -> String { "'\(text)'" }

    private func plain(_ seconds: Double) -> String { seconds == seconds.rounded() ? "\(Int(seconds))" : "\(seconds)" }
}

extension SkipReason {
    var words: String {
        switch self {
        case .told(let reason): reason
        case .missingFile(let path, let hint): "\(path) is not there" + (hint.map { ": \($0)" } ?? "")
        case .missingEnvironment(let name, let hint):
            "the environment variable \(name) is not set" + (hint.map { ": \($0)" } ?? "")
        case .otherHost(let wanted): "it needs a host of the architecture \(wanted)"
        case .accelerator(let refusal): refusal.words
        }
    }
}

extension Abandonment {
    var words: String {
        switch self {
        case .failFast: "not begun: an earlier case failed (--fail-fast)"
        case .interrupted: "not begun: interrupted"
        }
    }
}
