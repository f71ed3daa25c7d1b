internal import VMMCore

/// A network of a session: opened once, used by each of its machines.
struct SessionNetwork: Sendable {
    /// What messages call it.
    let name: String
    /// Six bytes: the guest's.
    let macAddress: [UInt8]
    /// Pairs of queues that a guest is offered.
    let queuePairs: Int
    let backend: any NetworkBackend
}
