internal import Glibc
internal import HostIO
internal import Synchronization
package import VMMCore

/// One run of a case: a `swvmm boot` child with its console on pipes, its steps, its time limits.
///
/// The child has the case's time limit itself, and so reports its vCPUs when that has passed. When the runner gives it up
/// earlier it sends SIGQUIT, for the same report; a child that does not end then is killed.
///
/// Threading: the loop's thread.
final class CaseRun: Sendable {
    private static let logLimit = 64 << 20
    private static let messageLimit = 64 << 10
    /// How long a console must be quiet until a match at its very end counts.
    private static let quietTime = Nanoseconds.milliseconds(50)
    /// How long a guest may go on after a rejected line: a kernel that panics has more to say.
    private static let lastWords = Nanoseconds.seconds(1)
    /// How long a child may take to end: it writes its report and its timeline.
    private static let patience = Nanoseconds.seconds(20)

    private enum Timer { case quiet, step, end }

    private struct State {
        var machine: StepMachine
        var child: ChildProcess?
        var failure: CaseFailure?
        /// Ended by the runner because all steps are done.
        var isStopped = false
        var messages: [UInt8] = []
        var consoleLog: LogFile?
        var messageLog: LogFile?
        var timers: [Timer: EventLoop.TimerToken] = [:]
        var isDone = false
    }

    let job: CaseJob
    private let program: String
    private let loop: EventLoop
    private let clock = HostClock()
    private let start: Nanoseconds
    private let done: @Sendable (CaseResult) -> Void
    private let state: Mutex<State>

    /// - Parameter done: called once, on the loop's thread.
    init(_ job: CaseJob, program: String, loop: EventLoop, done: @escaping @Sendable (CaseResult) -> Void) {
        self.job = job
        self.program = program
        self.loop = loop
        self.done = done
        start = clock.now
        state = Mutex(State(machine: StepMachine(job.testCase)))
    }

    func begin() {
        var arguments = ["boot", "--timeout=\(job.testCase.timeout)"]
        if let timeline = job.timeline { arguments.append("--timeline=\(timeline)") }
        arguments += job.testCase.arguments
        do throws(CaseRunError) {
            try openLogs()
            let child = try makeChild(arguments)
            state.withLock { $0.child = child }
            do throws(ChildProcessError) { try child.start() } catch { throw .child(error) }
        } catch {
            state.withLock { $0.child = nil }
            let failure: CaseFailure =
                switch error {
                case .child(let error): .cannotStart(error)
                case .log(let error): .log(error)
                }
            finish(failure, ending: nil)
            return
        }
        let limit = Nanoseconds(UInt64(job.testCase.timeout * 1e9)) + Self.patience
        set(.end, at: start + limit) { $0.kill() }
        apply(state.withLock { $0.machine.begin() })
    }

    /// The user wants an end.
    func interrupt() { give(up: .interrupted, signal: SIGTERM) }

    /// For the line that shows how far it is.
    var status: RunningCase {
        state.withLock { state in
            RunningCase(
                name: job.name, elapsed: clock.now - start, stepsDone: state.machine.position,
                stepCount: job.testCase.steps.count, lastLine: state.machine.recentLines.last ?? "")
        }
    }

    // MARK: - The child

    private enum CaseRunError: Error {
        case child(ChildProcessError)
        case log(HostFileError)
    }

    private func openLogs() throws(CaseRunError) {
        guard let console = job.consoleLog, let messages = job.messageLog else { return }
        do throws(HostFileError) {
            let consoleLog = try LogFile(console, limit: Self.logLimit)
            let messageLog = try LogFile(messages, limit: Self.logLimit)
            state.withLock { state in
                state.consoleLog = consoleLog
                state.messageLog = messageLog
            }
        } catch {
            throw .log(error)
        }
    }

    private func makeChild(_ arguments: [String]) throws(CaseRunError) -> ChildProcess {
        do throws(ChildProcessError) {
            // Strong: the child is let go when it has ended.
            return try ChildProcess(program, arguments, loop: loop) { event in self.handle(event) }
        } catch {
            throw .child(error)
        }
    }

    private func handle(_ event: ChildProcess.Event) {
        switch event {
        case .output(let bytes):
            set(.quiet, at: nil) { _ in }
            apply(
                state.withLock { state in
                    state.consoleLog?.append(bytes)
                    return state.machine.consume(bytes)
                })
        case .errors(let bytes):
            state.withLock { state in
                state.messageLog?.append(bytes)
                state.messages += bytes
                if state.messages.count > Self.messageLimit {
                    state.messages.removeFirst(state.messages.count - Self.messageLimit)
                }
            }
        case .ended(let ending):
            // What stands at the very end of the output counts, and nothing can be typed any more.
            apply(state.withLock { $0.machine.quiet() })
            judge(ending)
        }
    }

    private func apply(_ wishes: [StepMachine.Wish]) {
        for wish in wishes {
            switch wish {
            case .type(let bytes): state.withLock { $0.child }?.write(bytes)
            case .watchForQuiet:
                set(.quiet, at: clock.now + Self.quietTime) { run in
                    run.apply(run.state.withLock { $0.machine.quiet() })
                }
            case .waiting(_, let timeout):
                let deadline = timeout.map { clock.now + Nanoseconds(UInt64($0 * 1e9)) }
                set(.step, at: deadline) { $0.stepTimedOut(timeout ?? 0) }
            case .finished:
                set(.step, at: nil) { _ in }
                if job.testCase.ending == .stop { stop() }
            case .rejected(let line, let mark):
                let pattern = job.testCase.rejected.first { $0.mark == mark }?.text.source ?? ""
                give(up: .rejected(line: line, pattern: pattern, mark), signal: SIGQUIT, after: Self.lastWords)
            }
        }
    }

    /// Replaces a timer; with nil it is gone.
    private func set(
        _ timer: Timer, at deadline: Nanoseconds?, _ body: @escaping @Sendable (CaseRun) -> Void
    ) {
        let token = deadline.map { deadline in
            loop.schedule(at: deadline) { [weak self] in
                if let self { body(self) }
            }
        }
        let old = state.withLock { state in
            defer { state.timers[timer] = token }
            return state.timers[timer]
        }
        if let old { loop.cancel(old) }
    }

    // MARK: - The end

    private func stepTimedOut(_ seconds: Double) {
        give(up: unmet(.stepTimedOut(seconds)) ?? .hung, signal: SIGQUIT)
    }

    /// All steps are done, and the case wants no more.
    private func stop() {
        state.withLock { $0.isStopped = true }
        end(with: SIGTERM)
    }

    /// The first failure counts.
    private func give(up failure: CaseFailure, signal: Int32, after delay: Nanoseconds = .zero) {
        let isFirst = state.withLock { state in
            guard !state.isDone, state.failure == nil else { return false }
            state.failure = failure
            return true
        }
        guard isFirst else { return }
        set(.step, at: nil) { _ in }
        guard delay == .zero else {
            set(.end, at: clock.now + delay) { $0.end(with: signal) }
            return
        }
        end(with: signal)
    }

    private func end(with signal: Int32) {
        state.withLock { $0.child }?.send(signal)
        set(.end, at: clock.now + Self.patience) { $0.kill() }
    }

    private func kill() {
        let child = state.withLock { state in
            if state.failure == nil { state.failure = .hung }
            return state.child
        }
        child?.send(SIGKILL)
    }

    /// The step that is waited for, as a failure; nil when all are done.
    private func unmet(_ cause: CaseFailure.Cause) -> CaseFailure? {
        let position = state.withLock { $0.machine.position }
        guard position < job.testCase.steps.count, case .expect(let pattern, _) = job.testCase.steps[position].action
        else { return nil }
        return .unmet(step: position + 1, pattern: pattern.text.source, pattern.mark, cause)
    }

    private func judge(_ ending: ChildProcess.Ending) {
        let (known, isStopped) = state.withLock { ($0.failure, $0.isStopped) }
        if let known { return finish(known, ending: ending) }
        let hasTimedOut = ending == .exited(ProcessExit.timedOut)
        if let failure = unmet(hasTimedOut ? .caseTimedOut(job.testCase.timeout) : .guestEnded(ending)) {
            return finish(failure, ending: ending)
        }
        switch job.testCase.ending {
        case .stop:
            // A guest that ended by itself behind the last step has passed as well.
            let isFine = isStopped && ending == .exited(ProcessExit.signalBase + SIGTERM) || ending == .exited(0)
            finish(isFine ? nil : .wrongEnding(expected: 0, ending), ending: ending)
        case .exit(let code):
            if ending == .exited(code) { return finish(nil, ending: ending) }
            finish(
                hasTimedOut
                    ? .noEnd(seconds: job.testCase.timeout) : .wrongEnding(expected: code, ending), ending: ending)
        }
    }

    private func finish(_ failure: CaseFailure?, ending: ChildProcess.Ending?) {
        for timer in [Timer.quiet, .step, .end] { set(timer, at: nil) { _ in } }
        let (lines, messages) = state.withLock { state in
            state.child = nil
            state.isDone = true
            return (state.machine.recentLines, String(decoding: state.messages, as: UTF8.self))
        }
        done(
            CaseResult(
                job: job, outcome: failure.map { .failed($0) } ?? .passed, duration: clock.now - start,
                ending: ending, consoleLines: lines, messages: messages))
    }
}

/// Exit codes of `swvmm boot` (docs/exit-codes.md).
enum ProcessExit {
    static let timedOut: Int32 = 124
    static let signalBase: Int32 = 128
}

/// How far a case is.
package struct RunningCase: Sendable {
    package let name: String
    package let elapsed: Nanoseconds
    package let stepsDone: Int
    package let stepCount: Int
    package let lastLine: String
}
