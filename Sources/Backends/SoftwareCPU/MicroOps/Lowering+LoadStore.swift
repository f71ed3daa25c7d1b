// Loads and stores. Source: Arm DDI 0487, C4.1.96 and C6.2, C7.2.

extension Lowering {
    func lowerLoadOrStore(_ encoding: Encoding) -> MicroOp? {
        let i = instruction
        switch encoding {
        case .stxr, .stlxr:
            return MicroOp(
                .storeExclusive, d: Instruction.destination(i.rs), n: i.rn, m: Instruction.source(i.rt), a: log2Size)
        case .ldxr, .ldaxr: return MicroOp(.loadExclusive, d: Instruction.destination(i.rt), n: i.rn, a: log2Size)
        case .stxp, .stlxp:
            return MicroOp(
                .storeExclusivePair, d: Instruction.destination(i.rs), n: i.rn, m: Instruction.source(i.rt),
                a: log2Size, b: Instruction.source(i.rt2))
        case .ldxp, .ldaxp:
            return MicroOp(
                .loadExclusivePair, d: Instruction.destination(i.rt), n: i.rn, m: Instruction.destination(i.rt2),
                a: log2Size)
        case .ldar: return MicroOp(.loadAcquire, d: Instruction.destination(i.rt), n: i.rn, a: log2Size)
        case .stlr: return MicroOp(.storeRelease, n: i.rn, m: Instruction.source(i.rt), a: log2Size)
        case .cas:
            return MicroOp(
                .compareAndSwap, d: Instruction.destination(i.rs), n: i.rn, m: Instruction.source(i.rt), a: log2Size,
                b: Instruction.source(i.rs))
        case .casp:
            guard i.rs & 1 == 0, i.rt & 1 == 0 else { return undefined(.unallocated) }
            return MicroOp(.compareAndSwapPair, d: i.rs, n: i.rn, m: i.rt, a: i.bit(30) ? 3 : 2)
        case .ldadd: return atomic(.add)
        case .ldclr: return atomic(.clear)
        case .ldeor: return atomic(.exclusiveOr)
        case .ldset: return atomic(.set)
        case .ldsmax: return atomic(.signedMaximum)
        case .ldsmin: return atomic(.signedMinimum)
        case .ldumax: return atomic(.unsignedMaximum)
        case .ldumin: return atomic(.unsignedMinimum)
        case .swp: return atomic(.swap)
        case .loadLiteral, .loadLiteralVector: return literal(isVector: encoding == .loadLiteralVector)
        case .pair: return pair()
        case .pairVector: return pairVector()
        case .loadStoreUnsigned:
            return single(.plain, displacement: Int64(i.field(10, 12)) << Int64(log2Size))
        case .loadStoreUnscaled: return single(.plain, displacement: i.signed(12, 9))
        case .loadStorePostIndex: return single(.writeback, packed: .packed(address: 0, writeback: i.signed(12, 9)))
        case .loadStorePreIndex:
            return single(.writeback, packed: .packed(address: i.signed(12, 9), writeback: i.signed(12, 9)))
        case .loadStoreRegister: return single(.indexed)
        case .loadStoreUnprivileged: return unprivileged()
        case .vectorUnsigned: return vector(displacement: Int64(i.field(10, 12)) << Int64(log2VectorSize & 7))
        case .vectorUnscaled: return vector(displacement: i.signed(12, 9))
        case .vectorPostIndex:
            return vectorGeneral(immediate: .packed(address: 0, writeback: i.signed(12, 9)), writesBack: true)
        case .vectorPreIndex:
            return vectorGeneral(
                immediate: .packed(address: i.signed(12, 9), writeback: i.signed(12, 9)), writesBack: true)
        case .vectorRegister:
            guard i.bit(14) else { return undefined(.unallocated) }
            return vectorGeneral(
                immediate: 0, index: Instruction.source(i.rm), option: UInt8(i.field(13, 3)),
                shift: i.bit(12) ? log2VectorSize : 0)
        case .structureMultiple, .structureMultiplePost, .structureSingle, .structureSinglePost:
            return structure(encoding)
        default: return nil
        }
    }

    private var log2Size: UInt8 { UInt8(instruction.field(30, 2)) }
    private var isPrefetchSize: Bool { instruction.field(30, 2) == 3 && instruction.field(22, 2) == 2 }

    private func atomic(_ operation: AtomicOperation) -> MicroOp {
        let i = instruction
        return MicroOp(
            .atomic, d: Instruction.destination(i.rt), n: i.rn, m: Instruction.source(i.rs), a: log2Size,
            b: operation.rawValue)
    }

    private func literal(isVector: Bool) -> MicroOp {
        let i = instruction
        let address = offset &+ UInt64(bitPattern: i.signed(5, 19) << 2)
        let kind = i.field(30, 2)
        if isVector {
            guard kind < 3 else { return undefined(.unallocated) }
            let opcode: Opcode = [.loadLiteralVS, .loadLiteralVD, .loadLiteralVQ][Int(kind)]
            return MicroOp(opcode, d: i.rt, immediate: address)
        }
        guard kind < 3 else { return MicroOp(.nop) }
        let opcode: Opcode = [.loadLiteralW, .loadLiteralX, .loadLiteralSW][Int(kind)]
        return MicroOp(opcode, d: Instruction.destination(i.rt), immediate: address)
    }

    // MARK: One register

    private enum Mode: Int { case plain, indexed, writeback }

    private func single(_ mode: Mode, displacement: Int64) -> MicroOp {
        single(mode, packed: UInt64(bitPattern: displacement))
    }

    private func single(_ mode: Mode, packed immediate: UInt64 = 0) -> MicroOp {
        let i = instruction
        if isPrefetchSize { return mode == .writeback ? undefined(.unallocated) : MicroOp(.nop) }
        if mode == .indexed && !i.bit(14) { return undefined(.unallocated) }
        guard let opcode = Self.singleOpcode(i.field(30, 2), i.field(22, 2), mode) else {
            return undefined(.unallocated)
        }
        let isLoad = i.field(22, 2) != 0
        return MicroOp(
            opcode, d: isLoad ? Instruction.destination(i.rt) : Instruction.source(i.rt), n: i.rn,
            m: Instruction.source(i.rm), a: UInt8(i.field(13, 3)), b: i.bit(12) ? log2Size : 0, immediate: immediate)
    }

    /// By size and opc: store, load, load sign-extended to 64 and to 32 bits.
    private static let plainOpcodes: [[Opcode?]] = [
        [.storeB, .loadB, .loadSBX, .loadSBW], [.storeH, .loadH, .loadSHX, .loadSHW],
        [.storeW, .loadW, .loadSWX, nil], [.storeX, .loadX, nil, nil],
    ]
    private static let indexedOpcodes: [[Opcode?]] = [
        [.storeBIndexed, .loadBIndexed, .loadSBXIndexed, .loadSBWIndexed],
        [.storeHIndexed, .loadHIndexed, .loadSHXIndexed, .loadSHWIndexed],
        [.storeWIndexed, .loadWIndexed, .loadSWXIndexed, nil], [.storeXIndexed, .loadXIndexed, nil, nil],
    ]
    private static let writebackOpcodes: [[Opcode?]] = [
        [.storeBWriteback, .loadBWriteback, .loadSBXWriteback, .loadSBWWriteback],
        [.storeHWriteback, .loadHWriteback, .loadSHXWriteback, .loadSHWWriteback],
        [.storeWWriteback, .loadWWriteback, .loadSWXWriteback, nil], [.storeXWriteback, .loadXWriteback, nil, nil],
    ]

    private static func singleOpcode(_ size: UInt32, _ opc: UInt32, _ mode: Mode) -> Opcode? {
        switch mode {
        case .plain: plainOpcodes[Int(size)][Int(opc)]
        case .indexed: indexedOpcodes[Int(size)][Int(opc)]
        case .writeback: writebackOpcodes[Int(size)][Int(opc)]
        }
    }

    /// `a`: log2 of the size, `b`: 0 store, 1 load, 2 sign-extend to 64, 3 to 32 bits.
    private func unprivileged() -> MicroOp {
        let i = instruction
        guard let _ = Self.singleOpcode(i.field(30, 2), i.field(22, 2), .plain) else {
            return undefined(.unallocated)
        }
        return MicroOp(
            .loadStoreUnprivileged, d: i.field(22, 2) != 0 ? Instruction.destination(i.rt) : Instruction.source(i.rt),
            n: i.rn, a: log2Size, b: UInt8(i.field(22, 2)), immediate: UInt64(bitPattern: i.signed(12, 9)))
    }

    // MARK: Pairs

    /// `m` gets the base's new value: the base, or the discard slot.
    private func pairOp(_ opcode: Opcode, d: UInt8, a: UInt8, log2Size: Int64) -> MicroOp {
        let i = instruction
        let displacement = i.signed(15, 7) << log2Size
        switch i.field(23, 2) {
        case 1:
            return MicroOp(
                opcode, d: d, n: i.rn, m: i.rn, a: a, immediate: MicroOp.packed(address: 0, writeback: displacement))
        case 3:
            return MicroOp(
                opcode, d: d, n: i.rn, m: i.rn, a: a,
                immediate: MicroOp.packed(address: displacement, writeback: displacement))
        default:
            return MicroOp(
                opcode, d: d, n: i.rn, m: StateLayout.discardSlot, a: a,
                immediate: MicroOp.packed(address: displacement, writeback: 0))
        }
    }

    private func pair() -> MicroOp {
        let i = instruction
        let isLoad = i.bit(22)
        let register = isLoad ? Instruction.destination : Instruction.source
        let (first, second) = (register(i.rt), register(i.rt2))
        let isNoAllocate = i.field(23, 2) == 0
        switch (i.field(30, 2), isLoad) {
        case (0, true): return pairOp(.loadPairW, d: first, a: second, log2Size: 2)
        case (0, false): return pairOp(.storePairW, d: first, a: second, log2Size: 2)
        case (1, true) where !isNoAllocate: return pairOp(.loadPairSW, d: first, a: second, log2Size: 2)
        case (2, true): return pairOp(.loadPairX, d: first, a: second, log2Size: 3)
        case (2, false): return pairOp(.storePairX, d: first, a: second, log2Size: 3)
        default: return undefined(.unallocated)
        }
    }

    private func pairVector() -> MicroOp {
        let i = instruction
        let isLoad = i.bit(22)
        switch i.field(30, 2) {
        case 0: return pairOp(isLoad ? .loadPairVS : .storePairVS, d: i.rt, a: i.rt2, log2Size: 2)
        case 1: return pairOp(isLoad ? .loadPairVD : .storePairVD, d: i.rt, a: i.rt2, log2Size: 3)
        case 2: return pairOp(isLoad ? .loadPairVQ : .storePairVQ, d: i.rt, a: i.rt2, log2Size: 4)
        default: return undefined(.unallocated)
        }
    }

    // MARK: Vector registers

    /// opc<1>:size.
    private var log2VectorSize: UInt8 { UInt8(instruction.field(23, 1) << 2 | instruction.field(30, 2)) }

    private func vector(displacement: Int64) -> MicroOp {
        let i = instruction
        let isLoad = i.bit(22)
        let opcode: Opcode
        switch log2VectorSize {
        case 2: opcode = isLoad ? .loadVS : .storeVS
        case 3: opcode = isLoad ? .loadVD : .storeVD
        case 4: opcode = isLoad ? .loadVQ : .storeVQ
        default: return vectorGeneral(immediate: .packed(address: displacement, writeback: 0))
        }
        return MicroOp(opcode, d: i.rt, n: i.rn, immediate: UInt64(bitPattern: displacement))
    }

    /// `m`, `a`, `b`: index, its extension and shift; `c`: log2 of the size, and 8 to write the base back.
    private func vectorGeneral(
        immediate: UInt64, index: UInt8 = StateLayout.zeroSlot, option: UInt8 = 3, shift: UInt8 = 0,
        writesBack: Bool = false
    ) -> MicroOp {
        let i = instruction
        guard log2VectorSize <= 4 else { return undefined(.unallocated) }
        return MicroOp(
            i.bit(22) ? .loadVector : .storeVector, d: i.rt, n: i.rn, m: index, a: option, b: shift,
            c: log2VectorSize | (writesBack ? 8 : 0), immediate: immediate)
    }

    /// `d`: first register, `m`: post-index register (31: the size), `c`: 1 to write the base back; the immediate is the word.
    private func structure(_ encoding: Encoding) -> MicroOp {
        let i = instruction
        let isMultiple = encoding == .structureMultiple || encoding == .structureMultiplePost
        let isPost = encoding == .structureMultiplePost || encoding == .structureSinglePost
        let shape = isMultiple ? StructureShape(multiple: i) : StructureShape(single: i)
        guard shape != nil else { return undefined(.unallocated) }
        return MicroOp(
            isMultiple ? .structureMultiple : .structureSingle, d: i.rt, n: i.rn, m: i.rm, c: isPost ? 1 : 0,
            immediate: UInt64(i.word))
    }
}

extension UInt64 {
    /// See `MicroOp.packed`.
    static func packed(address: Int64, writeback: Int64) -> UInt64 {
        MicroOp.packed(address: address, writeback: writeback)
    }
}

/// What an atomic memory operation does with the old value and its operand. Source: Arm DDI 0487, C6.2 "LDADD" and on.
enum AtomicOperation: UInt8 {
    case add, clear, exclusiveOr, set, signedMaximum, signedMinimum, unsignedMaximum, unsignedMinimum, swap
}

/// The shape of a structure load or store. Source: Arm DDI 0487, C7.2 "LD1 (multiple structures)" and on.
struct StructureShape {
    /// Multiple: how often `selem` registers are read; single: 1.
    var repeats = 1
    var structureElements: Int
    /// log2 of an element's bytes.
    var log2Size: Int
    /// Elements a register (multiple), or the lane (single).
    var lane = 0
    var replicates = false

    init?(multiple i: Instruction) {
        log2Size = Int(i.field(10, 2))
        switch i.field(12, 4) {
        case 0b0000: (repeats, structureElements) = (1, 4)
        case 0b0010: (repeats, structureElements) = (4, 1)
        case 0b0100: (repeats, structureElements) = (1, 3)
        case 0b0110: (repeats, structureElements) = (3, 1)
        case 0b0111: (repeats, structureElements) = (1, 1)
        case 0b1000: (repeats, structureElements) = (1, 2)
        case 0b1010: (repeats, structureElements) = (2, 1)
        default: return nil
        }
        // Elements of 64 bits interleaved need both halves.
        if log2Size == 3 && !i.bit(30) && structureElements != 1 { return nil }
    }

    init?(single i: Instruction) {
        let (q, s, size) = (Int(i.field(30, 1)), Int(i.field(12, 1)), Int(i.field(10, 2)))
        structureElements = Int(i.field(13, 1) << 1 | i.field(21, 1)) + 1
        log2Size = Int(i.field(14, 2))
        switch log2Size {
        case 0: lane = q << 3 | s << 2 | size
        case 1:
            guard size & 1 == 0 else { return nil }
            lane = q << 2 | s << 1 | size >> 1
        case 2:
            if size == 0 {
                lane = q << 1 | s
            } else {
                guard size == 1, s == 0 else { return nil }
                log2Size = 3
                lane = q
            }
        default:
            guard i.bit(22), s == 0 else { return nil }
            log2Size = size
            replicates = true
        }
    }
}
