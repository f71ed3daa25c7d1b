internal import Synchronization
internal import VMMCore

// Exclusive, acquire-release and atomic accesses. Source: Arm DDI 0487, B2.9, B2.10 and C6.2.
//
// Exclusive accesses are compare-and-swap on the host: the load remembers address and value, the store succeeds when memory
// still holds that value. It differs from a monitor only where the value was changed and changed back meanwhile, which no
// lock or counter can tell. LSE atomics are loops of compare-and-swap; all are sequentially consistent, stronger than any of
// their A, L and AL variants.

extension Core {
    @inline(never)
    func executeSynchronization(_ op: MicroOp) -> Outcome {
        switch op.opcode {
        case .loadAcquire:
            guard let value = ordered(op, { load(op, isAcquire: true) }) else { return .stop }
            state.setX(op.d, value)
        case .storeRelease:
            // The fence after it orders it before a later LDAR: RCsc.
            atomicMemoryFence(ordering: .sequentiallyConsistent)
            guard store(op, state.x(op.m)) else { return .stop }
            atomicMemoryFence(ordering: .sequentiallyConsistent)
        case .loadExclusive: return loadExclusive(op)
        case .storeExclusive: return storeExclusive(op)
        case .loadExclusivePair: return loadExclusivePair(op)
        case .storeExclusivePair: return storeExclusivePair(op)
        case .compareAndSwap: return compareAndSwap(op)
        case .compareAndSwapPair: return compareAndSwapPair(op)
        default: return atomicOperation(op)
        }
        return .next
    }

    private func ordered(_ op: MicroOp, _ body: () -> UInt64?) -> UInt64? {
        let value = body()
        atomicMemoryFence(ordering: .acquiring)
        return value
    }

    /// An aligned access, or an alignment fault.
    private func load(_ op: MicroOp, isAcquire: Bool) -> UInt64? {
        let address = state.x(op.n)
        let size: UInt64 = 1 << UInt64(op.a)
        guard isAligned(address, size, isWrite: false) else { return nil }
        switch op.a {
        case 0: return load(UInt8.self, address).map { UInt64($0) }
        case 1: return load(UInt16.self, address).map { UInt64($0) }
        case 2: return load(UInt32.self, address).map { UInt64($0) }
        default: return load(UInt64.self, address)
        }
    }

    private func store(_ op: MicroOp, _ value: UInt64) -> Bool {
        let address = state.x(op.n)
        guard isAligned(address, 1 << UInt64(op.a), isWrite: true) else { return false }
        switch op.a {
        case 0: return store(UInt8(truncatingIfNeeded: value), address)
        case 1: return store(UInt16(truncatingIfNeeded: value), address)
        case 2: return store(UInt32(truncatingIfNeeded: value), address)
        default: return store(value, address)
        }
    }

    private func isAligned(_ address: UInt64, _ size: UInt64, isWrite: Bool) -> Bool {
        if address & (size - 1) == 0 { return true }
        raiseDataAbort(.alignment, at: address, isWrite: isWrite)
        return false
    }

    /// The host address of an aligned access; nil: an exception or a stop is pending. Not for devices.
    /// - Parameter alsoReads: a write that reads what it replaces.
    private func exclusivePlace(_ address: UInt64, _ size: UInt64, _ access: MemoryAccess, alsoReads: Bool = false)
        -> HostPointer?
    {
        guard isAligned(address, size, isWrite: access == .write && !alsoReads) else { return nil }
        let tlb = state.currentTLB
        if let host = access == .write ? tlb.writeHit(address, size) : tlb.readHit(address, size) { return host }
        // Where the read faults too, the syndrome is that of a read. Source: D23.2 "ESR_EL1", "WnR".
        if alsoReads, case .fault = resolve(address, size: size, .read, currentRegime, aligned: true) { return nil }
        switch resolve(address, size: size, access, currentRegime, aligned: true) {
        case .ram(let place):
            if access == .write { noticeStore(place, count: size) }
            return place.host
        case .device:
            raiseDataAbort(.unsupportedExclusive, at: address, isWrite: access == .write)
            return nil
        case .fault: return nil
        }
    }

    private func read(_ host: HostPointer, _ log2Size: UInt8) -> UInt64 {
        switch log2Size {
        case 0: UInt64(host.load(UInt8.self))
        case 1: UInt64(host.load(UInt16.self))
        case 2: UInt64(host.load(UInt32.self))
        default: host.load(UInt64.self)
        }
    }

    // MARK: Exclusives

    private func setMonitor(_ host: HostPointer, size: UInt64, low: UInt64, high: UInt64 = 0) {
        state.setWord(StateLayout.monitorAddress, host.address)
        state.setWord(StateLayout.monitorSize, size)
        state.setWord(StateLayout.monitorLow, low)
        state.setWord(StateLayout.monitorHigh, high)
    }

    /// Whether the monitor holds this location; it is cleared either way.
    private func takeMonitor(_ host: HostPointer, size: UInt64) -> Bool {
        let matches =
            state.word(StateLayout.monitorAddress) == host.address && state.word(StateLayout.monitorSize) == size
        clearMonitor()
        return matches
    }

    private func loadExclusive(_ op: MicroOp) -> Outcome {
        let size: UInt64 = 1 << UInt64(op.a)
        guard let host = exclusivePlace(state.x(op.n), size, .read) else { return .stop }
        let value = read(host, op.a)
        atomicMemoryFence(ordering: .acquiring)
        setMonitor(host, size: size, low: value)
        state.setX(op.d, value)
        return .next
    }

    private func storeExclusive(_ op: MicroOp) -> Outcome {
        let size: UInt64 = 1 << UInt64(op.a)
        guard let host = exclusivePlace(state.x(op.n), size, .write) else { return .stop }
        let expected = state.word(StateLayout.monitorLow)
        let succeeds =
            takeMonitor(host, size: size)
            && host.compareExchange(op.a, expected: expected, desired: state.x(op.m)).exchanged
        state.setX(op.d, succeeds ? 0 : 1)
        return .next
    }

    /// A pair is one access of twice the size: 8 or 16 bytes.
    private func loadExclusivePair(_ op: MicroOp) -> Outcome {
        let size: UInt64 = 2 << UInt64(op.a)
        guard let host = exclusivePlace(state.x(op.n), size, .read) else { return .stop }
        if op.a == 2 {
            let value = host.load(UInt64.self)
            setMonitor(host, size: size, low: value)
            state.setX(op.d, value & 0xFFFF_FFFF)
            state.setX(op.m, value >> 32)
        } else {
            // Atomic as a whole: the exchange of zero for zero, or of nothing, reads.
            let (low, high) = host.compareExchangePair(expected: (0, 0), desired: (0, 0)).original
            setMonitor(host, size: size, low: low, high: high)
            state.setX(op.d, low)
            state.setX(op.m, high)
        }
        atomicMemoryFence(ordering: .acquiring)
        return .next
    }

    private func storeExclusivePair(_ op: MicroOp) -> Outcome {
        let size: UInt64 = 2 << UInt64(op.a)
        guard let host = exclusivePlace(state.x(op.n), size, .write) else { return .stop }
        let expected = (low: state.word(StateLayout.monitorLow), high: state.word(StateLayout.monitorHigh))
        let (first, second) = (state.x(op.m), state.x(op.b))
        var succeeds = takeMonitor(host, size: size)
        if succeeds && op.a == 2 {
            let desired = first & 0xFFFF_FFFF | second << 32
            succeeds = host.compareExchange(3, expected: expected.low, desired: desired).exchanged
        } else if succeeds {
            succeeds = host.compareExchangePair(expected: expected, desired: (first, second)).exchanged
        }
        state.setX(op.d, succeeds ? 0 : 1)
        return .next
    }

    // MARK: FEAT_LSE

    private func compareAndSwap(_ op: MicroOp) -> Outcome {
        let size: UInt64 = 1 << UInt64(op.a)
        guard let host = exclusivePlace(state.x(op.n), size, .write, alsoReads: true) else { return .stop }
        let result = host.compareExchange(op.a, expected: state.x(op.b), desired: state.x(op.m))
        state.setX(op.d, result.original)
        return .next
    }

    /// `d` and `m` are the first registers of pairs; 31 as a second one is the zero register.
    private func compareAndSwapPair(_ op: MicroOp) -> Outcome {
        let s = state
        guard let host = exclusivePlace(s.x(op.n), 2 << UInt64(op.a), .write, alsoReads: true) else { return .stop }
        let (oldSecond, newSecond) = (Instruction.source(op.d + 1), Instruction.source(op.m + 1))
        let resultSecond = Instruction.destination(op.d + 1)
        if op.a == 2 {
            let expected = s.x(op.d) & 0xFFFF_FFFF | s.x(oldSecond) << 32
            let desired = s.x(op.m) & 0xFFFF_FFFF | s.x(newSecond) << 32
            let original = host.compareExchange(3, expected: expected, desired: desired).original
            s.setX(op.d, original & 0xFFFF_FFFF)
            s.setX(resultSecond, original >> 32)
        } else {
            let original = host.compareExchangePair(
                expected: (s.x(op.d), s.x(oldSecond)), desired: (s.x(op.m), s.x(newSecond))
            ).original
            s.setX(op.d, original.low)
            s.setX(resultSecond, original.high)
        }
        return .next
    }

    private func atomicOperation(_ op: MicroOp) -> Outcome {
        let size: UInt64 = 1 << UInt64(op.a)
        guard let operation = AtomicOperation(rawValue: op.b),
            let host = exclusivePlace(state.x(op.n), size, .write, alsoReads: true)
        else { return .stop }
        let mask: UInt64 = ~0 >> (64 - size * 8)
        let operand = state.x(op.m) & mask
        var old = read(host, op.a)
        while true {
            let new = operation.result(old, operand, bits: size * 8) & mask
            let result = host.compareExchange(op.a, expected: old, desired: new)
            if result.exchanged { break }
            old = result.original
        }
        state.setX(op.d, old)
        return .next
    }
}

extension AtomicOperation {
    /// The new value; of operands of `bits` bits, zero-extended.
    func result(_ old: UInt64, _ operand: UInt64, bits: UInt64) -> UInt64 {
        func signed(_ value: UInt64) -> Int64 { Int64(bitPattern: value << (64 - bits)) }
        return switch self {
        case .add: old &+ operand
        case .clear: old & ~operand
        case .exclusiveOr: old ^ operand
        case .set: old | operand
        case .signedMaximum: signed(old) > signed(operand) ? old : operand
        case .signedMinimum: signed(old) < signed(operand) ? old : operand
        case .unsignedMaximum: max(old, operand)
        case .unsignedMinimum: min(old, operand)
        case .swap: operand
        }
    }
}
