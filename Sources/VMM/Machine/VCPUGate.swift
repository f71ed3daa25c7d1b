internal import HostIO
internal import Synchronization
internal import VMMCore

/// Where the vCPUs of a machine wait while it stands still. A waiting vCPU's thread does what others ask of it: registers and
/// translations belong to that thread.
///
/// Threading: `pass` on the vCPUs' threads, the rest on any. The exit loop reads `isClosed` after a kick, and nothing else.
final class VCPUGate<CPU: VCPU>: Sendable {
    /// Something to do for a vCPU on its thread.
    typealias Request = @Sendable (CPU) -> Void

    private struct Member {
        /// Whether it goes on when it is at the gate.
        var mayRun = true
        var isParked = false
        var request: Request?
    }

    private struct State {
        var members: [Member]
        /// Stops that vCPUs met since the gate was opened last, in their order.
        var stops: [VCPUStop] = []
        var isOver = false
        /// `onStandstill` has been called for this standstill.
        var isAnnounced = false
        var onStandstill: (@Sendable ([VCPUStop]) -> Void)?
        var wakeUps: UInt64 = 0

        var standsStill: Bool { members.allSatisfy { $0.isParked && !$0.mayRun } }
    }

    private let closed = Atomic<Bool>(false)
    private let state: Monitor<State>

    init(count: Int) {
        state = Monitor(State(members: Array(repeating: Member(), count: count)))
    }

    @inline(__always)
    var isClosed: Bool { closed.load(ordering: .acquiring) }

    // MARK: From outside

    /// Who is told, on the thread of the last vCPU to arrive, that all stand still, and why: no stops mean that somebody
    /// closed the gate. Nil: nobody wants to know, and there are no stops.
    func setListener(_ listener: (@Sendable ([VCPUStop]) -> Void)?) {
        state.withLock { $0.onStandstill = listener }
    }

    /// Somebody would be told of a stop.
    var hasListener: Bool { state.withLock { $0.onStandstill != nil } }

    /// Closes the gate: kick the vCPUs afterwards, and they will come to it.
    func close() {
        closed.store(true, ordering: .sequentiallyConsistent)
        state.withLock { state in
            for index in state.members.indices { state.members[index].mayRun = false }
        }
    }

    /// Lets these vCPUs go on; the others stay. Only while all stand still.
    func open(_ indices: some Sequence<VCPUIndex>) {
        closed.store(false, ordering: .sequentiallyConsistent)
        state.withLock { state in
            state.stops = []
            state.isAnnounced = false
            for index in indices where state.members.indices.contains(index.rawValue) {
                state.members[index.rawValue].mayRun = true
                state.members[index.rawValue].isParked = false
            }
        }
        state.wakeAll()
    }

    /// Has a waiting vCPU's thread do something, and waits for it. False: that vCPU does not wait, or the machine is over.
    func perform(on index: VCPUIndex, _ body: @escaping Request) -> Bool {
        let isAccepted = state.withLock { state in
            guard state.members.indices.contains(index.rawValue), !state.isOver,
                state.members[index.rawValue].isParked, state.members[index.rawValue].request == nil
            else { return false }
            state.members[index.rawValue].request = body
            return true
        }
        guard isAccepted else { return false }
        state.wakeAll()
        return state.waiting { state in
            if state.members[index.rawValue].request == nil { return true }
            return state.isOver ? false : nil
        }
    }

    /// Has the waiting vCPUs look around.
    func wake() {
        state.withLock { $0.wakeUps &+= 1 }
        state.wakeAll()
    }

    /// The machine is over: nobody waits any more.
    func end() {
        state.withLock { $0.isOver = true }
        state.wakeAll()
    }

    // MARK: On the vCPUs' threads

    /// Notes why a vCPU came back, before it passes. False: nobody wants to know.
    func note(_ stop: VCPUStop) -> Bool {
        state.withLock { state in
            guard state.onStandstill != nil else { return false }
            state.stops.append(stop)
            return true
        }
    }

    /// Waits while the gate is closed for this vCPU.
    ///
    /// - Parameter idle: called after each `wake()`, without a lock held.
    func pass(_ index: VCPUIndex, _ cpu: CPU, idle: () -> Void) {
        var seen: UInt64 = state.withLock { $0.wakeUps }
        while true {
            switch next(index, &seen) {
            case .leave: return
            case .look: idle()
            case .announce(let listener, let stops): listener(stops)
            case .perform(let request):
                request(cpu)
                state.withLock { $0.members[index.rawValue].request = nil }
                state.wakeAll()
            }
        }
    }

    private enum Step {
        case leave
        case look
        case announce(@Sendable ([VCPUStop]) -> Void, [VCPUStop])
        case perform(Request)
    }

    private func next(_ index: VCPUIndex, _ seen: inout UInt64) -> Step {
        let before = seen
        let (step, now) = state.waiting { state -> (Step, UInt64)? in
            let place = index.rawValue
            if state.isOver || state.members[place].mayRun { return (.leave, before) }
            state.members[place].isParked = true
            if state.standsStill, !state.isAnnounced, let listener = state.onStandstill {
                state.isAnnounced = true
                return (.announce(listener, state.stops), before)
            }
            if let request = state.members[place].request { return (.perform(request), before) }
            if state.wakeUps != before { return (.look, state.wakeUps) }
            return nil
        }
        seen = now
        return step
    }
}

/// A vCPU stopped for whoever debugs the machine.
struct VCPUStop: Hashable, Sendable {
    enum Cause: Hashable, Sendable {
        /// Its next instruction is at the address.
        case debug(DebugReason, GuestVirtualAddress)
        /// It cannot go on.
        case crashed
    }

    let vcpu: VCPUIndex
    let cause: Cause
}
