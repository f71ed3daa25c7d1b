internal import VMMCore

/// The registers of a PC16550D, by the data sheet's names. All are 8 bits wide.
///
/// Source: TI PC16550D data sheet (SNLS378), section 8, table II; offsets from its table I.
enum UARTRegister: Hashable {
    /// Offset 0, DLAB 0: Receiver Buffer (read), Transmitter Holding (write).
    case rbrTHR
    /// Offset 0, DLAB 1: Divisor Latch, low byte.
    case dll
    /// Offset 1, DLAB 0: Interrupt Enable.
    case ier
    /// Offset 1, DLAB 1: Divisor Latch, high byte.
    case dlm
    /// Offset 2: Interrupt Identification (read), FIFO Control (write).
    case iirFCR
    /// Offset 3: Line Control.
    case lcr
    /// Offset 4: Modem Control.
    case mcr
    /// Offset 5: Line Status.
    case lsr
    /// Offset 6: Modem Status.
    case msr
    /// Offset 7: Scratch.
    case scr

    /// Nil at and past offset 8.
    init?(offset: UInt16, dlab: Bool) {
        switch offset {
        case 0: self = dlab ? .dll : .rbrTHR
        case 1: self = dlab ? .dlm : .ier
        case 2: self = .iirFCR
        case 3: self = .lcr
        case 4: self = .mcr
        case 5: self = .lsr
        case 6: self = .msr
        case 7: self = .scr
        default: return nil
        }
    }
}

/// IER: Interrupt Enable Register. 8-bit, RW. Source: PC16550D §8.7.
struct UART_IER: RawRepresentable {
    var rawValue: UInt8 = 0
    static let writable: UInt8 = 0x0F
    /// Bit 0. Received data available, and the character timeout in FIFO mode.
    var erbfi: Bool { rawValue[bit: 0] }
    /// Bit 1. Transmitter holding register empty.
    var etbei: Bool { rawValue[bit: 1] }
    /// Bit 2. Receiver line status.
    var elsi: Bool { rawValue[bit: 2] }
    /// Bit 3. Modem status.
    var edssi: Bool { rawValue[bit: 3] }
}

/// FCR: FIFO Control Register. 8-bit, WO. Source: PC16550D §8.5.
struct UART_FCR: RawRepresentable {
    var rawValue: UInt8 = 0
    /// Bit 0. 1: the FIFOs are on. While it is written as 0 the other bits are not programmed.
    var fifoEnable: Bool { rawValue[bit: 0] }
    /// Bit 1. 1: clears the receiver FIFO; clears itself.
    var rcvrFIFOReset: Bool { rawValue[bit: 1] }
    /// Bits 7:6. The receiver's trigger level: 1, 4, 8 or 14 characters.
    var triggerLevel: Int {
        switch rawValue[6...7] {
        case 0: 1
        case 1: 4
        case 2: 8
        default: 14
        }
    }
}

/// LCR: Line Control Register. 8-bit, RW. Word length, parity, stop bits and break (bits 6:0) are kept and have no
/// effect: a character channel has no line format. Source: PC16550D §8.1.
struct UART_LCR: RawRepresentable {
    var rawValue: UInt8 = 0
    /// Bit 7. Divisor Latch Access Bit.
    var dlab: Bool { rawValue[bit: 7] }
}

/// MCR: Modem Control Register. 8-bit, RW. Source: PC16550D §8.8.
struct UART_MCR: RawRepresentable {
    var rawValue: UInt8 = 0
    static let writable: UInt8 = 0x1F
    var dtr: Bool { rawValue[bit: 0] }
    var rts: Bool { rawValue[bit: 1] }
    var out1: Bool { rawValue[bit: 2] }
    /// Bit 3. On a PC this output gates the interrupt onto the bus.
    var out2: Bool { rawValue[bit: 3] }
    /// Bit 4. Local loopback for diagnostics.
    var loop: Bool { rawValue[bit: 4] }

    /// The modem inputs, as MSR bits 7:4. In loopback the four outputs are connected to them: DTR to DSR, RTS to CTS,
    /// OUT1 to RI, OUT2 to DCD. Else there is a peer that is always ready: CTS, DSR and DCD on, no ring.
    var modemInputs: UART_MSR {
        guard loop else { return .peerIsReady }
        var inputs = UART_MSR()
        inputs.cts = rts
        inputs.dsr = dtr
        inputs.ri = out1
        inputs.dcd = out2
        return inputs
    }
}

/// LSR: Line Status Register. 8-bit, RO (writes, meant for factory tests, are ignored). Source: PC16550D §8.4.
struct UART_LSR: RawRepresentable {
    var rawValue: UInt8 = 0
    /// Bit 0. A character can be read.
    var dr: Bool {
        get { rawValue[bit: 0] }
        set { rawValue[bit: 0] = newValue }
    }
    /// Bit 1. Overrun error: a character was lost. Cleared by reading LSR.
    var oe: Bool {
        get { rawValue[bit: 1] }
        set { rawValue[bit: 1] = newValue }
    }
    /// Bit 4. The character at the top is a break. Cleared by reading LSR.
    var bi: Bool {
        get { rawValue[bit: 4] }
        set { rawValue[bit: 4] = newValue }
    }
    /// Bit 5. The transmitter takes a character.
    var thre: Bool {
        get { rawValue[bit: 5] }
        set { rawValue[bit: 5] = newValue }
    }
    /// Bit 6. The transmitter is idle.
    var temt: Bool {
        get { rawValue[bit: 6] }
        set { rawValue[bit: 6] = newValue }
    }
    /// Bit 7. FIFO mode: a character in the receiver FIFO has an error.
    var fifoError: Bool {
        get { rawValue[bit: 7] }
        set { rawValue[bit: 7] = newValue }
    }
}

/// MSR: Modem Status Register. 8-bit, RO; bits 3:0 are cleared by reading it. Source: PC16550D §8.9.
struct UART_MSR: RawRepresentable {
    var rawValue: UInt8 = 0
    /// CTS, DSR and DCD.
    static let peerIsReady = UART_MSR(rawValue: 0xB0)
    /// Bits 3:0: DCTS, DDSR, TERI, DDCD.
    var deltas: UInt8 {
        get { rawValue[0...3] }
        set { rawValue[0...3] = newValue }
    }
    var cts: Bool {
        get { rawValue[bit: 4] }
        set { rawValue[bit: 4] = newValue }
    }
    var dsr: Bool {
        get { rawValue[bit: 5] }
        set { rawValue[bit: 5] = newValue }
    }
    var ri: Bool {
        get { rawValue[bit: 6] }
        set { rawValue[bit: 6] = newValue }
    }
    var dcd: Bool {
        get { rawValue[bit: 7] }
        set { rawValue[bit: 7] = newValue }
    }

    /// Takes new modem inputs (bits 7:4) and notes what changed. Ring counts when it ends (TERI: trailing edge).
    mutating func update(inputs: UART_MSR) {
        let changed = (rawValue ^ inputs.rawValue) & 0xF0
        var delta = changed >> 4
        if inputs.ri { delta[bit: 2] = false }
        rawValue = (inputs.rawValue & 0xF0) | deltas | delta
    }
}

/// What IIR identifies, highest priority first. The raw value is IIR bits 3:0. Source: PC16550D §8.6, table IV.
enum UARTInterrupt: UInt8, CaseIterable {
    case receiverLineStatus = 0b0110
    case receivedDataAvailable = 0b0100
    case characterTimeout = 0b1100
    case thrEmpty = 0b0010
    case modemStatus = 0b0000

    /// IIR bits 3:0 while no interrupt is pending.
    static let none: UInt8 = 0b0001
}
