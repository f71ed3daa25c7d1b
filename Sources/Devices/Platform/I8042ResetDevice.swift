internal import Synchronization
package import VMMCore

/// A PC's keyboard controller without a keyboard or a mouse: there for the reset line that it pulls, and so that a
/// kernel that probes it gets an honest answer.
///
/// Its two ports are not neighbours (0x60 data, 0x64 command and status; 0x61 is another device's): two port devices
/// share one controller. It has no interrupt.
///
/// Threading: any thread; the machine is called without a lock held. Errors: unknown commands do nothing.
/// Source: IBM PC/AT Technical Reference, "Keyboard Controller"; Intel UPI-C42 data sheet.
package final class I8042ResetDevice: Sendable {
    private let state = Mutex(I8042State())
    private let machine: any MachineControl

    package init(machine: any MachineControl) { self.machine = machine }

    /// Port 0x60. Keeps the controller alive.
    package var dataPort: any PortDevice { I8042Port(controller: self, isCommand: false) }
    /// Port 0x64: status when read, command when written. Keeps the controller alive.
    package var commandPort: any PortDevice { I8042Port(controller: self, isCommand: true) }

    fileprivate func read(isCommand: Bool) -> UInt8 {
        state.withLock { isCommand ? $0.status.rawValue : $0.readData() }
    }

    fileprivate func write(_ value: UInt8, isCommand: Bool) {
        let resets = state.withLock { isCommand ? $0.command(value) : $0.writeData(value) }
        if resets { machine.request(.reset) }
    }
}

/// One of the controller's two ports.
private final class I8042Port: ByteRegisterPortDevice {
    private let controller: I8042ResetDevice
    private let isCommand: Bool

    init(controller: I8042ResetDevice, isCommand: Bool) {
        self.controller = controller
        self.isCommand = isCommand
    }

    var portCount: UInt16 { 1 }
    func readByte(at offset: UInt16) -> UInt8 { controller.read(isCommand: isCommand) }
    func writeByte(_ value: UInt8, at offset: UInt16) { controller.write(value, isCommand: isCommand) }
}
