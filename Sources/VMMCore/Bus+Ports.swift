/// Finds the device behind an x86 I/O port. Built once by `Builder`, immutable afterwards.
///
/// The device at an access's first port answers all of it, also when the access is wider than the device's range: that
/// is how a 4-byte IN of a one-port device (bvmconsole) works, and how an ISA bus decodes.
///
/// A look-up takes no lock, allocates nothing and touches no reference count. Threading: any thread.
@usableFromInline
package final class PortBus: Sendable {
    /// One occupied range, for diagnostics.
    package struct Entry: Hashable, Sendable {
        package let range: PortRange
        /// The name of the device's type.
        package let device: String
    }

    /// What is on the bus, ascending by port.
    package let entries: [Entry]
    @usableFromInline
    let slots: BusSlots<any PortDevice>

    fileprivate init(_ devices: [(range: PortRange, device: any PortDevice)]) {
        entries = devices.map { Entry(range: $0.range, device: "\(type(of: $0.device))") }
        slots = BusSlots(
            devices.map { (first: UInt64($0.range.first), last: UInt64($0.range.last), device: $0.device) })
    }

    /// Reads from the device at `port`; the value's bits above `width` are zero.
    ///
    /// Nil when nobody is there. Ports are at most 4 bytes wide: nobody answers a doubleword.
    @inlinable
    @inline(__always)
    package func read(_ port: UInt16, _ width: AccessWidth) -> UInt32? {
        guard width != .doubleword else { return nil }
        return slots.withSlot(holding: UInt64(port), count: 1) { slot, offset in
            slot.device.read(at: UInt16(truncatingIfNeeded: offset), width: width)
                & UInt32(truncatingIfNeeded: width.mask)
        }
    }

    /// Writes the low `width` bytes of `value` to the device at `port`. False when nobody is there.
    @inlinable
    @inline(__always)
    package func write(_ value: UInt32, at port: UInt16, _ width: AccessWidth) -> Bool {
        guard width != .doubleword else { return false }
        return slots.withSlot(holding: UInt64(port), count: 1) { slot, offset in
            slot.device.write(
                value & UInt32(truncatingIfNeeded: width.mask), at: UInt16(truncatingIfNeeded: offset), width: width)
        } != nil
    }
}

/// Consecutive I/O ports, never empty. The last one may be 0xFFFF.
package struct PortRange: Hashable, Sendable {
    package let first: UInt16
    package let last: UInt16

    /// Nil when `count` is 0 or the range would end behind port 0xFFFF.
    package init?(first: UInt16, count: UInt16) {
        guard count > 0 else { return nil }
        let (last, overflow) = first.addingReportingOverflow(count - 1)
        guard !overflow else { return nil }
        self.first = first
        self.last = last
    }

    package func contains(_ port: UInt16) -> Bool { port >= first && port <= last }

    package func overlaps(_ other: PortRange) -> Bool { first <= other.last && other.first <= last }
}

extension PortRange: CustomStringConvertible {
    /// `[0x3f8, 0x3ff]`.
    package var description: String { "[0x\(String(first, radix: 16)), 0x\(String(last, radix: 16))]" }
}

extension PortBus {
    /// Collects devices for a `PortBus`.
    package struct Builder {
        private var devices: [(range: PortRange, device: any PortDevice)] = []

        package init() {}

        /// Puts `device`'s first port at `port`. On an error the builder stays as it was.
        package mutating func insert(_ device: any PortDevice, at port: UInt16) throws(PortBusError) {
            let count = device.portCount
            guard count > 0 else { throw .noPorts(at: port) }
            guard let range = PortRange(first: port, count: count) else {
                throw .pastLastPort(at: port, count: count)
            }
            let index = devices.firstIndex { $0.range.first >= port } ?? devices.endIndex
            for neighbour in [index - 1, index] where devices.indices.contains(neighbour) {
                let existing = devices[neighbour].range
                guard !existing.overlaps(range) else { throw .overlap(new: range, existing: existing) }
            }
            devices.insert((range, device), at: index)
        }

        package func build() -> PortBus { PortBus(devices) }
    }
}

/// Why a device could not be put on the port bus.
package enum PortBusError: Error, Hashable, Sendable {
    case noPorts(at: UInt16)
    /// The range would end behind port 0xFFFF.
    case pastLastPort(at: UInt16, count: UInt16)
    case overlap(new: PortRange, existing: PortRange)
}
