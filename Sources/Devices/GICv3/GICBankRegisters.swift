internal import VMMCore

/// The registers that exist once a row of interrupts, at the same offsets in the distributor and in SGI_base.
///
/// Source: GICv3, "The GIC Distributor register map" and "The GIC Redistributor register map".
enum GICBankRegister: CaseIterable {
    case IGROUPR
    case ISENABLER
    case ICENABLER
    case ISPENDR
    case ICPENDR
    case ISACTIVER
    case ICACTIVER
    case IPRIORITYR
    case ICFGR

    /// Offset of the register of INTID 0.
    var base: UInt64 {
        switch self {
        case .IGROUPR: 0x0080
        case .ISENABLER: 0x0100
        case .ICENABLER: 0x0180
        case .ISPENDR: 0x0200
        case .ICPENDR: 0x0280
        case .ISACTIVER: 0x0300
        case .ICACTIVER: 0x0380
        case .IPRIORITYR: 0x0400
        case .ICFGR: 0x0C00
        }
    }

    /// 1, 2 or 8.
    var bitsPerInterrupt: Int {
        switch self {
        case .IGROUPR, .ISENABLER, .ICENABLER, .ISPENDR, .ICPENDR, .ISACTIVER, .ICACTIVER: 1
        case .IPRIORITYR: 8
        case .ICFGR: 2
        }
    }

    /// The register at `offset` and the first INTID that an access there is about; nil for what is not in the table, and
    /// for an access that the register does not take: words only, and single bytes of IPRIORITYR, aligned.
    static func decode(_ offset: UInt64, _ width: AccessWidth) -> (register: Self, firstINTID: Int)? {
        let register: Self
        switch offset {
        case 0x0080..<0x0100: register = .IGROUPR
        case 0x0100..<0x0180: register = .ISENABLER
        case 0x0180..<0x0200: register = .ICENABLER
        case 0x0200..<0x0280: register = .ISPENDR
        case 0x0280..<0x0300: register = .ICPENDR
        case 0x0300..<0x0380: register = .ISACTIVER
        case 0x0380..<0x0400: register = .ICACTIVER
        case 0x0400..<0x0800: register = .IPRIORITYR
        case 0x0C00..<0x0D00: register = .ICFGR
        default: return nil
        }
        switch width {
        case .word: guard offset & 3 == 0 else { return nil }
        case .byte: guard register == .IPRIORITYR else { return nil }
        case .halfword, .doubleword: return nil
        }
        return (register, Int(offset - register.base) * 8 / register.bitsPerInterrupt)
    }
}

extension GICBank {
    /// Reads a register of this bank. `first` is the INTID, modulo 32, that bit 0 belongs to.
    func read(_ register: GICBankRegister, first: Int, _ width: AccessWidth) -> UInt32 {
        switch register {
        case .IGROUPR: return group
        case .ISENABLER, .ICENABLER: return enabled
        case .ISPENDR, .ICPENDR: return pending
        case .ISACTIVER, .ICACTIVER: return active
        case .IPRIORITYR:
            var value: UInt32 = 0
            for lane in 0..<min(width.bytes, 4) {
                value |= UInt32(priority(first + lane)) << UInt32(lane * 8)
            }
            return value
        case .ICFGR:
            var value: UInt32 = 0
            for lane in 0..<16 { value[bit: 2 * lane + 1] = edge[bit: (first + lane) & 31] }
            return value
        }
    }

    /// Writes a register of this bank; see `read`.
    mutating func write(_ value: UInt32, to register: GICBankRegister, first: Int, _ width: AccessWidth) {
        switch register {
        case .IGROUPR: group = value
        case .ISENABLER: enabled |= value
        case .ICENABLER: enabled &= ~value
        case .ISPENDR: apply(.makePending, toEach: value)
        case .ICPENDR: apply(.clearPending, toEach: value)
        case .ISACTIVER: apply(.activate, toEach: value)
        case .ICACTIVER: apply(.deactivate, toEach: value)
        case .IPRIORITYR:
            for lane in 0..<min(width.bytes, 4) {
                setPriority(UInt8(truncatingIfNeeded: value >> UInt32(lane * 8)), first + lane)
            }
        case .ICFGR:
            for lane in 0..<16 { setEdge(value[bit: 2 * lane + 1], first + lane) }
        }
    }
}
