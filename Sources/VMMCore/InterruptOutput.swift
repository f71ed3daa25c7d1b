/// The output pin of a device, kept in the device's own state: brings an `InterruptLine` to the level that the device
/// wants, without a lock held while the line is called.
///
/// Two threads that change a device's level one after the other could otherwise reach the line in the wrong order and
/// leave it at a stale level for ever. Here one thread at a time delivers, and goes on until the line is right:
///
///     let level = state.withLock { state in ...; state.output.want(level); return state.output.beginDelivery() }
///     line.deliver(level) { state.withLock { $0.output.continueDelivery() } }
///
/// A level that went away and came back before it was delivered reaches the line as a falling and a rising edge: an
/// edge-triggered input (an 8259, an I/O APIC's ISA pins) must see the second interrupt.
package struct InterruptOutput: Sendable {
    /// The level that the device wants. A pin starts deasserted.
    package private(set) var level = false
    /// What the line was told last.
    private var delivered = false
    /// The level was low at some time since the line was last told to rise.
    private var dipped = false
    private var isDelivering = false

    package init() {}

    /// Sets the level that the device wants from now on.
    package mutating func want(_ asserted: Bool) {
        level = asserted
        if !asserted { dipped = true }
    }

    /// The level that the caller must tell the line now, or nil: the line is right, or another thread is at it.
    /// A caller that gets a level calls `continueDelivery()` after it has told the line.
    package mutating func beginDelivery() -> Bool? {
        guard !isDelivering else { return nil }
        return continueDelivery()
    }

    /// The next level to tell the line, or nil when it is right: then the delivery has ended.
    package mutating func continueDelivery() -> Bool? {
        if delivered && (dipped || !level) {
            delivered = false
        } else if !delivered && level {
            delivered = true
            dipped = false
        } else {
            isDelivering = false
            return nil
        }
        isDelivering = true
        return delivered
    }
}

extension InterruptLine {
    /// Tells the line what an `InterruptOutput` wants, until it is right. Call it without a lock held.
    ///
    /// - Parameters:
    ///   - first: what `beginDelivery()` gave.
    ///   - next: gives what `continueDelivery()` does, under the device's lock.
    package func deliver(_ first: Bool?, next: () -> Bool?) {
        var step = first
        while let level = step {
            setLevel(level)
            step = next()
        }
    }
}
