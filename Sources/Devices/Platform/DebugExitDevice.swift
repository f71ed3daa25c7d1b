package import VMMCore

/// A port that ends the run: a write of `v`, of any width, asks for the exit status `(v << 1) | 1`.
///
/// A process has 8 bits of exit status: bits 6:0 of `v` count and the rest is lost. The status is never 0, so that a test
/// that ends this way can be told from a guest that powered off. Reads give 0.
///
/// Threading: any thread. Source: QEMU, isa-debug-exit.
package final class DebugExitDevice: PortDevice {
    private let machine: any MachineControl

    package init(machine: any MachineControl) { self.machine = machine }

    package var portCount: UInt16 { 1 }
    package func read(at offset: UInt16, width: AccessWidth) -> UInt32 { 0 }
    package func write(_ value: UInt32, at offset: UInt16, width: AccessWidth) {
        machine.request(.debugExit(code: Self.exitStatus(value)))
    }

    package static func exitStatus(_ value: UInt32) -> UInt8 { UInt8(truncatingIfNeeded: value << 1) | 1 }
}
