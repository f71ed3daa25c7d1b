internal import Boot
internal import Synchronization
internal import VMMCore

/// When a running guest is looked at, and what there is to say: each occasion once.
struct WatchSchedule: Sendable {
    /// Long enough for a kernel on the software CPU to say something, short enough for somebody who waits.
    private static let patience: UInt64 = 5
    /// A kernel that is told to be quiet leaves the first words to its init.
    private static let patienceWithQuiet: UInt64 = 20
    private static let longestPause: UInt64 = 60

    /// Seconds to the next look.
    private(set) var pause: UInt64
    private var elapsed: UInt64 = 0
    private var hasToldSilence = false
    private var hasToldStandstill = false

    init(isQuiet: Bool) { pause = isQuiet ? Self.patienceWithQuiet : Self.patience }

    /// After each pause, before the next.
    mutating func advance() {
        elapsed += pause
        pause = min(pause * 2, Self.longestPause)
    }

    /// What to say of CPUs that look so.
    mutating func occasion(_ cpus: [CPUSituation], hasPrinted: Bool) -> Diagnosis.Occasion? {
        let started = cpus.filter { $0.activity != .notStarted }
        let standsStill = !started.isEmpty && started.allSatisfy(\.standsStill)
        if standsStill, !hasToldStandstill {
            hasToldStandstill = true
            hasToldSilence = true
            return .standstill
        }
        guard !hasPrinted, !hasToldSilence else { return nil }
        hasToldSilence = true
        return .silence(seconds: elapsed)
    }
}

/// Looks at a running guest now and then, ever more rarely, and tells when it seems to be dead.
///
/// A look is a kick of each vCPU. Threading: made, started and stopped by the session's thread; looks on the event loop's.
final class GuestWatch: Sendable {
    private struct State {
        var schedule: WatchSchedule
        var timer: EventLoop.TimerToken?
        var hasStopped = false
    }

    private let host: SessionHost
    private let machine: any SessionMachine
    private let guest: GuestFacts
    private let tell: @Sendable (Diagnosis) -> Void
    private let state: Mutex<State>

    init(
        _ machine: any SessionMachine, of guest: GuestFacts, host: SessionHost,
        tell: @escaping @Sendable (Diagnosis) -> Void
    ) {
        self.machine = machine
        self.guest = guest
        self.host = host
        self.tell = tell
        state = Mutex(State(schedule: WatchSchedule(isQuiet: guest.commandLine.contains("quiet"))))
    }

    func start() {
        state.withLock { state in
            guard !state.hasStopped else { return }
            state.timer = host.after(.seconds(state.schedule.pause)) { [weak self] in self?.look() }
        }
    }

    func stop() {
        let timer = state.withLock { state in
            state.hasStopped = true
            return state.timer
        }
        if let timer { host.cancel(timer) }
    }

    private func look() {
        state.withLock { $0.schedule.advance() }
        machine.requestReports { [weak self] in self?.judge($0.compactMap(\.situation)) }
        start()
    }

    /// On the thread of the last vCPU that answered.
    private func judge(_ cpus: [CPUSituation]) {
        let hasPrinted = host.hasPrinted
        let occasion = state.withLock { state in
            state.hasStopped ? nil : state.schedule.occasion(cpus, hasPrinted: hasPrinted)
        }
        guard let occasion else { return }
        // Guests of this architecture are KVM's. A guest that stands still is not slow.
        let isInterpreted = guest.architecture == .x86_64 && occasion != .standstill && HostReport.interpretsKernelMode
        let diagnosis = Diagnosis(
            occasion, of: guest, cpus: cpus, hasPrinted: hasPrinted, isInterpreted: isInterpreted)
        if let diagnosis { tell(diagnosis) }
    }
}
