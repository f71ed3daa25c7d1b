internal import Debugger
internal import HostIO
internal import VMMCore

/// A composed machine as a session sees it, whatever its platform and backend. Nothing of it is on the way of an exit.
protocol SessionMachine: Sendable {
    associatedtype Backend: VirtualMachine
    var machine: Machine<Backend> { get }
    /// Starts the vCPUs' threads; see `Machine.start`.
    func start(observer: (any ExitObserver)?, onEntry: @escaping @Sendable () -> Void) throws(HostThreadError)
    /// Ends the devices' hold on the host's ends, so that the next machine can have them.
    func disconnect()
    /// What the devices have counted. On any thread.
    var deviceStatistics: [DeviceStatistics] { get }
    /// What there is to tell in detail of how it was made.
    var notes: [String] { get }
    /// What was executed, when that can be told exactly. Only after `join()`.
    var instructionCounts: InstructionCounts? { get }
    /// The machine as a debugger sees it. Before it starts.
    ///
    /// - Parameters:
    ///   - control: what resets and ends the machine.
    ///   - tell: gets what happens, on any thread.
    func debugTarget(
        control: any MachineControl, tell: @escaping @Sendable (TargetEvent) -> Void
    ) -> any DebugTarget
}

extension SessionMachine {
    var instructionCounts: InstructionCounts? { nil }
    var deviceStatistics: [DeviceStatistics] { [] }
    var notes: [String] { [] }

    func start(observer: (any ExitObserver)?, onEntry: @escaping @Sendable () -> Void) throws(HostThreadError) {
        try machine.start(observer: observer, onEntry: onEntry)
    }

    /// Waits until all vCPU threads ended.
    func join() { machine.join() }

    /// The vCPUs as they stopped. Only after `join()`.
    func finalReports() -> [MachineReport.VCPU] { machine.finalReports() }

    /// What the vCPUs and the devices did; see `Machine.statistics`.
    func statistics() -> RunStatistics {
        var statistics = machine.statistics()
        statistics.devices = deviceStatistics
        return statistics
    }

    /// Asks the running vCPUs for a report each; see `Machine.requestReports`.
    func requestReports(_ receiver: @escaping @Sendable ([MachineReport.VCPU]) -> Void) {
        machine.requestReports(receiver)
    }
}
