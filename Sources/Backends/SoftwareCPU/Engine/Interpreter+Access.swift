internal import VMMCore

// What the flat switch's cases are made of: accesses with the fast way inlined, and the ends of blocks.

extension Core {
    @inline(__always)
    func load<Value: FixedWidthInteger & UnsignedInteger & BitwiseCopyable>(_ type: Value.Type, _ address: UInt64)
        -> Value?
    {
        if let host = state.currentTLB.readHit(address, UInt64(MemoryLayout<Value>.size)) {
            return host.load(Value.self)
        }
        guard let value = loadSlow(address, UInt64(MemoryLayout<Value>.size)) else { return nil }
        return Value(truncatingIfNeeded: value)
    }

    @inline(__always)
    func store<Value: FixedWidthInteger & UnsignedInteger & BitwiseCopyable>(_ value: Value, _ address: UInt64) -> Bool
    {
        if let host = state.currentTLB.writeHit(address, UInt64(MemoryLayout<Value>.size)) {
            host.store(value)
            return true
        }
        return storeSlow(address, UInt64(MemoryLayout<Value>.size), UInt64(truncatingIfNeeded: value))
    }

    /// Two neighbours, low address first. Single-copy atomic each.
    @inline(__always)
    func loadPair<Value: FixedWidthInteger & UnsignedInteger & BitwiseCopyable>(_ type: Value.Type, _ address: UInt64)
        -> (Value, Value)?
    {
        let size = UInt64(MemoryLayout<Value>.size)
        if let host = state.currentTLB.readHit(address, size &* 2) {
            return (host.load(Value.self), host.load(Value.self, at: MemoryLayout<Value>.size))
        }
        guard let first = loadSlow(address, size), let second = loadSlow(address &+ size, size) else { return nil }
        return (Value(truncatingIfNeeded: first), Value(truncatingIfNeeded: second))
    }

    @inline(__always)
    func storePair<Value: FixedWidthInteger & UnsignedInteger & BitwiseCopyable>(
        _ first: Value, _ second: Value, _ address: UInt64
    ) -> Bool {
        let size = UInt64(MemoryLayout<Value>.size)
        if let host = state.currentTLB.writeHit(address, size &* 2) {
            host.store(first)
            host.store(second, at: MemoryLayout<Value>.size)
            return true
        }
        return storeSlow(address, size, UInt64(truncatingIfNeeded: first))
            && storeSlow(address &+ size, size, UInt64(truncatingIfNeeded: second))
    }

    /// A direct branch leaves `block`, which starts at `base`, for `offset` from there, or not taken for what follows. Gives the block
    /// to go on with, or nil: look it up. Attention and the budget are looked at here, between two blocks.
    @inline(__always)
    func follow(_ block: Block, _ isTaken: Bool, from base: UInt64, to offset: UInt64) -> Block? {
        let s = state
        let index = isTaken ? 0 : 1
        s.pc = base &+ (isTaken ? offset : UInt64(bitPattern: block.count &* 4))
        if let next = block.link(index), s.attention == 0, s.budget > 0 { return next }
        noteLink(block, index, from: base)
        return nil
    }

    /// A direct branch left `block`: when the block it leads to is known, the two may be linked. Within a page of virtual
    /// addresses only, where both have the same mapping.
    @inline(__always)
    func noteLink(_ block: Block, _ index: Int, from base: UInt64) {
        if (state.pc ^ base) & SoftTLB.pageMask == 0 {
            linkSource = block
            linkIndex = index
        }
    }

    /// An instruction stopped at the PC. True: its exception was taken, go on; false: an exit is pending.
    @inline(never)
    func finishStop() -> Bool {
        let s = state
        let stopped = pending
        switch stopped {
        case .none, .exit: return false
        case .exception(let kind, let iss):
            pending = .none
            transaction.close()
            takeSynchronous(kind, iss: iss, returningTo: s.pc)
        case .dataAbort(let status, let address):
            pending = .none
            transaction.close()
            s.setSystem(.far, address)
            takeSynchronous(
                s.exceptionLevel == 0 ? .dataAbortLower : .dataAbort, iss: status, returningTo: s.pc)
        }
        return true
    }

    /// The micro-ops outside the flat switch.
    @inline(never)
    func executeRare(_ op: MicroOp, pc: UInt64) -> Outcome {
        switch op.opcode {
        case .loadExclusive, .storeExclusive, .loadExclusivePair, .storeExclusivePair, .loadAcquire, .storeRelease,
            .compareAndSwap, .compareAndSwapPair, .atomic:
            executeSynchronization(op)
        case .loadStoreUnprivileged, .loadVector, .storeVector, .structureMultiple, .structureSingle:
            executeMemory(op)
        case .dupElement, .dupGeneral, .smov, .umov, .insGeneral, .insElement, .vectorImmediate, .orrVectorImmediate,
            .bicVectorImmediate, .andVector, .bicVector, .orrVector, .ornVector, .eorVector, .bslVector, .bitVector,
            .bifVector, .fmovToGeneral, .fmovFromGeneral, .fmovHighToGeneral, .fmovGeneralToHigh, .fmovScalar:
            executeVectorMove(op)
        case .vector: executeVector(op)
        default: executeSystem(op, pc: pc)
        }
    }
}
