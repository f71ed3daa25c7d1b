/// The frozen look-up table of a bus: closed ranges, ascending, each with its device.
///
/// The table is plain memory and hands a device out borrowed, so that a look-up costs a binary search and no reference
/// counting. Threading: immutable after `init`.
@safe
@usableFromInline
final class BusSlots<Device>: Sendable {
    /// Not copyable, so that no use of it counts a reference.
    @usableFromInline
    struct Slot: ~Copyable {
        @usableFromInline let first: UInt64
        @usableFromInline let last: UInt64
        @usableFromInline let device: Device

        init(first: UInt64, last: UInt64, device: Device) {
            self.first = first
            self.last = last
            self.device = device
        }
    }

    // SAFETY: written in init, read only until deinit, so that any thread may read it.
    @usableFromInline
    nonisolated(unsafe) let slots: UnsafeMutableBufferPointer<Slot>

    /// - Parameter devices: ascending and not overlapping.
    init(_ devices: [(first: UInt64, last: UInt64, device: Device)]) {
        // SAFETY: allocated for exactly as many slots as are initialised; freed in deinit.
        unsafe slots = .allocate(capacity: devices.count)
        for (index, entry) in devices.enumerated() {
            unsafe slots.initializeElement(
                at: index, to: Slot(first: entry.first, last: entry.last, device: entry.device))
        }
    }

    deinit {
        // SAFETY: all slots were initialised in init, and no look-up can be under way without a reference to self.
        unsafe slots.deinitialize()
        unsafe slots.deallocate()
    }

    /// Calls `body` with the slot whose range holds `count` (at least 1) addresses from `address` on, and the offset
    /// into its range. Nil, without a call, when there is none.
    @inlinable
    @inline(__always)
    func withSlot<Result>(
        holding address: UInt64, count: UInt64, _ body: (borrowing Slot, UInt64) -> Result
    ) -> Result? {
        var low = 0
        // SAFETY: low and high stay within 0...slots.count, and middle below high.
        var high = unsafe slots.count
        while low < high {
            let middle = (low &+ high) &>> 1
            if unsafe slots[middle].last < address { low = middle &+ 1 } else { high = middle }
        }
        guard unsafe low < slots.count, unsafe slots[low].first <= address else { return nil }
        // `address` is at most `last`: the difference does not wrap, and neither does the sum of offset and first.
        guard unsafe slots[low].last &- address >= count &- 1 else { return nil }
        return unsafe body(slots[low], address &- slots[low].first)
    }
}
