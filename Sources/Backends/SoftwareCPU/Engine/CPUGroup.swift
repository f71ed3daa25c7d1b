internal import Glibc
internal import Synchronization
internal import VMMCore

/// What one CPU asks of another's soft TLB and decoded code.
enum MaintenanceRequest: Sendable {
    case flushTranslations
    case flushTranslation(UInt64)
    case flushAddressSpace(asid: UInt64)
    case invalidateCode(page: Int)
    case invalidateAllCode
    case protectCode(page: Int)
}

/// The CPUs of a machine, as they see each other. Threading: any thread.
///
/// A request is queued with the target, whose attention word makes it look before its next block. Who needs the effect
/// complete (DSB) waits until each other CPU has either answered or is out of the guest: such a CPU answers before it
/// executes anything. Entering stores `isInGuest`, then reads the attention word; asking sets the attention word, then
/// reads `isInGuest`; all sequentially consistent, so one of the two sees the other.
final class CPUGroup: Sendable {
    private final class Member: Sendable {
        let requests = Mutex<[MaintenanceRequest]>([])
        let asked = Atomic<UInt64>(0)
        let answered = Atomic<UInt64>(0)
        let isInGuest = Atomic<Bool>(false)
        let signals: CPUSignals
        let power: CPUPower

        init(signals: CPUSignals, power: CPUPower) {
            self.signals = signals
            self.power = power
        }
    }

    /// More requests than this are one: drop everything. Bounds the queue of a CPU that does not run.
    private static let queueLimit = 64

    private let members = Mutex<[Member]>([])
    private let devices = Mutex<[any SystemRegisterDevice]>([])

    /// Devices that answer for system registers which are no CPU's own.
    func attach(_ device: any SystemRegisterDevice) { devices.withLock { $0.append(device) } }

    var systemRegisterDevices: [any SystemRegisterDevice] { devices.withLock { $0 } }

    /// A snapshot that the hot paths read without the lock would save little: requests are rare.
    private func all() -> [Member] { members.withLock { $0 } }

    func join(signals: CPUSignals, power: CPUPower) {
        members.withLock { $0.append(Member(signals: signals, power: power)) }
    }

    var count: Int { members.withLock { $0.count } }

    func signals(of index: VCPUIndex) -> CPUSignals? {
        members.withLock { $0.indices.contains(index.rawValue) ? $0[index.rawValue].signals : nil }
    }

    func power(of index: VCPUIndex) -> CPUPower? {
        members.withLock { $0.indices.contains(index.rawValue) ? $0[index.rawValue].power : nil }
    }

    func forEach(_ body: (CPUSignals) -> Void) {
        for member in all() { body(member.signals) }
    }

    // MARK: Requests

    func broadcast(_ request: MaintenanceRequest, from sender: VCPUIndex) { ask(request, butNot: sender.rawValue) }

    /// A request of a thread that is none of the CPUs'; all CPUs answer it.
    func broadcastFromOutside(_ request: MaintenanceRequest) { ask(request, butNot: -1) }

    private func ask(_ request: MaintenanceRequest, butNot sender: Int) {
        for (number, member) in all().enumerated() where number != sender {
            member.requests.withLock { queue in
                if queue.count >= Self.queueLimit {
                    queue.removeAll(keepingCapacity: true)
                    queue.append(.invalidateAllCode)
                    queue.append(.flushTranslations)
                } else {
                    queue.append(request)
                }
                member.asked.add(1, ordering: .sequentiallyConsistent)
            }
            member.signals.attend(Attention.shootdown)
        }
    }

    /// Calls `body` with each request to CPU `index`, on its thread.
    func answer(_ index: VCPUIndex, _ body: (MaintenanceRequest) -> Void) {
        let member = members.withLock { $0[index.rawValue] }
        let (requests, asked) = member.requests.withLock { queue in
            defer { queue.removeAll(keepingCapacity: true) }
            return (queue, member.asked.load(ordering: .sequentiallyConsistent))
        }
        for request in requests { body(request) }
        member.answered.store(asked, ordering: .sequentiallyConsistent)
    }

    // MARK: In and out of the guest

    func enterGuest(_ index: VCPUIndex) {
        members.withLock { $0[index.rawValue] }.isInGuest.store(true, ordering: .sequentiallyConsistent)
    }

    func leaveGuest(_ index: VCPUIndex) {
        members.withLock { $0[index.rawValue] }.isInGuest.store(false, ordering: .sequentiallyConsistent)
    }

    /// Waits until no other CPU executes with what it was asked to drop.
    func waitForOthers(_ index: VCPUIndex) {
        let everyone = all()
        everyone[index.rawValue].isInGuest.store(false, ordering: .sequentiallyConsistent)
        for (number, member) in everyone.enumerated() where number != index.rawValue {
            let wanted = member.asked.load(ordering: .sequentiallyConsistent)
            while member.isInGuest.load(ordering: .sequentiallyConsistent),
                member.answered.load(ordering: .sequentiallyConsistent) < wanted
            { sched_yield() }
        }
        everyone[index.rawValue].isInGuest.store(true, ordering: .sequentiallyConsistent)
    }
}

/// Whether a CPU runs, and where PSCI told it to start. Source: Arm DEN 0022, 5.6 and 5.7.
final class CPUPower: Sendable {
    enum State: Sendable {
        case off
        case starting(entry: UInt64, context: UInt64)
        case on
    }

    private let state: Mutex<State>

    init(isOn: Bool) { state = Mutex(isOn ? .on : .off) }

    var current: State { state.withLock { $0 } }

    func set(_ new: State) { state.withLock { $0 = new } }

    /// Off to starting. False: it was not off; nil: it is starting already.
    func start(entry: UInt64, context: UInt64) -> Bool? {
        state.withLock { state in
            switch state {
            case .off:
                state = .starting(entry: entry, context: context)
                return true
            case .starting: return nil
            case .on: return false
            }
        }
    }

    /// Starting to on: gives entry and context, once.
    func takeStart() -> (entry: UInt64, context: UInt64)? {
        state.withLock { state in
            guard case .starting(let entry, let context) = state else { return nil }
            state = .on
            return (entry, context)
        }
    }
}
