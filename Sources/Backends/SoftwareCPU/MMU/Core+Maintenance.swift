internal import VMMCore

// What keeps soft TLBs and decoded code right: TLBI, IC, stores to code, on this CPU and on the others.

extension Core {
    /// Drops all translations of this CPU.
    func flushTranslations() {
        for regime in AccessRegime.allCases { state.tlb(of: regime).flush() }
        largeMappings = nil
        nextJumpGenerations()
        clearMonitor()
    }

    /// Drops the translations of this CPU that are not global: those of the current ASID, as the soft TLB holds no other's.
    /// Source: Arm DDI 0487, D8.16.1.
    func changeAddressSpace() {
        for regime in AccessRegime.allCases { state.tlb(of: regime).flushNonGlobal() }
        if kernelCodeIsNotGlobal {
            nextJumpGenerations()
        } else {
            nextUserGeneration()
            updateJumpKey()
        }
        clearMonitor()
    }

    /// The ASID that non-global translations belong to now.
    var currentASID: UInt64 {
        let tcr = state.system(.tcr)
        let asid = state.system(tcr >> 22 & 1 == 1 ? .ttbr1 : .ttbr0) >> 48
        return tcr >> 36 & 1 == 1 ? asid : asid & 0xFF
    }

    /// Drops those of an ASID; of its register form the upper half does not count where ASIDs have 8 bits.
    func flushTranslations(ofASID asid: UInt64) {
        let mask: UInt64 = state.system(.tcr) >> 36 & 1 == 1 ? 0xFFFF : 0xFF
        if asid & mask == currentASID { changeAddressSpace() }
    }

    /// Drops those of the page at `address`; of everything if a block may map it.
    func flushTranslation(of address: UInt64) {
        if let large = largeMappings, (address << 8 ^ large.base << 8) & (large.mask << 8) == 0 {
            return flushTranslations()
        }
        for regime in AccessRegime.allCases { state.tlb(of: regime).flush(page: address) }
        // Most pages whose mapping changes hold no code.
        if state.jumpCache.mayHold(page: address) { nextJumpGenerations() }
    }

    /// Remembers an address range that covers all blocks mapped so far: a TLBI inside it must find all their pages.
    func noteLargeMapping(_ address: UInt64, _ size: UInt64) {
        var mask = ~(size - 1)
        guard let large = largeMappings else {
            largeMappings = LargeMappings(base: address & mask, mask: mask)
            return
        }
        mask &= large.mask
        while (address ^ large.base) & mask != 0 { mask <<= 1 }
        largeMappings = LargeMappings(base: address & mask, mask: mask)
    }

    /// Makes all entries of the jump cache miss.
    func nextJumpGenerations() {
        state.jumpCache.clearPages()
        kernelCodeIsNotGlobal = false
        kernelGeneration &+= 1
        if kernelGeneration == Self.generationLimit {
            kernelGeneration = 0
            state.jumpCache.clear()
        }
        nextUserGeneration()
        updateJumpKey()
    }

    /// Makes those of EL0 miss. `updateJumpKey()` is to follow.
    private func nextUserGeneration() {
        userGeneration &+= 1
        guard userGeneration == Self.generationLimit else { return }
        userGeneration = 0
        state.jumpCache.clear()
    }

    private static let generationLimit: UInt64 = 1 << 10

    /// Bits 63:54 of the key are the generation.
    func updateJumpKey() {
        let flags = state.blockFlags
        let generation = flags & BlockFlags.el1 != 0 ? kernelGeneration : userGeneration
        state.jumpKey = generation << 54 | (flags & 0x3F) << JumpCache.keyShift
    }

    // MARK: Code

    /// After a store of `count` bytes that took the slow way: if it was near decoded code, its page holds none any more.
    @inline(__always)
    func noticeStore(_ place: RAMMap.Place, count: UInt64) {
        if ram.holdsCode(place.page, at: place.host.address, count: count) { invalidateCode(page: place.page) }
    }

    /// Drops the decoded code of a page, here at once, on other CPUs before their next block.
    func invalidateCode(page: Int) {
        ram.unmarkCode(page)
        blocks.invalidate(page: page)
        group.broadcast(.invalidateCode(page: page), from: index)
        needsSynchronization = true
    }

    /// Before a block is decoded from `count` bytes at `address`: stores to its page must be seen from now on.
    func protectCode(page: Int, at address: UInt64, count: UInt64) {
        guard ram.markCode(page, at: address, count: count), let host = ram.host(ofPage: page) else { return }
        protectStores(page: page, host: host)
        group.broadcast(.protectCode(page: page), from: index)
    }

    private func protectStores(page: Int, host: HostPointer) {
        for regime in AccessRegime.allCases { state.tlb(of: regime).protect(hostPage: host.address) }
    }

    // MARK: Requests of other CPUs

    /// Does what other CPUs asked for. Between blocks only.
    func answerRequests() {
        group.answer(index) { request in
            switch request {
            case .flushTranslations: flushTranslations()
            case .flushTranslation(let address): flushTranslation(of: address)
            case .flushAddressSpace(let asid): flushTranslations(ofASID: asid)
            case .invalidateCode(let page): blocks.invalidate(page: page)
            case .invalidateAllCode: clearCode()
            case .protectCode(let page):
                if let host = ram.host(ofPage: page) { protectStores(page: page, host: host) }
            }
        }
    }

    /// Drops all decoded code. Between blocks only: a branch that waits to be linked to its target is gone with its block.
    func clearCode() {
        linkSource = nil
        blocks.clear()
        state.jumpCache.clear()
    }

    /// Waits until the other CPUs have done what this one asked for, or will before they execute anything: what DSB promises
    /// after a broadcast TLBI or IC.
    func synchronize() {
        guard needsSynchronization else { return }
        needsSynchronization = false
        // While waiting this CPU counts as out of the guest; what it is asked meanwhile it does before its next block: DSB
        // ends one.
        group.waitForOthers(index)
    }
}

/// Covers all blocks (as opposed to pages) that the soft TLBs hold pieces of: addresses equal to `base` under `mask`.
struct LargeMappings {
    var base: UInt64
    var mask: UInt64
}
