package import VMMCore

/// pvpanic in a page of memory, for machines without ports: the register is the first byte, whatever the width of the access.
///
/// Threading: any thread. Source: QEMU, docs/specs/pvpanic; the page is swvmm's own.
package final class PanicNotifierPage: MMIODevice {
    private let notifier: PanicNotifierDevice

    package init(machine: any MachineControl, faults: GuestFaultLog) {
        notifier = PanicNotifierDevice(machine: machine, faults: faults)
    }

    package var windowSize: UInt64 { 0x1000 }

    package func read(at offset: UInt64, width: AccessWidth) -> UInt64 {
        offset == 0 ? UInt64(notifier.readByte(at: 0)) : 0
    }

    package func write(_ value: UInt64, at offset: UInt64, width: AccessWidth) {
        guard offset == 0 else { return }
        notifier.writeByte(UInt8(truncatingIfNeeded: value), at: 0)
    }
}
