internal import VMMCore

/// The registers of a PL061, of 8 bits each at multiples of four. Source: PL061 (Arm DDI 0190) §3.2.
enum PL061Register: Hashable {
    /// 0x000 to 0x3FC: data. Bits 9:2 of the offset are the mask of the pins that are read or written.
    case DATA(mask: UInt8)
    /// 0x400: direction. 1: output.
    case DIR
    /// 0x404: interrupt sense. 0: edge, 1: level.
    case IS
    /// 0x408: 1: both edges interrupt.
    case IBE
    /// 0x40C: 1: the rising edge or the high level interrupts, 0: the falling or low one.
    case IEV
    /// 0x410: interrupt mask. 1: enabled.
    case IE
    /// 0x414, RO: raw interrupt status.
    case RIS
    /// 0x418, RO: masked interrupt status.
    case MIS
    /// 0x41C, WO: clears edge interrupts.
    case IC
    /// 0x420: alternate function. Without effect.
    case AFSEL
    /// 0xFE0 to 0xFFC, RO.
    case identification(index: Int)

    static let windowSize: UInt64 = 0x1000

    /// Nil for what is reserved, and for an offset that is not a multiple of four.
    init?(offset: UInt64) {
        guard offset & 3 == 0 else { return nil }
        switch offset {
        case 0x000..<0x400: self = .DATA(mask: UInt8(truncatingIfNeeded: offset >> 2))
        case 0x400: self = .DIR
        case 0x404: self = .IS
        case 0x408: self = .IBE
        case 0x40C: self = .IEV
        case 0x410: self = .IE
        case 0x414: self = .RIS
        case 0x418: self = .MIS
        case 0x41C: self = .IC
        case 0x420: self = .AFSEL
        case 0xFE0..<0x1000: self = .identification(index: Int(offset - 0xFE0) / 4)
        default: return nil
        }
    }

    /// GPIOPeriphID0 to 3, GPIOPCellID0 to 3.
    static func identification(_ index: Int) -> UInt8 {
        switch index {
        case 0: 0x61
        case 1: 0x10
        case 2: 0x04
        case 4: 0x0D
        case 5: 0xF0
        case 6: 0x05
        case 7: 0xB1
        default: 0
        }
    }
}
