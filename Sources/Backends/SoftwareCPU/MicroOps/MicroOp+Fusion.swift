// Two instructions in one micro-op. A third of a kernel's conditional branches follow the comparison that they go by; in one they
// cost one dispatch, and no instruction of such a pair can fault.

extension MicroOp {
    /// One micro-op that does `first` and then `second`; nil when there is none.
    ///
    /// Of a flag-setting operation and a conditional branch: `d`, `n` and `m` as the first, `a` and `b` the condition, the branch's
    /// target in the low half of the immediate, the first one's immediate in the high half. Of a CCMP: its own condition in bits
    /// 47:32, the branch's in 63:48.
    static func fused(_ first: MicroOp, _ second: MicroOp) -> MicroOp? {
        guard second.opcode == .branchConditional else { return nil }
        var result = first
        switch first.opcode {
        case .subsImmediateX: result.opcode = .subsImmediateBranchX
        case .subsImmediateW: result.opcode = .subsImmediateBranchW
        case .andsImmediateX: result.opcode = .andsImmediateBranchX
        case .andsImmediateW: result.opcode = .andsImmediateBranchW
        case .subsX: result.opcode = .subsBranchX
        case .subsW: result.opcode = .subsBranchW
        case .andsX: result.opcode = .andsBranchX
        case .andsW: result.opcode = .andsBranchW
        case .ccmp:
            result.opcode = .ccmpBranch
            result.immediate = first.immediate | second.condition << 16
            return result.branching(to: second.immediate)
        default: return nil
        }
        result.a = second.a
        result.b = second.b
        return result.branching(to: second.immediate)
    }

    /// Moves the immediate up and puts a branch's target below it; nil when one does not fit.
    private func branching(to target: UInt64) -> MicroOp? {
        guard immediate >> 32 == 0, let near = Int32(exactly: Int64(bitPattern: target)) else { return nil }
        var result = self
        result.immediate = immediate << 32 | UInt64(UInt32(bitPattern: near))
        return result
    }
}
