internal import VMMCore

/// The registers of a PL031, all of 32 bits. Source: PL031 (Arm DDI 0224) §3.2.
enum PL031Register: Hashable {
    /// 0x000, RO: the time, in seconds.
    case DR
    /// 0x004, RW: match: the time of the alarm.
    case MR
    /// 0x008, RW: load: writing sets the time.
    case LR
    /// 0x00C, RW: control. Bit 0, started, is always one: the battery has kept the clock running.
    case CR
    /// 0x010, RW: interrupt mask set or clear, bit 0.
    case IMSC
    /// 0x014, RO: raw interrupt status, bit 0.
    case RIS
    /// 0x018, RO: masked interrupt status, bit 0.
    case MIS
    /// 0x01C, WO: interrupt clear, bit 0.
    case ICR
    /// 0xFE0 to 0xFFC, RO.
    case identification(index: Int)

    static let windowSize: UInt64 = 0x1000

    /// Nil for what is reserved, and for an offset that is not a multiple of four.
    init?(offset: UInt64) {
        switch offset {
        case 0x000: self = .DR
        case 0x004: self = .MR
        case 0x008: self = .LR
        case 0x00C: self = .CR
        case 0x010: self = .IMSC
        case 0x014: self = .RIS
        case 0x018: self = .MIS
        case 0x01C: self = .ICR
        case 0xFE0..<0x1000 where offset & 3 == 0: self = .identification(index: Int(offset - 0xFE0) / 4)
        default: return nil
        }
    }

    /// RTCPeriphID0 to 3, RTCPCellID0 to 3.
    static func identification(_ index: Int) -> UInt32 {
        switch index {
        case 0: 0x31
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
