internal import ARM64Vector

/// From an instruction word to its micro-op. One instance per instruction.
struct Lowering {
    let instruction: Instruction
    /// Bytes from the start of the block to this instruction.
    let offset: UInt64
    let flags: UInt64
    /// HLT #0xF000 asks for something.
    let hasSemihosting: Bool

    init(word: UInt32, offset: UInt64, flags: UInt64, hasSemihosting: Bool = false) {
        instruction = Instruction(word: word)
        self.offset = offset
        self.flags = flags
        self.hasSemihosting = hasSemihosting
    }

    var isEL1: Bool { flags & BlockFlags.el1 != 0 }

    func undefined(_ reason: UndefinedReason) -> MicroOp {
        MicroOp(.undefined, a: reason.rawValue, immediate: UInt64(instruction.word))
    }

    /// - Parameter endsStackChange: set when `endOfStackChange` must follow.
    func lower(_ table: DecodeTable, endsStackChange: inout Bool) -> MicroOp {
        if flags & BlockFlags.illegal != 0 { return .raising(.illegalState) }
        guard let encoding = table.encoding(of: instruction.word) else {
            // Bits 28:25 = x111: floating point and Advanced SIMD. Source: Arm DDI 0487, C4.1, table C4-1.
            guard instruction.field(25, 3) == 7 else { return undefined(.unallocated) }
            if flags & BlockFlags.vectorsTrapped != 0 { return .raising(.trappedVector, iss: Core.vectorTrapSyndrome) }
            switch VectorDecoder.decode(instruction.word) {
            case .instruction(let vector): return MicroOp(.vector, immediate: vector.packed)
            case .unallocated: return undefined(.unallocated)
            case .reserved: return undefined(.reserved)
            }
        }
        if encoding.isVector && flags & BlockFlags.vectorsTrapped != 0 {
            return .raising(.trappedVector, iss: Core.vectorTrapSyndrome)
        }
        endsStackChange = mayChangeStackAlignment(encoding)
        let op = lower(encoding)
        return faultsByStack(encoding) && op.opcode != .nop && op.opcode != .undefined ? .raising(.spAlignment) : op
    }

    private func lower(_ encoding: Encoding) -> MicroOp {
        lowerImmediate(encoding) ?? lowerRegister(encoding) ?? lowerBranchOrSystem(encoding)
            ?? lowerLoadOrStore(encoding) ?? lowerVectorMove(encoding) ?? undefined(.notImplemented)
    }
}

/// What a block's decoding depends on besides its bytes. Part of its key.
enum BlockFlags {
    static let el1: UInt64 = 1
    /// CPACR_EL1.FPEN traps floating point and SIMD at this exception level.
    static let vectorsTrapped: UInt64 = 2
    /// One instruction a block: for single steps.
    static let single: UInt64 = 4
    /// PSTATE.SP.
    static let spsel: UInt64 = 8
    /// PSTATE.IL.
    static let illegal: UInt64 = 16
    /// SP is no multiple of 16, and SCTLR_EL1 has that checked.
    static let stackMisaligned: UInt64 = 32
}

extension Encoding {
    /// Uses the vector registers.
    var isVector: Bool {
        switch self {
        case .loadLiteralVector, .pairVector, .vectorUnscaled, .vectorPostIndex, .vectorPreIndex, .vectorRegister,
            .vectorUnsigned, .structureMultiple, .structureMultiplePost, .structureSingle, .structureSinglePost:
            true
        default: rawValue >= Encoding.dupElement.rawValue
        }
    }
}

extension MicroOp {
    static func raising(_ class: ExceptionClass, iss: UInt64 = 0) -> MicroOp {
        MicroOp(.raise, a: UInt8(truncatingIfNeeded: `class`.rawValue), immediate: iss)
    }

    /// What follows may have to be decoded anew, or starts after an exception: the block ends behind it. DSB among them: see
    /// `Core.synchronize()`.
    var endsContext: Bool {
        switch opcode {
        case .barrier: a == 1
        case .sys: a == 0
        default: opcode.endsContext
        }
    }
}

extension Opcode {
    /// Ends a block by itself.
    var isBranch: Bool {
        switch self {
        case .branch, .branchLink, .branchConditional, .cbzX, .cbzW, .cbnzX, .cbnzW, .tbz, .tbnz, .branchRegister,
            .branchLinkRegister, .endOfBlock, .endOfContext:
            true
        default: false
        }
    }

    fileprivate var endsContext: Bool {
        switch self {
        case .undefined, .svc, .hvc, .brk, .eret, .msr, .msrImmediate, .wfi, .wfe, .yield, .isb, .raise,
            .semihosting:
            true
        default: false
        }
    }
}
