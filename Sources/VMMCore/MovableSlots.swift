internal import Synchronization

/// The look-up table of devices whose addresses a guest may change at any time, as PCI's base address registers do.
///
/// Which devices there are, and how large, is fixed; where they are is not, and several may be at one address: the first of
/// them answers. A look-up goes through all of them, which are few; it takes no lock and counts no reference. Threading: any thread.
@safe
final class MovableSlots<Device>: Sendable {
    /// Not copyable, so that no use of it counts a reference.
    struct Slot: ~Copyable {
        /// `nowhere` when the device is not to be reached.
        fileprivate let start: Atomic<UInt64>
        fileprivate let size: UInt64
        let device: Device
    }

    /// No range starts here: it would have no end. A look-up of this address must not hit it.
    private static var nowhere: UInt64 { .max }

    // SAFETY: the buffer is written in init, read only until deinit; what changes in a slot is atomic.
    private nonisolated(unsafe) let slots: UnsafeMutableBufferPointer<Slot>

    /// - Parameter devices: each with its size in bytes, at least 1. None is anywhere yet.
    init(_ devices: [(device: Device, size: UInt64)]) {
        precondition(devices.allSatisfy { $0.size > 0 })
        // SAFETY: allocated for exactly as many slots as are initialised; freed in deinit.
        unsafe slots = .allocate(capacity: devices.count)
        for (index, entry) in devices.enumerated() {
            unsafe slots.initializeElement(
                at: index, to: Slot(start: Atomic(Self.nowhere), size: entry.size, device: entry.device))
        }
    }

    deinit {
        // SAFETY: all slots were initialised in init, and no look-up can be under way without a reference to self.
        unsafe slots.deinitialize()
        unsafe slots.deallocate()
    }

    var count: Int { unsafe slots.count }

    /// Puts device `index` at `start`, or takes it away. Where it would end behind 2^64 - 1 it is not to be reached.
    func place(_ index: Int, at start: UInt64?) {
        precondition((0..<count).contains(index))
        // SAFETY: the index was checked.
        let size = unsafe slots[index].size
        let isReachable = start.map { !$0.addingReportingOverflow(size).overflow } ?? false
        // Pairs with the load of a look-up: what the guest ordered before is seen by who finds the device there.
        unsafe slots[index].start.store(isReachable ? start ?? Self.nowhere : Self.nowhere, ordering: .releasing)
    }

    /// Where `byteCount` bytes from `offset` on of device `index` are found; nil: nowhere, or another device answers there.
    func address(of index: Int, offset: UInt64, byteCount: UInt64) -> UInt64? {
        precondition((0..<count).contains(index))
        // SAFETY: the index was checked.
        let start = unsafe slots[index].start.load(ordering: .acquiring)
        let (address, overflow) = start.addingReportingOverflow(offset)
        guard start != Self.nowhere, !overflow else { return nil }
        let holder = (0..<count).first { holds($0, address, byteCount) != nil }
        return holder == index ? address : nil
    }

    /// The offset in slot `index`, below `count`, when its range holds `byteCount` addresses from `address` on.
    @inline(__always)
    private func holds(_ index: Int, _ address: UInt64, _ byteCount: UInt64) -> UInt64? {
        // SAFETY: the index is below slots.count.
        let start = unsafe slots[index].start.load(ordering: .acquiring)
        let size = unsafe slots[index].size
        guard address >= start, start != Self.nowhere else { return nil }
        let offset = address &- start
        return offset < size && byteCount <= size &- offset ? offset : nil
    }

    /// Calls `body` with the first slot whose range holds `byteCount` (at least 1) addresses from `address` on, and the offset
    /// into its range. Nil, without a call, when there is none.
    @inline(__always)
    func withSlot<Result>(
        holding address: UInt64, byteCount: UInt64, _ body: (borrowing Slot, UInt64) -> Result
    ) -> Result? {
        // SAFETY: the index stays below slots.count.
        for index in 0..<count {
            guard let offset = holds(index, address, byteCount) else { continue }
            return unsafe body(slots[index], offset)
        }
        return nil
    }
}
