import GuestABI
import PlatformDevices
import Testing
import VMMCore
import VMMTestSupport

@Suite struct I8042ResetDeviceTests {
    let machine = RecordingMachineControl()
    let data: any PortDevice
    let command: any PortDevice

    init() {
        let controller = I8042ResetDevice(machine: machine)
        data = controller.dataPort
        command = controller.commandPort
    }

    var status: UInt32 { command.read(at: 0, width: .byte) }
    func send(_ value: UInt8) { command.write(UInt32(value), at: 0, width: .byte) }
    func sendData(_ value: UInt8) { data.write(UInt32(value), at: 0, width: .byte) }
    var answer: UInt32 { data.read(at: 0, width: .byte) }

    @Test("an idle controller has an empty input and output buffer")
    func idle() {
        #expect(status & 0x03 == 0)
        #expect(status != 0xFF)
        #expect(machine.requests.isEmpty)
    }

    @Test("command 0xFE pulses the reset line, once a command")
    func pulseReset() {
        send(PCPlatform.i8042ResetCommand)
        #expect(machine.requests == [.reset])
        send(0xFE)
        #expect(machine.requests == [.reset, .reset])
    }

    @Test("commands 0xF0 to 0xFF pulse the lines whose bit is 0: the even ones reset")
    func pulseOutput() {
        for command in UInt8(0xF0)...0xFF {
            let before = machine.requests.count
            send(command)
            #expect(machine.requests.count - before == (command % 2 == 0 ? 1 : 0))
        }
    }

    @Test("command 0xAA answers 0x55 and sets the system flag; OBF falls when it is read")
    func selfTest() {
        send(0xAA)
        #expect(status & 0x0D == 0x0D)
        #expect(answer == 0x55)
        #expect(status & 0x01 == 0)
    }

    @Test("command 0xAB finds the interface without fault")
    func interfaceTest() {
        send(0xAB)
        #expect(status & 0x01 == 1)
        #expect(answer == 0x00)
    }

    @Test("commands 0x60 and 0x20 write and read the command byte; 0xAD and 0xAE move its bit 4")
    func commandByte() {
        send(0x60)
        sendData(0x65)
        #expect(status & 0x0C == 0x04)
        send(0x20)
        #expect(answer == 0x65)
        send(0xAD)
        send(0x20)
        #expect(answer == 0x75)
        send(0xAE)
        send(0x20)
        #expect(answer == 0x65)
    }

    @Test("command 0xD1 writes the output port: bit 0 low resets")
    func outputPort() {
        send(0xD1)
        sendData(0x03)
        #expect(machine.requests.isEmpty)
        send(0xD0)
        #expect(answer == 0x03)
        send(0xD1)
        sendData(0x02)
        #expect(machine.requests == [.reset])
        // Without the command the byte is the keyboard's.
        sendData(0x02)
        #expect(machine.requests == [.reset])
    }

    @Test("a byte to the keyboard times out: nobody is there")
    func noKeyboard() {
        sendData(0xF2)
        #expect(status & 0x41 == 0x41)
        #expect(answer == 0xFE)
        #expect(status & 0x41 == 0)
    }

    @Test(
        "unknown commands, and a mouse port's, get no answer", arguments: [UInt8(0xA7), 0xA8, 0xA9, 0xD3, 0xD4, 0x00])
    func unknown(_ value: UInt8) {
        send(value)
        #expect(status & 0x01 == 0)
        #expect(machine.requests.isEmpty)
    }
}
