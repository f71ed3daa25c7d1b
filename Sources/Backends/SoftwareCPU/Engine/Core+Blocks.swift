// Finding and decoding blocks.

extension Core {
    /// The block at the PC. Nil: the fetch faulted and its exception was taken.
    @inline(never)
    func findBlock() -> Block? {
        let s = state
        let pc = s.pc
        guard pc & 3 == 0 else {
            s.setSystem(.far, pc)
            takeSynchronous(.pcAlignment, returningTo: pc)
            return nil
        }
        let place: RAMMap.Place
        let physical: UInt64
        do throws(TranslationFault) {
            (place, physical) = try fetchPlace(pc)
        } catch {
            let fromUser = s.exceptionLevel == 0
            s.setSystem(.far, pc)
            takeSynchronous(
                fromUser ? .instructionAbortLower : .instructionAbort, iss: error.status, returningTo: pc)
            return nil
        }
        let block = blocks.find(physical, s.blockFlags) ?? decodeBlock(physical, place)
        s.jumpCache.fill(pc, key: s.jumpKey, block)
        return block
    }

    private func fetchPlace(_ pc: UInt64) throws(TranslationFault) -> (RAMMap.Place, UInt64) {
        let regime = currentRegime
        let tlb = state.tlb(of: regime)
        if let host = tlb.fetchHit(pc), let (physical, page) = ram.physical(ofHost: host) {
            if !tlb.isGlobal(pc) { kernelCodeIsNotGlobal = kernelCodeIsNotGlobal || regime != .user }
            return (RAMMap.Place(host: host, page: page), physical)
        }
        let translation = try translate(pc, .fetch, regime)
        guard let place = ram.place(of: translation.physical) else { throw .external }
        fill(pc, translation, place, regime)
        if !translation.isGlobal && regime != .user { kernelCodeIsNotGlobal = true }
        return (place, translation.physical)
    }

    private func decodeBlock(_ physical: UInt64, _ place: RAMMap.Place) -> Block {
        if !blocks.hasRoom {
            clearCode()
        }
        let s = state
        let flags = s.blockFlags
        let inPage = Int((SoftTLB.pageSize - physical & ~SoftTLB.pageMask) / 4)
        let limit = flags & BlockFlags.single != 0 ? 1 : min(inPage, BlockCache.maximumCount)
        // Before the bytes are read: a store that comes in between is seen.
        protectCode(page: place.page, at: physical, count: UInt64(limit * 4))
        var ops: [MicroOp] = []
        ops.reserveCapacity(16)
        var count = 0
        let hasPoints = points.hasBreakpoints && flags & BlockFlags.single == 0
        while true {
            let offset = UInt64(count) * 4
            if hasPoints && points.concernsInstruction(at: physical &+ offset) {
                if count == 0 {
                    ops.append(MicroOp(.debugPoint))
                    count = 1
                }
                ops.append(MicroOp(.endOfBlock))
                break
            }
            let word = place.host.load(UInt32.self, at: count * 4)
            var endsStackChange = false
            let op = Lowering(word: word, offset: offset, flags: flags, hasSemihosting: semihosting != nil)
                .lower(table, endsStackChange: &endsStackChange)
            Self.append(op, at: count, to: &ops)
            count += 1
            if op.opcode.isBranch { break }
            if endsStackChange {
                ops.append(MicroOp(.endOfStackChange, position: UInt8(truncatingIfNeeded: count)))
                break
            }
            let endsContext = op.endsContext
            if endsContext || count == limit {
                ops.append(MicroOp(endsContext ? .endOfContext : .endOfBlock))
                break
            }
        }
        statistics.blocksDecoded &+= 1
        return blocks.insert(physicalAddress: physical, flags: flags, page: place.page, count: count, ops: ops.span)
    }

    /// Adds the micro-op of instruction `position`: not at all if it does nothing, or in one with the one before.
    private static func append(_ op: MicroOp, at position: Int, to ops: inout [MicroOp]) {
        if op.opcode == .nop { return }
        if let last = ops.last, let both = MicroOp.fused(last, op) {
            ops[ops.count - 1] = both
            return
        }
        var op = op
        op.position = UInt8(truncatingIfNeeded: position)
        ops.append(op)
    }

    /// Lets a branch within a page lead straight to its target from now on.
    @inline(__always)
    func completeLink(to block: Block) {
        guard let source = linkSource else { return }
        linkSource = nil
        // Same physical page: the mapping that led here holds for both. Same flags: both come from this state.
        if (source.physicalAddress ^ block.physicalAddress) & SoftTLB.pageMask == 0, source.flags == block.flags {
            source.setLink(linkIndex, block)
        }
    }
}
