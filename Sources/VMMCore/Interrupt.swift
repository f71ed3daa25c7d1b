/// A wire from a device to an interrupt controller. Safe to call from any thread.
package protocol InterruptLine: AnyObject, Sendable {
    /// Sets the wire's level. Setting the level that it already has does nothing.
    func setLevel(_ asserted: Bool)
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
