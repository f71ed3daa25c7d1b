/// Devices whose addresses a guest may change at any time, as PCI's base address registers do.
///
/// Which devices there are is fixed. Several may be at one address: the first of them answers. A look-up takes no lock, allocates
/// nothing and touches no reference count. Threading: any thread.
package final class MovableMMIOBus: Sendable {
    private let slots: MovableSlots<any MMIODevice>

    /// - Parameter devices: by their number from 0 on. None is anywhere yet.
    package init(_ devices: [any MMIODevice]) { slots = MovableSlots(devices.map { ($0, $0.windowSize) }) }

    /// Puts device `number` at `address`, or takes it away. Where it would end behind 2^64 - 1 it is not to be reached.
    package func place(_ number: Int, at address: UInt64?) { slots.place(number, at: address) }

    /// Where accesses of `byteCount` at `offset` of device `number` find it; nil: nowhere, or another device answers there.
    package func address(of number: Int, offset: UInt64, byteCount: UInt64) -> UInt64? {
        slots.address(of: number, offset: offset, byteCount: byteCount)
    }

    /// Reads from the device at `address`. Nil when nobody is there: no device, or not all bytes of the access lie in its window.
    package func read(_ address: UInt64, _ width: AccessWidth) -> UInt64? {
        slots.withSlot(holding: address, byteCount: UInt64(width.rawValue)) { slot, offset in
            slot.device.read(at: offset, width: width)
        }
    }

    /// Writes to the device at `address`. False when nobody is there.
    @discardableResult
    package func write(_ value: UInt64, at address: UInt64, _ width: AccessWidth) -> Bool {
        slots.withSlot(holding: address, byteCount: UInt64(width.rawValue)) { slot, offset in
            slot.device.write(value, at: offset, width: width)
        } != nil
    }
}
