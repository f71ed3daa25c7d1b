/// A wire from a device to an interrupt controller. Safe to call from any thread.
package protocol InterruptLine: AnyObject, Sendable {
    /// Sets the wire's level. Setting the level that it already has does nothing.
    func setLevel(_ asserted: Bool)
}

/// A level-sensitive wire that several threads may set without waiting for each other: each level has a number, and a level that
/// comes after a later one is passed over. When a call returns the wire has that level or a later one.
///
/// It is for the wires that a CPU itself pulls down: were that left to a thread that is not running just now, the CPU would
/// take the same interrupt again and again until it is.
package protocol OrderedInterruptLine: InterruptLine {
    /// - Parameter order: from 1 up, one more for each change of the level.
    func setLevel(_ asserted: Bool, order: UInt64)
}

/// A message-signalled interrupt: a 32-bit write of `data` to `address`.
package struct MSI: Hashable, Sendable {
    package var address: GuestAddress
    package var data: UInt32

    package init(address: GuestAddress, data: UInt32) {
        self.address = address
        self.data = data
    }
}

/// Where devices' message-signalled interrupts go: an interrupt controller that finds the target by address and data, and an ITS
/// by the device besides. Safe to call from any thread; a message that nobody takes is dropped.
package protocol MSITarget: AnyObject, Sendable {
    /// - Parameter device: who writes, as an interrupt translation service knows it: a PCI function's requester ID.
    func send(_ message: MSI, from device: UInt32)
}
