internal import Synchronization
package import VMMCore

/// A machine that records what its devices ask for.
///
/// Threading: any thread.
package final class RecordingMachineControl: MachineControl {
    private let recorded = Mutex<[MachineRequest]>([])

    package init() {}

    package func request(_ request: MachineRequest) { recorded.withLock { $0.append(request) } }

    /// Every request since the start, in order.
    package var requests: [MachineRequest] { recorded.withLock { $0 } }
}
