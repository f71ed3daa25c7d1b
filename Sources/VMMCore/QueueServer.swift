/// A virtqueue as its driver set it up, for who serves it in a device's place.
package struct ServedQueue: Hashable, Sendable {
    package let index: UInt16
    /// Entries.
    package let size: UInt16
    /// The three parts, checked: in RAM, and as large as the size asks for. Source: virtio 1.2 §2.6.
    package let descriptorTable: GuestAddress
    package let driverArea: GuestAddress
    package let deviceArea: GuestAddress

    package init(
        index: UInt16, size: UInt16, descriptorTable: GuestAddress, driverArea: GuestAddress, deviceArea: GuestAddress
    ) {
        self.index = index
        self.size = size
        self.descriptorTable = descriptorTable
        self.driverArea = driverArea
        self.deviceArea = deviceArea
    }
}

/// A program of the host's that serves the virtqueues of a device: it reads and writes the guest's memory by itself.
///
/// Threading: any thread, but `start` and `stop` one at a time; without a lock held that the handler takes. They wait for the program.
package protocol QueueServer: AnyObject, Sendable {
    /// What it knows: features of the device type, and of queues. Source: virtio 1.2 §6.
    var features: UInt64 { get }

    /// Who is told; nil: nobody. Called on a thread of the server's.
    func setHandler(_ handler: (@Sendable (QueueServerEvent) -> Void)?)

    /// Serves `queues` from here on, as a driver and it agreed by `features`. False: it cannot, and its owner was told why.
    func start(_ queues: [ServedQueue], features: UInt64, memory: GuestMemory) -> Bool

    /// The driver made something available in a queue.
    func notify(queue index: UInt16)

    /// Ends that. When it returns, the program touches the guest's memory no more, or has ended.
    func stop()
}

/// A server whose notifications and wishes for interrupts are signals of eventfds, which others can tie to the guest.
package protocol EventQueueServer: QueueServer {
    /// The eventfds of a queue; nil: there is no such queue. While its interrupts are bound, the server does not read their eventfd,
    /// so that the handler does not hear of them; `start` takes it for unbound.
    func events(ofQueue index: UInt16) -> QueueEvents?
}

/// What a server of queues has to say.
package enum QueueServerEvent: Hashable, Sendable {
    /// The driver is to be interrupted for a queue.
    case interrupt(queue: UInt16)
    /// The program has ended, or does not keep to the protocol: it serves nothing any more. Its owner was told why.
    case ended
}
