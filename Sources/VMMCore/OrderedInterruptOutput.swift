/// The output pin of a device to an `OrderedInterruptLine`, kept in the device's own state: numbers the levels. Each thread tells
/// the line the change that it made, after it has left the device's lock:
///
///     let change = state.withLock { state in ...; return state.output.want(level) }
///     if let change { line.setLevel(change.level, order: change.order) }
package struct OrderedInterruptOutput: Sendable {
    package struct Change: Hashable, Sendable {
        package var level: Bool
        package var order: UInt64
    }

    /// The level that the device wants. A pin starts deasserted.
    package private(set) var level = false
    private var order: UInt64 = 0

    package init() {}

    /// Sets the level that the device wants from now on. Nil: it is what it was.
    package mutating func want(_ asserted: Bool) -> Change? {
        guard asserted != level else { return nil }
        level = asserted
        order += 1
        return Change(level: asserted, order: order)
    }
}

/// The input pin at the other end of an `OrderedInterruptLine`.
package struct OrderedInterruptInput: Sendable {
    private var order: UInt64 = 0

    package init() {}

    /// Whether a level with this number is later than all before it.
    package mutating func accepts(order new: UInt64) -> Bool {
        guard new > order else { return false }
        order = new
        return true
    }
}
