package import VMMCore

/// Eventfds that do what a write of a function's register does, and what one of its messages tells.
package struct PCIQueueEvents: Sendable {
    /// In the order of the function's regions; writes of `width` at `offset`, whatever their value, are the doorbell.
    let region: Int
    let offset: UInt64
    let width: AccessWidth
    /// The message of the queue's interrupts; nil: none.
    let message: Int?
    let events: QueueEvents

    package init(region: Int, offset: UInt64, width: AccessWidth, message: Int?, events: QueueEvents) {
        self.region = region
        self.offset = offset
        self.width = width
        self.message = message
        self.events = events
    }
}

/// A function's way to tie its queues' eventfds to the guest. What cannot be tied now goes by the device, as without.
///
/// Threading: any thread, without a lock held that the function's registers take.
package struct PCIEventBindings: Sendable {
    let doorbells: PCIDoorbells
    let address: PCIAddress
    let table: MSIXTable?

    /// Those of the running queues, from here on.
    package func set(_ queues: [PCIQueueEvents]) {
        doorbells.set(queues, of: address)
        table?.setEvents(queues)
    }
}
