package import VMMCore

/// The events of pvpanic. Source: QEMU, docs/specs/pvpanic.
package struct PanicEvents: OptionSet, Hashable, Sendable {
    package let rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }
    /// Bit 0. The guest panicked, and the host shall deal with it.
    package static let panicked = PanicEvents(rawValue: 1 << 0)
    /// Bit 1. The guest panicked, and deals with it itself by a crash kernel: the host takes note only.
    package static let crashLoaded = PanicEvents(rawValue: 1 << 1)
    package static let supported: PanicEvents = [.panicked, .crashLoaded]
}

/// pvpanic: a port through which a guest's kernel tells that it crashed. A read gives the supported events.
///
/// Threading: any thread; the machine is called without a lock held. Unknown events are ignored, as the spec says.
/// Source: QEMU, docs/specs/pvpanic, "ISA Interface".
package final class PanicNotifierDevice: ByteRegisterPortDevice {
    private let machine: any MachineControl
    private let faults: GuestFaultLog

    package init(machine: any MachineControl, faults: GuestFaultLog) {
        self.machine = machine
        self.faults = faults
    }

    package var portCount: UInt16 { 1 }
    package func readByte(at offset: UInt16) -> UInt8 { PanicEvents.supported.rawValue }
    package func writeByte(_ value: UInt8, at offset: UInt16) {
        let events = PanicEvents(rawValue: value)
        if events.contains(.crashLoaded) { faults.report("pvpanic: the guest panicked and runs its crash kernel") }
        if events.contains(.panicked) { machine.request(.panicked) }
    }
}
