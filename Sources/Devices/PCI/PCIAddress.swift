/// The place of a function: bus, slot (the specification's "device") and function number.
///
/// Source: PCI Local Bus 3.0 §3.2.2.3.4; PCI Express Base 5.0 §7.2.2.
package struct PCIAddress: Hashable, Sendable {
    package let bus: UInt8
    /// 0 to 31.
    package let slot: UInt8
    /// 0 to 7.
    package let function: UInt8

    package static let slotsPerBus = 32

    package init(bus: UInt8 = 0, slot: UInt8, function: UInt8 = 0) {
        precondition(slot < 32 && function < 8)
        self.bus = bus
        self.slot = slot
        self.function = function
    }

    /// What the function's memory writes carry, interrupt messages among them. Source: PCI Express Base 5.0 §2.2.6.2.
    package var requesterID: UInt32 { UInt32(bus) << 8 | UInt32(slot) << 3 | UInt32(function) }
}
