// The registers of self-hosted debug. Source: Arm DDI 0487, D2 and D24.3.

/// MDSCR_EL1: Monitor Debug System Control Register.
enum MDSCR {
    /// Software step is on.
    static let ss: UInt64 = 1 << 0
    /// EL0 may not use the debug communications channel.
    static let tdcc: UInt64 = 1 << 12
    /// Debug exceptions are taken from EL1 to EL1 too.
    static let kde: UInt64 = 1 << 13
    /// Breakpoints and watchpoints are on.
    static let mde: UInt64 = 1 << 15
    static let writable: UInt64 = ss | tdcc | kde | mde
    /// While the OS lock is set, also what a debugger's state is saved and restored through: RXfull, TXfull, RXO, TXU,
    /// INTdis, TDA, SC2, HDE, ERR.
    static let writableWhileLocked: UInt64 =
        writable | 1 << 30 | 1 << 29 | 1 << 27 | 1 << 26 | 3 << 22 | 1 << 21 | 1 << 19 | 1 << 14 | 1 << 6
}

/// DBGBCR<n>_EL1: Debug Breakpoint Control Registers.
struct DBGBCR: RawRepresentable {
    let rawValue: UInt64

    static let writable: UInt64 = 0x00FF_E007
    /// BAS: all four bytes of an instruction.
    static let res1: UInt64 = 0xF << 5

    var isEnabled: Bool { rawValue & 1 != 0 }
    /// PMC: bit 0 at EL1, bit 1 at EL0.
    var levels: UInt64 { rawValue >> 1 & 3 }
    /// SSC 2 means the Secure state only, which is not there.
    var isForThisState: Bool { rawValue >> 14 & 3 != 2 }
    /// LBN: the linked breakpoint.
    var linked: Int { Int(rawValue >> 16 & 15) }
    /// BT.
    var kind: UInt64 { rawValue >> 20 & 15 }

    static let address: UInt64 = 0
    static let linkedAddress: UInt64 = 1
    static let context: UInt64 = 2
    static let linkedContext: UInt64 = 3
}

/// DBGWCR<n>_EL1: Debug Watchpoint Control Registers.
struct DBGWCR: RawRepresentable {
    let rawValue: UInt64

    static let writable: UInt64 = 0x1F1F_FFFF

    var isEnabled: Bool { rawValue & 1 != 0 }
    /// PAC: bit 0 accesses of EL1, bit 1 those of EL0 and unprivileged ones.
    var levels: UInt64 { rawValue >> 1 & 3 }
    var isForThisState: Bool { rawValue >> 14 & 3 != 2 }
    /// LSC: bit 0 loads, bit 1 stores.
    var accesses: UInt64 { rawValue >> 3 & 3 }
    /// BAS: which of eight bytes.
    var bytes: UInt64 { rawValue >> 5 & 0xFF }
    var linked: Int { Int(rawValue >> 16 & 15) }
    var isLinked: Bool { rawValue >> 20 & 1 != 0 }
    /// MASK: log2 of a watched range of 8 bytes to 2 GiB, or 0.
    var mask: UInt64 { rawValue >> 24 & 31 }

    /// The watched bytes, by DBGWVR<n>_EL1; nil: none. BAS with a hole watches from its first to its last byte, and the reserved
    /// masks 1 and 2 count as 0: choices that CONSTRAINED UNPREDICTABLE allows.
    func range(_ value: UInt64) -> (address: UInt64, size: UInt64)? {
        if mask > 2 { return (value & ~((1 << mask) - 1), 1 << mask) }
        let selected = value & 4 != 0 ? bytes & 0xF : bytes
        guard selected != 0 else { return nil }
        let first = UInt64(selected.trailingZeroBitCount)
        return (value &+ first, 64 - UInt64(selected.leadingZeroBitCount) - first)
    }
}

/// An enabled breakpoint of the guest.
struct GuestBreakpoint {
    /// Nil: it goes by context alone.
    let address: UInt64?
    let levels: UInt64
    /// What CONTEXTIDR_EL1 must be.
    let context: UInt32?
}

/// An enabled watchpoint of the guest.
struct GuestWatchpoint {
    let address: UInt64
    let size: UInt64
    let levels: UInt64
    let accesses: UInt64
    let context: UInt32?
}
