/// Finds the device behind a guest physical address. Built once by `Builder`, immutable afterwards.
///
/// A look-up takes no lock, allocates nothing and touches no reference count. Threading: any thread.
@usableFromInline
package final class MMIOBus: Sendable {
    /// One occupied range, for diagnostics.
    package struct Entry: Hashable, Sendable {
        package let range: GuestRange
        /// The name of the device's type.
        package let device: String
    }

    /// What is on the bus, ascending by address.
    package let entries: [Entry]
    @usableFromInline
    let slots: BusSlots<any MMIODevice>

    fileprivate init(_ devices: [(range: GuestRange, device: any MMIODevice)]) {
        entries = devices.map { Entry(range: $0.range, device: "\(type(of: $0.device))") }
        // A GuestRange ends at or below 2^64 - 1 and is not empty: its last address exists.
        slots = BusSlots(
            devices.map {
                (first: $0.range.start.rawValue, last: $0.range.start.rawValue + ($0.range.size - 1), device: $0.device)
            })
    }

    /// Reads from the device at `address`; the value's bits above `width` are zero.
    ///
    /// Nil when nobody is there: no device, or not all bytes of the access lie in its window.
    @inlinable
    @inline(__always)
    package func read(_ address: GuestAddress, _ width: AccessWidth) -> UInt64? {
        slots.withSlot(holding: address.rawValue, count: UInt64(width.rawValue)) { slot, offset in
            slot.device.read(at: offset, width: width) & width.mask
        }
    }

    /// Writes the low `width` bytes of `value` to the device at `address`.
    ///
    /// False when nobody is there: no device, or not all bytes of the access lie in its window.
    @inlinable
    @inline(__always)
    package func write(_ value: UInt64, at address: GuestAddress, _ width: AccessWidth) -> Bool {
        slots.withSlot(holding: address.rawValue, count: UInt64(width.rawValue)) { slot, offset in
            slot.device.write(value & width.mask, at: offset, width: width)
        } != nil
    }
}

extension MMIOBus {
    /// Collects devices for an `MMIOBus`.
    package struct Builder {
        private var devices: [(range: GuestRange, device: any MMIODevice)] = []

        package init() {}

        /// Puts `device`'s window at `address`. On an error the builder stays as it was.
        package mutating func insert(_ device: any MMIODevice, at address: GuestAddress) throws(MMIOBusError) {
            let size = device.windowSize
            guard size > 0 else { throw .emptyWindow(at: address) }
            guard let range = GuestRange(start: address, size: size) else {
                throw .pastEndOfAddressSpace(at: address, size: size)
            }
            let index = devices.firstIndex { $0.range.start >= address } ?? devices.endIndex
            for neighbour in [index - 1, index] where devices.indices.contains(neighbour) {
                let existing = devices[neighbour].range
                guard !existing.overlaps(range) else { throw .overlap(new: range, existing: existing) }
            }
            devices.insert((range, device), at: index)
        }

        package func build() -> MMIOBus { MMIOBus(devices) }
    }
}

/// Why a device could not be put on the MMIO bus.
package enum MMIOBusError: Error, Hashable, Sendable {
    case emptyWindow(at: GuestAddress)
    /// The window would end behind 2^64 - 1.
    case pastEndOfAddressSpace(at: GuestAddress, size: UInt64)
    case overlap(new: GuestRange, existing: GuestRange)
}
