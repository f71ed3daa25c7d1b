import PlatformDevices
import Testing
import VMMCore
import VMMTestSupport

@Suite struct PortDeviceSoakTests {
    @Test("random accesses of all offsets, widths and values trap in no platform device", arguments: 1...4)
    func soak(_ seed: UInt64) {
        let machine = RecordingMachineControl()
        let faults = RecordingFaults()
        let controller = I8042ResetDevice(machine: machine)
        let devices: [any PortDevice] = [
            controller.dataPort, controller.commandPort, DebugExitDevice(machine: machine), POSTCodeDevice(),
            DebugConsoleDevice(channel: LoopbackChannel()),
            PanicNotifierDevice(machine: machine, faults: faults.log), ResetControlRegister(machine: machine),
        ]
        var random = SeededGenerator(seed: seed)
        for _ in 0..<2000 {
            let device = devices[Int(random.next() % UInt64(devices.count))]
            let offset = random.next() % 4 == 0 ? UInt16(truncatingIfNeeded: random.next()) : 0
            let width = AccessWidth.allCases[Int(random.next() % 4)]
            device.write(UInt32(truncatingIfNeeded: random.next()), at: offset, width: width)
            let value = device.read(at: offset, width: width)
            #expect(UInt64(value) <= width.mask)
        }
        #expect(controller.commandPort.read(at: 0, width: .byte) & 0xA2 == 0)
    }
}
