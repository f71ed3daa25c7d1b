internal import HostIO
internal import Synchronization
package import VMMCore

/// How a suite is run.
package struct SuiteRunOptions: Sendable {
    /// The path of `swvmm`.
    package var program: String
    /// Cases at the same time; nil: as many as there are cores and memory for.
    package var jobs: Int?
    package var failFast = false
    /// How often a case that fails is run again.
    package var retries = 0
    /// A case that cannot run here fails.
    package var noSkip = false
    /// What the cases share.
    package var cores = HostFacts.usableCores
    /// In bytes.
    package var memory = HostFacts.availableMemory ?? HostFacts.physicalMemory

    package init(program: String) { self.program = program }
}

/// What happens while a suite runs.
package enum SuiteEvent: Sendable {
    case started(CaseJob)
    /// It failed, and begins again.
    case retried(CaseResult)
    case finished(CaseResult)
    /// All have ended; the results in the order of the jobs.
    case done([CaseResult])
}

/// Runs cases, several at a time, and tells of each.
///
/// Threading: the loop's thread, apart from `init`.
package final class SuiteRun: Sendable {
    /// What a machine's process takes beside the guest's memory: measured under 12 MiB, and caches of the software CPU.
    private static let memoryBeside: UInt64 = 48 << 20

    private struct State {
        var scheduler: ResourceScheduler
        var running: [Int: CaseRun] = [:]
        /// How often a case has failed and was run again.
        var failedTries: [Int: Int] = [:]
        var results: [Int: CaseResult] = [:]
        var isDone = false
    }

    private let jobs: [CaseJob]
    private let options: SuiteRunOptions
    private let loop: EventLoop
    private let handler: @Sendable (SuiteEvent) -> Void
    private let state: Mutex<State>

    package init(
        _ jobs: [CaseJob], _ options: SuiteRunOptions, loop: EventLoop,
        handler: @escaping @Sendable (SuiteEvent) -> Void
    ) {
        self.jobs = jobs
        self.options = options
        self.loop = loop
        self.handler = handler
        let demands = jobs.map { job in
            guard job.skip == nil else { return ResourceScheduler.Demand(cores: 0, memory: 0) }
            let (memory, overflow) = job.testCase.memorySize.addingReportingOverflow(Self.memoryBeside)
            return ResourceScheduler.Demand(cores: job.testCase.cpuCount, memory: overflow ? .max : memory)
        }
        let scheduler = ResourceScheduler(
            demands, cores: options.cores, memory: options.memory, jobs: options.jobs)
        state = Mutex(State(scheduler: scheduler))
    }

    package func begin() { proceed() }

    /// Ends what runs, and begins nothing more; `done` still comes.
    package func interrupt() {
        abandonQueued(.interrupted)
        for run in state.withLock({ Array($0.running.values) }) { run.interrupt() }
        proceed()
    }

    /// What runs now, in the order of the jobs.
    package var running: [RunningCase] {
        state.withLock { $0.running }.sorted { $0.key < $1.key }.map(\.value.status)
    }

    private func proceed() {
        for index in state.withLock({ $0.scheduler.start() }) { start(index) }
        let results = state.withLock { state -> [CaseResult]? in
            guard state.scheduler.isDone, !state.isDone else { return nil }
            state.isDone = true
            return jobs.indices.compactMap { state.results[$0] }
        }
        if let results { handler(.done(results)) }
    }

    private func start(_ index: Int) {
        let job = jobs[index]
        if let skip = job.skip {
            let isFailure = options.noSkip && !skip.isDeliberate
            finish(index, CaseResult(job, isFailure ? .failed(.notRunnable(skip)) : .skipped(skip)))
            return
        }
        handler(.started(job))
        run(index)
    }

    private func run(_ index: Int) {
        let failedTries = state.withLock { $0.failedTries[index] ?? 0 }
        let run = CaseRun(jobs[index], program: options.program, loop: loop) { [self] result in
            var result = result
            result.failedTries = failedTries
            guard failedTries < options.retries, result.isWorthAnotherTry else { return finish(index, result) }
            state.withLock { $0.failedTries[index] = failedTries + 1 }
            handler(.retried(result))
            self.run(index)
        }
        state.withLock { $0.running[index] = run }
        run.begin()
    }

    private func finish(_ index: Int, _ result: CaseResult) {
        state.withLock { state in
            state.running[index] = nil
            state.results[index] = result
            state.scheduler.finish(index)
        }
        handler(.finished(result))
        if case .failed = result.outcome, options.failFast { abandonQueued(.failFast) }
        // Not from here: this may be the middle of `proceed`.
        loop.perform { [self] in proceed() }
    }

    private func abandonQueued(_ reason: Abandonment) {
        for index in state.withLock({ $0.scheduler.abandon() }) {
            let result = CaseResult(jobs[index], .abandoned(reason))
            state.withLock { $0.results[index] = result }
            handler(.finished(result))
        }
    }
}

extension CaseResult {
    /// Of a case that did not run.
    fileprivate init(_ job: CaseJob, _ outcome: Outcome) {
        self.init(job: job, outcome: outcome, duration: .zero, ending: nil, consoleLines: [], messages: "")
    }

    /// A user's interrupt is no failure of the guest's.
    fileprivate var isWorthAnotherTry: Bool {
        switch outcome {
        case .failed(.interrupted): false
        case .failed: true
        case .passed, .skipped, .abandoned: false
        }
    }
}
