internal import VMMCore

/// The registers of a PL011, by the manual's names. At most 16 bits are implemented of each.
///
/// Source: PL011 §3.2, table 3-1.
enum PL011Register: Hashable {
    /// 0x000, RW: data.
    case DR
    /// 0x004: receive status (read), error clear (write).
    case RSR_ECR
    /// 0x018, RO: flags.
    case FR
    /// 0x020, RW: IrDA low-power counter. Without effect.
    case ILPR
    /// 0x024, RW: integer baud rate. Without effect.
    case IBRD
    /// 0x028, RW: fractional baud rate. Without effect.
    case FBRD
    /// 0x02C, RW: line control.
    case LCR_H
    /// 0x030, RW: control.
    case CR
    /// 0x034, RW: interrupt FIFO level select.
    case IFLS
    /// 0x038, RW: interrupt mask set and clear.
    case IMSC
    /// 0x03C, RO: raw interrupt status.
    case RIS
    /// 0x040, RO: masked interrupt status.
    case MIS
    /// 0x044, WO: interrupt clear.
    case ICR
    /// 0x048, RW: DMA control. Without effect.
    case DMACR
    /// 0xFE0 to 0xFFC, RO: PeriphID0 to 3, PCellID0 to 3.
    case identification(index: Int)

    static let windowSize: UInt64 = 0x1000

    /// Nil for what is reserved, and for an offset that is not a multiple of four.
    init?(offset: UInt64) {
        switch offset {
        case 0x000: self = .DR
        case 0x004: self = .RSR_ECR
        case 0x018: self = .FR
        case 0x020: self = .ILPR
        case 0x024: self = .IBRD
        case 0x028: self = .FBRD
        case 0x02C: self = .LCR_H
        case 0x030: self = .CR
        case 0x034: self = .IFLS
        case 0x038: self = .IMSC
        case 0x03C: self = .RIS
        case 0x040: self = .MIS
        case 0x044: self = .ICR
        case 0x048: self = .DMACR
        case 0xFE0..<0x1000 where offset & 3 == 0: self = .identification(index: Int(offset - 0xFE0) / 4)
        default: return nil
        }
    }

    /// Revision r1p5, the one with FIFOs of 32 characters. Source: PL011 §3.3.14 and on.
    static func identification(_ index: Int) -> UInt16 {
        switch index {
        case 0: 0x11
        case 1: 0x10
        case 2: 0x34
        case 4: 0x0D
        case 5: 0xF0
        case 6: 0x05
        case 7: 0xB1
        default: 0
        }
    }
}

/// A character as UARTDR gives it: data in bits 7:0, its errors above. Source: PL011 §3.3.1.
struct PL011Character: RawRepresentable, Hashable {
    var rawValue: UInt16
    /// Bit 10: the line was held low for longer than a character.
    static let breakError: UInt16 = 1 << 10
    /// Bit 11: characters before this one were lost.
    static let overrunError: UInt16 = 1 << 11
    /// Bits 11:8: OE, BE, PE, FE, as UARTRSR has them in bits 3:0.
    var errors: UInt16 { rawValue[8...11] }
}

/// UARTFR: Flag Register. 16-bit, RO. Source: PL011 §3.3.3.
struct UARTFR: RawRepresentable {
    var rawValue: UInt16 = 0
    static let cts: UInt16 = 1 << 0
    static let dsr: UInt16 = 1 << 1
    static let dcd: UInt16 = 1 << 2
    /// The transmitter has something to send.
    static let busy: UInt16 = 1 << 3
    /// The receive FIFO is empty.
    static let rxfe: UInt16 = 1 << 4
    /// The transmit FIFO is full.
    static let txff: UInt16 = 1 << 5
    /// The receive FIFO is full.
    static let rxff: UInt16 = 1 << 6
    /// The transmit FIFO is empty.
    static let txfe: UInt16 = 1 << 7
    static let ri: UInt16 = 1 << 8
    /// The modem inputs.
    static let modem: UInt16 = cts | dsr | dcd | ri

    mutating func set(_ flag: UInt16, _ condition: Bool) { if condition { rawValue |= flag } }
}

/// UARTLCR_H: Line Control Register. 16-bit, RW. Only FEN has an effect. Source: PL011 §3.3.7.
struct UARTLCR_H: RawRepresentable {
    static let writable: UInt16 = 0xFF
    var rawValue: UInt16 = 0
    /// Bit 4. 1: the FIFOs are on; 0: they are one character deep.
    var fen: Bool { rawValue[bit: 4] }
}

/// UARTCR: Control Register. 16-bit, RW. Source: PL011 §3.3.8.
///
/// UARTEN, TXE and RXE are kept and do not stop characters for good: programs for QEMU's `virt` write to UARTDR without setting
/// them, and it works there. They are set in any case by those that know them.
struct UARTCR: RawRepresentable {
    static let writable: UInt16 = 0xFF87
    /// TXE and RXE.
    static let reset: UInt16 = 0x0300
    var rawValue = reset
    /// Bit 0. The UART is enabled.
    var uarten: Bool { rawValue[bit: 0] }
    /// Bit 7. Loopback: what is transmitted is received.
    var lbe: Bool { rawValue[bit: 7] }
    var dtr: Bool { rawValue[bit: 10] }
    var rts: Bool { rawValue[bit: 11] }
    var out1: Bool { rawValue[bit: 12] }
    var out2: Bool { rawValue[bit: 13] }

    /// The modem inputs as UARTFR has them. In loopback the outputs are connected to them: RTS to CTS, DTR to DSR, Out1 to
    /// DCD, Out2 to RI. Else there is a peer that is always ready: CTS, DSR and DCD on, no ring.
    var modemInputs: UInt16 {
        guard lbe else { return UARTFR.cts | UARTFR.dsr | UARTFR.dcd }
        var flags = UARTFR()
        flags.set(UARTFR.cts, rts)
        flags.set(UARTFR.dsr, dtr)
        flags.set(UARTFR.dcd, out1)
        flags.set(UARTFR.ri, out2)
        return flags.rawValue
    }
}

/// UARTIFLS: Interrupt FIFO Level Select. 16-bit, RW. Source: PL011 §3.3.9.
struct UARTIFLS: RawRepresentable {
    static let writable: UInt16 = 0x3F
    /// Half full, both.
    static let reset: UInt16 = 0x12
    var rawValue = reset

    /// Bits 5:3: 1/8, 1/4, 1/2, 3/4, 7/8 of the receive FIFO. A reserved value counts as 7/8.
    func receiveTrigger(depth: Int) -> Int {
        let eighths =
            switch rawValue[3...5] {
            case 0: 1
            case 1: 2
            case 2: 4
            case 3: 6
            default: 7
            }
        return max(depth * eighths / 8, 1)
    }
}

/// The interrupts of a PL011: the bits of UARTIMSC, UARTRIS, UARTMIS and UARTICR. Source: PL011 §3.3.10.
enum PL011Interrupt {
    static let ri: UInt16 = 1 << 0
    static let cts: UInt16 = 1 << 1
    static let dcd: UInt16 = 1 << 2
    static let dsr: UInt16 = 1 << 3
    static let receive: UInt16 = 1 << 4
    static let transmit: UInt16 = 1 << 5
    static let receiveTimeout: UInt16 = 1 << 6
    static let breakError: UInt16 = 1 << 9
    static let overrunError: UInt16 = 1 << 10
    static let all: UInt16 = 0x7FF
    static let reception: UInt16 = receive | receiveTimeout

    /// What a change of these modem inputs (of UARTFR) raises.
    static func modem(_ inputs: UInt16) -> UInt16 {
        var interrupts: UInt16 = 0
        if inputs & UARTFR.ri != 0 { interrupts |= ri }
        if inputs & UARTFR.cts != 0 { interrupts |= cts }
        if inputs & UARTFR.dcd != 0 { interrupts |= dcd }
        if inputs & UARTFR.dsr != 0 { interrupts |= dsr }
        return interrupts
    }
}
