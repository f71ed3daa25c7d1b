internal import VMMCore

// The SYS instruction space: cache, TLB and address translation operations. Source: Arm DDI 0487, C5.3 to C5.5.

extension Core {
    func executeSYS(_ op: MicroOp, pc: UInt64) -> Outcome {
        let operation = SystemRegister(rawValue: UInt16(truncatingIfNeeded: op.immediate))
        let value = state.x(op.n)
        let isEL1 = state.exceptionLevel != 0
        // SYS has op0 1 in the word; the value holds its bits 20:5.
        switch (operation.crn, operation.op1) {
        case (7, 3): return userCacheOperation(operation, op, value)
        case (7, 0) where isEL1: return cacheOperation(operation, value)
        case (8, 0) where isEL1: return translationOperation(operation, value)
        default: return stop(.unknown)
        }
    }

    /// DC and IC by address, also for EL0 where SCTLR_EL1.UCI and DZE let it.
    private func userCacheOperation(_ operation: SystemRegister, _ op: MicroOp, _ value: UInt64) -> Outcome {
        let control = state.system(.sctlr)
        let isEL1 = state.exceptionLevel != 0
        switch (operation.crm, operation.op2) {
        case (4, 1):
            guard isEL1 || control & SCTLR.dze != 0 else { return trap(operation, op) }
            return zeroBlock(value)
        case (5, 1):
            guard isEL1 || control & SCTLR.uci != 0 else { return trap(operation, op) }
            return invalidateInstructions(value)
        // DC CVAC, CVAU, CIVAC: memory is coherent; the address must be mapped.
        case (10, 1), (11, 1), (14, 1):
            guard isEL1 || control & SCTLR.uci != 0 else { return trap(operation, op) }
            return checkMapping(value)
        default: return stop(.unknown)
        }
    }

    private func trap(_ operation: SystemRegister, _ op: MicroOp) -> Outcome {
        stop(.trappedSystem, iss: 1 << 20 | Self.trapSyndrome(operation, op.n, isRead: false) & ~(3 << 20))
    }

    private func cacheOperation(_ operation: SystemRegister, _ value: UInt64) -> Outcome {
        switch (operation.crm, operation.op2) {
        // IC IALLUIS, IC IALLU.
        case (1, 0), (5, 0):
            hasToClearCode = true
            group.broadcast(.invalidateAllCode, from: index)
            needsSynchronization = true
            return .next
        // DC IVAC; DC ISW, CSW, CISW.
        case (6, 1): return checkMapping(value)
        case (6, 2), (10, 2), (14, 2): return .next
        // AT S1E1R, S1E1W, S1E0R, S1E0W.
        case (8, 0): return translateAddress(value, .read, state.pan != 0 ? .kernel : currentRegime)
        case (8, 1): return translateAddress(value, .write, .kernel)
        case (8, 2): return translateAddress(value, .read, .user)
        case (8, 3): return translateAddress(value, .write, .user)
        default: return stop(.unknown)
        }
    }

    /// DC ZVA. Source: C6.2 "DC", DCZID_EL0.
    private func zeroBlock(_ value: UInt64) -> Outcome {
        let start = value & ~(IDRegisters.zeroBlockSize - 1)
        if let host = state.currentTLB.writeHit(start, IDRegisters.zeroBlockSize) {
            for offset in stride(from: 0, to: 64, by: 8) { host.store(0 as UInt64, at: offset) }
            return .next
        }
        // On device memory it faults like an unaligned access, with the address as given.
        let regime = currentRegime
        do throws(TranslationFault) {
            let translation = try translate(start, .write, regime)
            guard !translation.isDevice else { throw .alignment }
        } catch {
            raiseDataAbort(error, at: value, isWrite: true, isMaintenance: false)
            return .stop
        }
        for offset in stride(from: 0 as UInt64, to: 64, by: 8) {
            guard store(start &+ offset, 8, 0, regime) else { return .stop }
        }
        return .next
    }

    private func invalidateInstructions(_ value: UInt64) -> Outcome {
        do throws(TranslationFault) {
            let translation = try translate(value, .read, currentRegime)
            if let place = ram.place(of: translation.physical), ram.holdsCode(place.page) {
                invalidateCode(page: place.page)
            }
        } catch {
            raiseDataAbort(error, at: value, isWrite: false, isMaintenance: true)
            return .stop
        }
        return .next
    }

    private func checkMapping(_ value: UInt64) -> Outcome {
        do throws(TranslationFault) { _ = try translate(value, .read, currentRegime) } catch {
            raiseDataAbort(error, at: value, isWrite: false, isMaintenance: true)
            return .stop
        }
        return .next
    }

    /// TLBI. The soft TLB knows no ASIDs: what it holds of non-global translations is the current one's.
    private func translationOperation(_ operation: SystemRegister, _ value: UInt64) -> Outcome {
        let isBroadcast = operation.crm == 3
        guard operation.crm == 3 || operation.crm == 7 else { return stop(.unknown) }
        switch operation.op2 {
        // VMALLE1.
        case 0:
            flushTranslations()
            if isBroadcast { group.broadcast(.flushTranslations, from: index) }
        // ASIDE1.
        case 2:
            flushTranslations(ofASID: value >> 48)
            if isBroadcast { group.broadcast(.flushAddressSpace(asid: value >> 48), from: index) }
        // VAE1, VAAE1, VALE1, VAALE1: bits 43:0 are the address's 55:12.
        case 1, 3, 5, 7:
            let address = UInt64(bitPattern: Int64(bitPattern: value << 20) >> 8)
            flushTranslation(of: address)
            // A TLBI names a granule, which may be larger than the soft TLB's pages.
            if granuleIsLarge { flushTranslations() }
            if isBroadcast {
                group.broadcast(granuleIsLarge ? .flushTranslations : .flushTranslation(address), from: index)
            }
        default: return stop(.unknown)
        }
        if isBroadcast { needsSynchronization = true }
        return .next
    }

    private var granuleIsLarge: Bool {
        let tcr = state.system(.tcr)
        return tcr >> 14 & 3 != 0 || tcr >> 30 & 3 != 2 && tcr >> 23 & 1 == 0
    }

    /// PAR_EL1. Source: D23.2 "PAR_EL1".
    private func translateAddress(_ value: UInt64, _ access: MemoryAccess, _ regime: AccessRegime) -> Outcome {
        do throws(TranslationFault) {
            let result = try translate(value, access, regime)
            // Attributes: device or normal write-back; inner shareable for normal.
            let attributes: UInt64 = result.isDevice ? 2 << 7 : 0xFF << 56 | 3 << 7
            state.setSystem(.par, attributes | 1 << 11 | result.physical & 0x0000_FFFF_FFFF_F000)
        } catch { state.setSystem(.par, 1 << 11 | error.status << 1 | 1) }
        return .next
    }
}
