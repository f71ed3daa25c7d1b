internal import HostIO
internal import KVMBackend
internal import Synchronization
internal import VMMCore

/// One call of `swvmm boot`: the terminal, the timeout and the signals, and one machine after the other until the guest
/// has done with resets.
///
/// Threads: the caller's waits for the machine; a thread of the event loop serves terminal, timeout and signals; each vCPU
/// has its own.
package final class BootSession: Sendable {
    private let configuration: MachineConfiguration
    private let say: @Sendable (SessionMessage) -> Void
    private let clock = HostClock()
    private let timeline: TimelineRecorder?
    private let current = Mutex(Current())
    private let exitCode: @Sendable (StopReason) -> Int32
    private let diagnose: @Sendable (Diagnosis) -> Void
    private let tracing = Mutex<Tracing?>(nil)

    private struct Tracing: Sendable {
        let file: TraceFile
        let tracer: Tracer
    }

    private struct Running: Sendable {
        let lifecycle: MachineLifecycle
        let machine: any SessionMachine
        let host: SessionHost
    }

    private struct Current {
        /// The machine that runs now: what the timeout, a signal or a key ends.
        var running: Running?
        /// What ends the session: the machine that runs, or the next one at once.
        var sessionStop: StopReason?
        /// What was said of a guest that seemed dead.
        var advice: [Diagnosis.Advice] = []
    }

    /// - Parameters:
    ///   - exitCode: what a debugger is told of the machine's end.
    ///   - diagnose: told of a running guest that seems to be dead, on any thread.
    ///   - say: gets messages, on any thread.
    package init(
        _ configuration: MachineConfiguration, exitCode: @escaping @Sendable (StopReason) -> Int32 = { _ in 0 },
        diagnose: @escaping @Sendable (Diagnosis) -> Void = { _ in }, say: @escaping @Sendable (SessionMessage) -> Void
    ) {
        self.exitCode = exitCode
        self.diagnose = diagnose
        self.configuration = configuration
        self.say = say
        let clock = clock
        timeline = configuration.timelinePath.map { _ in TimelineRecorder(clock: clock, start: clock.now) }
    }

    /// Boots and returns when the guest has ended. Throws when no guest could be started.
    package func run() throws(BootError) -> BootOutcome {
        if let path = configuration.timelinePath {
            // A run that cannot be drawn should not begin.
            do throws(HostFileError) { try HostFile.checkWritable(path) } catch { throw .timeline(error) }
        }
        var configuration = configuration
        var choice: AcceleratorChoice?
        if configuration.image == .bundled, configuration.architecture == nil {
            // The unikernel is there for every architecture: it takes that of what can execute it.
            choice = try openAccelerator(for: nil)
            configuration.architecture = choice?.architecture
        }
        var source = try phase("read the image") { () throws(BootError) in try BootSource(configuration) }
        let accelerator = if let choice { choice } else { try openAccelerator(for: source.architecture) }
        let disks = try SessionDisk.open(configuration, clock: clock, say: say)
        let shares = try SessionShare.open(configuration, say: say)
        let persistentMemories = try SessionPersistentMemory.open(configuration, clock: clock, say: say)
        let host = try phase("set up the console") { () throws(BootError) in
            try SessionHost(
                configuration, clock: clock, timeline: timeline, disks: disks, shares: shares,
                persistentMemories: persistentMemories,
                handlers: .init(
                    command: { [self] in handle($0) }, signal: { [self] in stop(.signal($0)) },
                    timeout: { [self] in stop(.timedOut) }),
                say: say)
        }
        defer { host.close() }
        try openTrace(on: accelerator)
        let debugger = try openDebugger()
        defer { debugger?.close() }
        var outcome = try bootUntilDone(&source, on: accelerator, host: host, debugger)
        do throws(BootError) { try tracing.withLock { $0?.file }?.close() } catch { outcome.traceFailure = error }
        // How the guest ended is worth more than the picture of it.
        do throws(BootError) { try writeTimeline(outcome, source) } catch { outcome.timelineFailure = error }
        return outcome
    }

    private func openAccelerator(
        for architecture: MachineConfiguration.Architecture?
    ) throws(BootError) -> AcceleratorChoice {
        try phase("open the accelerator") { () throws(BootError) in
            try AcceleratorChoice(configuration, for: architecture)
        }
    }

    private func openTrace(on choice: AcceleratorChoice) throws(BootError) {
        guard let wanted = configuration.trace else { return }
        if case .kvm = choice.accelerator {
            let unseen = TraceConfiguration.Kind.allCases.filter { wanted.kinds.contains($0) && !$0.isSeenOnKVM }
            guard unseen.isEmpty else { throw .traceNeedsSoftwareCPU(unseen) }
        }
        let file: TraceFile
        do throws(HostFileError) { file = try TraceFile(wanted.path) } catch { throw .trace(error, lostLines: 0) }
        tracing.withLock { $0 = Tracing(file: file, tracer: Tracer(wanted, to: file, clock: clock)) }
    }

    private func openDebugger() throws(BootError) -> DebugServer? {
        guard let address = configuration.debugger else { return nil }
        let server = try DebugServer(address.listening, say: say)
        let wait = configuration.waitsForDebugger ? "; the guest waits for it" : ""
        say(SessionMessage(level: .notice, text: "gdb: target remote \(server.address.words)\(wait)"))
        return server
    }

    private func bootUntilDone(
        _ source: inout BootSource, on choice: AcceleratorChoice, host: SessionHost, _ debugger: DebugServer?
    ) throws(BootError) -> BootOutcome {
        let faults = GuestFaultLog(clock: host.guestClock) { [say] text in
            say(SessionMessage(level: .detail, text: "guest: \(text)"))
        }
        var isFirst = true
        var statistics: RunStatistics?
        while true {
            let lifecycle = MachineLifecycle()
            let machine = try buildMachine(from: &source, on: choice, lifecycle, host, faults)
            if isFirst {
                let guest = "\(source.imageName), \(source.architecture.rawValue)"
                say(SessionMessage(level: .notice, text: "\(guest), on \(choice.words)"))
                for note in machine.notes { say(SessionMessage(level: .detail, text: note)) }
            }
            if isFirst, host.hasLiveInput, configuration.repeatability != nil {
                say(
                    SessionMessage(
                        level: .notice,
                        text: "input is a terminal: this run does not repeat exactly; from a pipe or a file it does"))
            }
            if let debugger {
                let target = machine.debugTarget(control: lifecycle) { [weak debugger] in debugger?.post($0) }
                debugger.begin(target, held: isFirst && configuration.waitsForDebugger)
            }
            isFirst = false
            let start = clock.now
            var outcome = try run(machine, of: source.guest, lifecycle, host)
            if let counts = outcome.counts { say(SessionMessage(level: .detail, text: counts.words)) }
            var latest = machine.statistics()
            latest.runTime = clock.now - start
            latest.backEnds = host.statistics
            if statistics?.add(latest) == nil { statistics = latest }
            outcome.statistics = statistics
            let resets = outcome.reason == .reset && !configuration.noReboot
            debugger?.end(exitCode: UInt8(truncatingIfNeeded: exitCode(outcome.reason)), willReset: resets)
            guard resets else { return outcome }
            say(SessionMessage(level: .detail, text: "the guest reset; booting again"))
        }
    }
}

// MARK: - One machine

// The machine of guests with the host's own architecture, on KVM.
#if arch(x86_64)
    private typealias HostMachine = PCMachine
#else
    private typealias HostMachine = KVMVirtMachine
#endif

extension BootSession {
    private func buildMachine(
        from source: inout BootSource, on choice: AcceleratorChoice, _ lifecycle: MachineLifecycle,
        _ host: SessionHost, _ faults: GuestFaultLog
    ) throws(BootError) -> any SessionMachine {
        var preparation = try source.next()
        return try phase("build the machine") { () throws(BootError) in
            var ends = host.ends(for: preparation.console, faults: faults)
            ends.tracer = tracing.withLock { $0?.tracer }
            switch choice.accelerator {
            case .kvm where preparation.answersSemihosting: throw .noSemihosting(preparation.architecture)
            case .kvm(let kvm):
                return try HostMachine(
                    on: kvm, preparation: &preparation, lifecycle: lifecycle, host: ends, timeline: timeline)
            case .software:
                return try VirtMachine(preparation: &preparation, lifecycle: lifecycle, host: ends)
            }
        }
    }

    private func run(
        _ machine: any SessionMachine, of guest: GuestFacts, _ lifecycle: MachineLifecycle, _ host: SessionHost
    ) throws(BootError) -> BootOutcome {
        defer { host.drainConsole() }
        defer { machine.disconnect() }
        begin(Running(lifecycle: lifecycle, machine: machine, host: host))
        defer { current.withLock { $0.running = nil } }
        lifecycle.onStop { reason in
            // A vCPU may wait for the console's reader; a reset leaves the console to the next machine.
            if reason != .reset { host.releaseWriters() }
        }
        let isEntering = Monitor(false)
        do throws(HostThreadError) {
            try machine.start(observer: timeline) { [timeline, say, clock] in
                timeline?.mark("first instruction")
                say(SessionMessage(level: .detail, text: "entering the guest at \(clock.realTime.inSeconds)"))
                isEntering.withLock { $0 = true }
                isEntering.wakeAll()
            }
        } catch {
            lifecycle.stop(.hostRefusedThreads)
            machine.join()
            throw .thread(error)
        }
        let watch = watch(machine, of: guest, host)
        // Beside the guest's first instructions, which do not wait for it; what is for the start only is done by then.
        isEntering.waiting { (isEntering: inout Bool) -> Void? in isEntering ? () : nil }
        HostProcess.giveBackMemory()
        machine.join()
        watch?.stop()
        guard let reason = lifecycle.stopReason else { preconditionFailure("the vCPUs ended, the machine did not") }
        let counts = machine.instructionCounts
        guard reason.deservesReport else { return BootOutcome(reason: reason, report: nil, counts: counts) }
        let report = MachineReport(vcpus: machine.finalReports(), consoleLines: host.recentLines)
        var outcome = BootOutcome(reason: reason, report: report, counts: counts)
        outcome.diagnosis = Diagnosis(
            .end(reason), of: guest, cpus: report.vcpus.compactMap(\.situation), hasPrinted: host.hasPrinted,
            saidBefore: current.withLock { $0.advice })
        return outcome
    }

    /// Looks at the guest while it runs; not where that would disturb: under a debugger, and in a run that repeats.
    private func watch(_ machine: any SessionMachine, of guest: GuestFacts, _ host: SessionHost) -> GuestWatch? {
        guard configuration.debugger == nil, configuration.repeatability == nil else { return nil }
        let watch = GuestWatch(machine, of: guest, host: host) { [self] diagnosis in
            current.withLock { $0.advice += diagnosis.advice }
            diagnose(diagnosis)
        }
        watch.start()
        return watch
    }

    private func phase<Result>(
        _ name: String, _ body: () throws(BootError) -> Result
    ) throws(BootError) -> Result {
        guard let timeline else { return try body() }
        return try timeline.phase(name, body)
    }
}

// MARK: - What comes from outside

extension BootSession {
    private func begin(_ running: Running) {
        let wanted = current.withLock { current in
            current.running = running
            return current.sessionStop
        }
        if let wanted { running.lifecycle.stop(wanted) }
    }

    private func stop(_ reason: StopReason) {
        // Kept also while a machine runs: if that one is resetting already, the next one must end.
        let running = current.withLock { current in
            if current.sessionStop == nil { current.sessionStop = reason }
            return current.running
        }
        running?.lifecycle.stop(reason)
    }

    private func handle(_ command: EscapeFilter.Command) {
        switch command {
        case .leave:
            stop(.userLeft)
        case .help:
            say(
                SessionMessage(
                    level: .answer,
                    text:
                        "Ctrl-a x leaves, Ctrl-a i shows the vCPUs and devices, Ctrl-a h helps, Ctrl-a a sends Ctrl-a"
                ))
        case .showState:
            guard let running = current.withLock({ $0.running }) else { return }
            running.machine.requestReports { [say] reports in
                let report = MachineReport(
                    vcpus: reports, consoleLines: [],
                    devices: running.machine.deviceStatistics + running.host.statistics)
                say(SessionMessage(level: .answer, text: report.text))
            }
        }
    }

    private func writeTimeline(_ outcome: BootOutcome, _ source: BootSource) throws(BootError) {
        guard let timeline, let path = configuration.timelinePath else { return }
        let page = TimelinePage(
            timeline.recording(),
            .init(
                title: "swvmm: \(source.imageName)",
                facts: [
                    ("architecture", source.architecture.rawValue),
                    ("vCPUs", String(configuration.cpuCount)),
                    ("memory", "\(configuration.memorySize >> 20) MiB"),
                    ("ended", outcome.reason.words),
                ]))
        do throws(HostFileError) {
            try HostFile.write(Array(page.html.utf8), to: path)
        } catch {
            throw .timeline(error)
        }
    }
}
