internal import VMMCore

/// The status register of an i8042, port 0x64. 8-bit, RO.
struct I8042Status: RawRepresentable {
    var rawValue: UInt8
    /// Not inhibited (bit 4): a PC's keyboard lock is open.
    static let reset = I8042Status(rawValue: 0x10)
    /// Bit 0, OBF: a byte waits in the output buffer.
    var outputBufferFull: Bool {
        get { rawValue[bit: 0] }
        set { rawValue[bit: 0] = newValue }
    }
    /// Bit 2: the self-test has passed.
    var systemFlag: Bool {
        get { rawValue[bit: 2] }
        set { rawValue[bit: 2] = newValue }
    }
    /// Bit 3: the last write was a command.
    var lastWasCommand: Bool {
        get { rawValue[bit: 3] }
        set { rawValue[bit: 3] = newValue }
    }
    /// Bit 6: the device did not answer.
    var timeout: Bool {
        get { rawValue[bit: 6] }
        set { rawValue[bit: 6] = newValue }
    }
}

/// The commands that this controller answers. Source: IBM PC/AT Technical Reference, "Keyboard Controller Commands".
enum I8042Command: Hashable {
    case readCommandByte
    case writeCommandByte
    case selfTest
    case keyboardInterfaceTest
    case disableKeyboard
    case enableKeyboard
    case readOutputPort
    case writeOutputPort
    /// Pulses the output port lines whose bit in 3:0 is 0; line 0 is the processor's reset.
    case pulseOutput(lines: UInt8)
    /// Anything else: also the commands of a mouse port, which this controller does not have.
    case unknown

    init(_ value: UInt8) {
        switch value {
        case 0x20: self = .readCommandByte
        case 0x60: self = .writeCommandByte
        case 0xAA: self = .selfTest
        case 0xAB: self = .keyboardInterfaceTest
        case 0xAD: self = .disableKeyboard
        case 0xAE: self = .enableKeyboard
        case 0xD0: self = .readOutputPort
        case 0xD1: self = .writeOutputPort
        case 0xF0...0xFF: self = .pulseOutput(lines: value & 0x0F)
        default: self = .unknown
        }
    }
}

struct I8042State {
    /// What the next byte at the data port is for.
    private enum DataTarget {
        case keyboard
        case commandByte
        case outputPort
    }

    private(set) var status = I8042Status.reset
    private var outputBuffer: UInt8 = 0
    /// Bit 4 disables the keyboard, bit 2 is the system flag, bit 6 translation; the rest is kept.
    private var commandByte: UInt8 = 0x50
    /// Bit 0: reset, active low; bit 1: A20.
    private var outputPort: UInt8 = 0x03
    private var dataTarget = DataTarget.keyboard

    mutating func readData() -> UInt8 {
        status.outputBufferFull = false
        status.timeout = false
        return outputBuffer
    }

    /// True: the reset line was pulled.
    mutating func command(_ value: UInt8) -> Bool {
        status.lastWasCommand = true
        dataTarget = .keyboard
        switch I8042Command(value) {
        case .readCommandByte:
            answer(commandByte)
        case .writeCommandByte:
            dataTarget = .commandByte
        case .selfTest:
            status.systemFlag = true
            commandByte[bit: 2] = true
            answer(0x55)
        case .keyboardInterfaceTest:
            answer(0x00)
        case .disableKeyboard:
            commandByte[bit: 4] = true
        case .enableKeyboard:
            commandByte[bit: 4] = false
        case .readOutputPort:
            answer(outputPort)
        case .writeOutputPort:
            dataTarget = .outputPort
        case .pulseOutput(let lines):
            return !lines[bit: 0]
        case .unknown:
            break
        }
        return false
    }

    /// True: the reset line was pulled.
    mutating func writeData(_ value: UInt8) -> Bool {
        status.lastWasCommand = false
        defer { dataTarget = .keyboard }
        switch dataTarget {
        case .keyboard:
            // Nobody is at the other end: the controller gives up and says so.
            answer(0xFE)
            status.timeout = true
        case .commandByte:
            commandByte = value
            status.systemFlag = value[bit: 2]
        case .outputPort:
            // The line stays pulled only as long as the machine needs to reset.
            outputPort = value | 1
            return !value[bit: 0]
        }
        return false
    }

    private mutating func answer(_ byte: UInt8) {
        outputBuffer = byte
        status.outputBufferFull = true
        status.timeout = false
    }
}
