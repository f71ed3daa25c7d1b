internal import VMMCore

/// ICC_CTLR_EL1: CPU interface control. 32-bit, RW. Source: GICv3, "ICC_CTLR_EL1".
struct ICC_CTLR_EL1: RawRepresentable {
    static let writable: UInt32 = 0b11
    /// A3V (bit 15); PRIbits (10:8) is 4: five bits; IDbits (13:11) is 0: 16 bits; no SEIs, no range selector.
    static let fixed: UInt32 = 0x8400

    var rawValue: UInt32 = fixed

    /// Bit 0. 1: ICC_BPR0 is the binary point of both groups.
    var cbpr: Bool { rawValue[bit: 0] }
    /// Bit 1. 1: ICC_EOIR drops the priority only, and ICC_DIR deactivates.
    var eoiMode: Bool { rawValue[bit: 1] }
}

/// An SGI request, as ICC_SGI0R, SGI1R and ASGI1R take it. Source: GICv3, "ICC_SGI1R_EL1".
struct ICC_SGIR: RawRepresentable {
    var rawValue: UInt64

    /// Bits 15:0: a bit for each Aff0.
    var targetList: UInt64 { rawValue[0...15] }
    /// Bits 27:24.
    var intid: Int { Int(rawValue[24...27]) }
    /// Bit 40. 1: to all CPUs but the sender; the rest is ignored.
    var irm: Bool { rawValue[bit: 40] }
    /// The name of target 0: Aff1 in bits 23:16, Aff2 in 39:32, Aff3 in 55:48.
    var cluster: GICAffinity {
        GICAffinity(
            aff0: 0, aff1: UInt8(truncatingIfNeeded: rawValue >> 16), aff2: UInt8(truncatingIfNeeded: rawValue >> 32),
            aff3: UInt8(truncatingIfNeeded: rawValue >> 48))
    }
}

/// The registers of one CPU interface and what they say of priorities. Lower values are more urgent.
struct GICCPUInterface {
    /// RPR when nothing is active.
    static let idlePriority: UInt8 = 0xFF
    /// ICC_BPR0: five priority bits are bits 7:3, so that the group priority ends at bit 3.
    static let minimumBPR0: UInt8 = 2
    /// ICC_BPR1, the non-secure view, counts one more.
    static let minimumBPR1: UInt8 = 3

    /// Everything is masked at reset.
    private(set) var pmr: UInt8 = 0
    private var bpr0 = minimumBPR0
    private var bpr1 = minimumBPR1
    private(set) var ctlr = ICC_CTLR_EL1()
    /// ICC_IGRPEN0 and 1, by group.
    private(set) var enabledGroups: UInt8 = 0
    /// ICC_AP0R0: bit n is an active group 0 priority 8n.
    private(set) var ap0r: UInt32 = 0
    /// ICC_AP1R0.
    private(set) var ap1r: UInt32 = 0

    func enables(_ group: GICGroup) -> Bool { enabledGroups[bit: Int(group.rawValue)] }

    // MARK: Registers

    var readBPR0: UInt8 { bpr0 }

    /// While CBPR is set, BPR1 reads as BPR0 plus one, at most 7, and writes are ignored. Source: GICv3, "ICC_BPR1_EL1".
    var readBPR1: UInt8 { ctlr.cbpr ? min(bpr0 + 1, 7) : bpr1 }

    mutating func writePMR(_ value: UInt64) { pmr = UInt8(truncatingIfNeeded: value) & GICBank.implementedPriority }

    mutating func writeBPR0(_ value: UInt64) { bpr0 = max(UInt8(value[0...2]), Self.minimumBPR0) }

    mutating func writeBPR1(_ value: UInt64) {
        if !ctlr.cbpr { bpr1 = max(UInt8(value[0...2]), Self.minimumBPR1) }
    }

    mutating func writeCTLR(_ value: UInt64) {
        ctlr.rawValue = UInt32(truncatingIfNeeded: value) & ICC_CTLR_EL1.writable | ICC_CTLR_EL1.fixed
    }

    mutating func writeIGRPEN(_ value: UInt64, _ group: GICGroup) {
        enabledGroups[bit: Int(group.rawValue)] = value[bit: 0]
    }

    mutating func writeAP0R(_ value: UInt64) { ap0r = UInt32(truncatingIfNeeded: value) }

    mutating func writeAP1R(_ value: UInt64) { ap1r = UInt32(truncatingIfNeeded: value) }

    // MARK: Priorities

    /// RPR: the group priority of the most urgent active interrupt.
    var runningPriority: UInt8 {
        let active = ap0r | ap1r
        return active == 0 ? Self.idlePriority : UInt8(active.trailingZeroBitCount * 8)
    }

    /// The bits of a priority that count for preemption. Source: GICv3, "Priority grouping".
    func groupPriorityMask(_ group: GICGroup) -> UInt8 {
        let point: UInt8
        switch group {
        case .group0: point = bpr0
        case .group1: point = ctlr.cbpr ? bpr0 : bpr1 - 1
        }
        return UInt8(truncatingIfNeeded: UInt32(0xFF) << UInt32(point + 1))
    }

    /// The interrupt is urgent enough for PMR, and to preempt what is active.
    func accepts(_ interrupt: GICPendingInterrupt) -> Bool {
        guard interrupt.priority < pmr else { return false }
        guard ap0r | ap1r != 0 else { return true }
        return interrupt.priority & groupPriorityMask(interrupt.group) < runningPriority
    }

    mutating func activate(_ interrupt: GICPendingInterrupt) {
        let level = Int(interrupt.priority & groupPriorityMask(interrupt.group)) / 8
        switch interrupt.group {
        case .group0: ap0r[bit: level] = true
        case .group1: ap1r[bit: level] = true
        }
    }

    /// Ends the most urgent active priority, if it belongs to `group`: an ICC_EOIR of the other group has no effect.
    mutating func dropPriority(_ group: GICGroup) -> Bool {
        guard ap0r | ap1r != 0 else { return false }
        let mostUrgent: GICGroup = ap0r.trailingZeroBitCount <= ap1r.trailingZeroBitCount ? .group0 : .group1
        guard mostUrgent == group else { return false }
        switch group {
        case .group0: ap0r &= ap0r &- 1
        case .group1: ap1r &= ap1r &- 1
        }
        return true
    }
}

/// An interrupt that is offered to a CPU.
struct GICPendingInterrupt: Hashable {
    var intid: Int
    var priority: UInt8
    var group: GICGroup
}
