import PlatformDevices
import Testing
import VMMCore
import VMMTestSupport

/// The devices by which a guest ends its run.
@Suite struct MachineRequestTests {
    let machine = RecordingMachineControl()
    let faults = RecordingFaults()

    @Test(
        "debug-exit: a write of v, of any width, exits with (v << 1) | 1 in 8 bits",
        arguments: [(0, 1), (1, 3), (0x10, 0x21), (0x7F, 0xFF), (0x80, 0x01), (0xFFFF_FFFF, 0xFF)] as [(UInt32, UInt8)])
    func debugExit(_ value: UInt32, _ code: UInt8) {
        let device = DebugExitDevice(machine: machine)
        for width in [AccessWidth.byte, .halfword, .word] { device.write(value, at: 0, width: width) }
        #expect(machine.requests == Array(repeating: .debugExit(code: code), count: 3))
        #expect(device.read(at: 0, width: .word) == 0)
    }

    @Test("pvpanic: a read gives the supported events, bit 0 reports a panic, bit 1 is noted, others are ignored")
    func panicNotifier() {
        let device = PanicNotifierDevice(machine: machine, faults: faults.log)
        #expect(device.read(at: 0, width: .byte) == 0x03)
        device.write(0xFC, at: 0, width: .byte)
        #expect(machine.requests.isEmpty)
        #expect(faults.count == 0)
        device.write(0x02, at: 0, width: .byte)
        #expect(machine.requests.isEmpty)
        #expect(faults.count == 1)
        device.write(0x01, at: 0, width: .byte)
        #expect(machine.requests == [.panicked])
    }

    @Test("RST_CNT: a write with RST_CPU resets; SYS_RST and FULL_RST are kept")
    func resetControl() {
        let device = ResetControlRegister(machine: machine)
        #expect(device.read(at: 0, width: .byte) == 0x00)
        device.write(0xFB, at: 0, width: .byte)
        #expect(device.read(at: 0, width: .byte) == 0x0A)
        #expect(machine.requests.isEmpty)
        device.write(0x06, at: 0, width: .byte)
        #expect(machine.requests == [.reset])
        #expect(device.read(at: 0, width: .byte) == 0x02)
    }

    @Test("POST: the last code reads back, and the last 16 are kept in order")
    func postCode() {
        let device = POSTCodeDevice()
        #expect(device.read(at: 0, width: .byte) == 0)
        #expect(device.recentCodes.isEmpty)
        for code in UInt32(1)...3 { device.write(code, at: 0, width: .byte) }
        #expect(device.read(at: 0, width: .byte) == 3)
        #expect(device.recentCodes == [1, 2, 3])
        for code in UInt32(4)...40 { device.write(code, at: 0, width: .byte) }
        #expect(device.recentCodes == Array(25...40))
        #expect(device.read(at: 0, width: .byte) == 40)
    }

    @Test("debug console: a byte written is printed, a read gives 0xE9")
    func debugConsole() {
        let channel = LoopbackChannel()
        let device = DebugConsoleDevice(channel: channel)
        for byte in "ok".utf8 { device.write(UInt32(byte), at: 0, width: .byte) }
        device.write(0x4241, at: 0, width: .halfword)
        #expect(channel.outputText == "okA")
        #expect(device.read(at: 0, width: .byte) == 0xE9)
    }
}
