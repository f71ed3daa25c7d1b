internal import VMMCore

// Loads and stores that are rare enough for functions of their own. Source: Arm DDI 0487, C6.2 and C7.2.

extension Core {
    @inline(never)
    func executeMemory(_ op: MicroOp) -> Outcome {
        switch op.opcode {
        case .loadStoreUnprivileged: unprivileged(op)
        case .loadVector: loadVector(op)
        case .storeVector: storeVector(op)
        case .structureMultiple: structureMultiple(op)
        default: structureSingle(op)
        }
    }

    /// LDTR, STTR and their kind: at EL1 with EL0's permissions.
    private func unprivileged(_ op: MicroOp) -> Outcome {
        let s = state
        let address = s.x(op.n) &+ op.immediate
        let size: UInt64 = 1 << UInt64(op.a)
        guard op.b != 0 else { return storeAsUser(address, size, s.x(op.d)) ? .next : .stop }
        guard let value = loadAsUser(address, size) else { return .stop }
        let left = 64 - size * 8
        switch op.b {
        case 1: s.setX(op.d, value)
        case 2: s.setX(op.d, UInt64(bitPattern: Int64(bitPattern: value << left) >> Int64(left)))
        default: s.setX(op.d, UInt64(bitPattern: Int64(bitPattern: value << left) >> Int64(left)) & 0xFFFF_FFFF)
        }
        return .next
    }

    /// By the TLB of EL0: Linux copies all data between programs and itself this way.
    private func loadAsUser(_ address: UInt64, _ size: UInt64) -> UInt64? {
        guard let host = state.tlb(of: .user).readHit(address, size) else { return load(address, size, .user) }
        return host.load(size: size)
    }

    private func storeAsUser(_ address: UInt64, _ size: UInt64, _ value: UInt64) -> Bool {
        guard let host = state.tlb(of: .user).writeHit(address, size) else {
            return store(address, size, value, .user)
        }
        host.store(value, size: size)
        return true
    }

    private func vectorAddress(_ op: MicroOp) -> UInt64 {
        state.x(op.n) &+ op.addressDisplacement &+ state.index(op)
    }

    private func writeBack(_ op: MicroOp) {
        if op.c & 8 != 0 { state.setX(op.n, state.x(op.n) &+ op.writebackDisplacement) }
    }

    private func loadVector(_ op: MicroOp) -> Outcome {
        let address = vectorAddress(op)
        let value: (UInt64, UInt64)
        switch op.c & 7 {
        case 4:
            guard let pair = loadPair(UInt64.self, address) else { return .stop }
            value = pair
        default:
            guard let low = loadElement(address, log2Size: Int(op.c & 7)) else { return .stop }
            value = (low, 0)
        }
        writeBack(op)
        state.setVector(op.d, value.0, value.1)
        return .next
    }

    private func storeVector(_ op: MicroOp) -> Outcome {
        let address = vectorAddress(op)
        let isStored =
            op.c & 7 == 4
            ? storePair(state.vectorLow(op.d), state.vectorHigh(op.d), address)
            : storeElement(state.vectorLow(op.d), address, log2Size: Int(op.c & 7))
        guard isStored else { return .stop }
        writeBack(op)
        return .next
    }

    private func loadElement(_ address: UInt64, log2Size: Int) -> UInt64? {
        switch log2Size {
        case 0: load(UInt8.self, address).map { UInt64($0) }
        case 1: load(UInt16.self, address).map { UInt64($0) }
        case 2: load(UInt32.self, address).map { UInt64($0) }
        default: load(UInt64.self, address)
        }
    }

    private func storeElement(_ value: UInt64, _ address: UInt64, log2Size: Int) -> Bool {
        switch log2Size {
        case 0: store(UInt8(truncatingIfNeeded: value), address)
        case 1: store(UInt16(truncatingIfNeeded: value), address)
        case 2: store(UInt32(truncatingIfNeeded: value), address)
        default: store(value, address)
        }
    }

    // MARK: Structures

    private func structureMultiple(_ op: MicroOp) -> Outcome {
        let s = state
        let word = Instruction(word: UInt32(truncatingIfNeeded: op.immediate))
        guard let shape = StructureShape(multiple: word) else { return stop(.unknown) }
        let isWide = word.bit(30)
        let isLoad = word.bit(22)
        let elements = (isWide ? 16 : 8) >> shape.log2Size
        let registers = shape.repeats * shape.structureElements
        var address = s.x(op.n)
        // A load gathers first: one that faults changes no register.
        var gathered = InlineArray<4, (UInt64, UInt64)>(repeating: (0, 0))
        for round in 0..<shape.repeats {
            for element in 0..<elements {
                for part in 0..<shape.structureElements {
                    let number = round + part
                    let register = UInt8((Int(op.d) + number) & 31)
                    if isLoad {
                        guard let value = loadElement(address, log2Size: shape.log2Size) else { return .stop }
                        VectorLanes.insert(value, element, shape.log2Size, into: &gathered[number])
                    } else {
                        let value = VectorLanes.extract(
                            (s.vectorLow(register), s.vectorHigh(register)), element, shape.log2Size)
                        guard storeElement(value, address, log2Size: shape.log2Size) else { return .stop }
                    }
                    address &+= 1 << UInt64(shape.log2Size)
                }
            }
        }
        if isLoad {
            for number in 0..<registers {
                s.setVector(UInt8((Int(op.d) + number) & 31), gathered[number].0, gathered[number].1)
            }
        }
        postIndex(op, size: UInt64(registers * (isWide ? 16 : 8)))
        return .next
    }

    private func structureSingle(_ op: MicroOp) -> Outcome {
        let s = state
        let word = Instruction(word: UInt32(truncatingIfNeeded: op.immediate))
        guard let shape = StructureShape(single: word) else { return stop(.unknown) }
        let isLoad = word.bit(22)
        let size: UInt64 = 1 << UInt64(shape.log2Size)
        var gathered = InlineArray<4, UInt64>(repeating: 0)
        for number in 0..<shape.structureElements {
            let register = UInt8((Int(op.d) + number) & 31)
            let address = s.x(op.n) &+ UInt64(number) * size
            if isLoad {
                guard let value = loadElement(address, log2Size: shape.log2Size) else { return .stop }
                gathered[number] = value
            } else {
                let value = VectorLanes.extract(
                    (s.vectorLow(register), s.vectorHigh(register)), shape.lane, shape.log2Size)
                guard storeElement(value, address, log2Size: shape.log2Size) else { return .stop }
            }
        }
        if isLoad {
            for number in 0..<shape.structureElements {
                let register = UInt8((Int(op.d) + number) & 31)
                var value = (s.vectorLow(register), s.vectorHigh(register))
                if shape.replicates {
                    let low = VectorLanes.replicate(gathered[number], shape.log2Size)
                    value = (low, word.bit(30) ? low : 0)
                } else {
                    VectorLanes.insert(gathered[number], shape.lane, shape.log2Size, into: &value)
                }
                s.setVector(register, value.0, value.1)
            }
        }
        postIndex(op, size: UInt64(shape.structureElements) * size)
        return .next
    }

    /// Register 31 as the index means the size of what was transferred.
    private func postIndex(_ op: MicroOp, size: UInt64) {
        guard op.c != 0 else { return }
        state.setX(op.n, state.x(op.n) &+ (op.m == 31 ? size : state.x(op.m)))
    }
}

/// The elements of a 128-bit vector.
enum VectorLanes {
    static func extract(_ vector: (UInt64, UInt64), _ lane: Int, _ log2Size: Int) -> UInt64 {
        let bit = lane << (log2Size + 3)
        let half = bit < 64 ? vector.0 : vector.1
        return half >> UInt64(bit & 63) & mask(log2Size)
    }

    static func insert(_ value: UInt64, _ lane: Int, _ log2Size: Int, into vector: inout (UInt64, UInt64)) {
        let bit = lane << (log2Size + 3)
        let shift = UInt64(bit & 63)
        let field = mask(log2Size) << shift
        let moved = value << shift & field
        if bit < 64 { vector.0 = vector.0 & ~field | moved } else { vector.1 = vector.1 & ~field | moved }
    }

    /// The element in all lanes of 64 bits.
    static func replicate(_ value: UInt64, _ log2Size: Int) -> UInt64 {
        let element = value & mask(log2Size)
        switch log2Size {
        case 0: return element * 0x0101_0101_0101_0101
        case 1: return element * 0x0001_0001_0001_0001
        case 2: return element | element << 32
        default: return element
        }
    }

    static func mask(_ log2Size: Int) -> UInt64 { ~0 >> UInt64(64 - (8 << log2Size)) }
}
