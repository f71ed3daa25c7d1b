internal import VMMCore

// The slow way of an access: translation, permission, alignment, devices; and the fill of the soft TLB on the way.

extension Core {
    /// Translates, checks permission, and raises no exception.
    func translate(_ address: UInt64, _ access: MemoryAccess, _ regime: AccessRegime) throws(TranslationFault)
        -> Translation
    {
        let s = state
        guard s.system(.sctlr) & SCTLR.m != 0 else {
            // MMU off: flat, data as Device-nGnRnE, instructions normal. Source: D8.2.10.
            let physical = address & ~(address >> 55 & 1 == 0 && s.system(.tcr) >> 37 & 1 == 1 ? 0xFF << 56 : 0)
            guard physical >> IDRegisters.physicalAddressBits == 0 else { throw .addressSize(0) }
            return Translation(physical: physical, isDevice: true)
        }
        let result = try TableWalk(address, s, ram).translate(s: s)
        guard result.allows(access, regime) else { throw .permission(result.level) }
        return result
    }

    /// Enters what was learned into the soft TLB, if the page is RAM.
    func fill(_ address: UInt64, _ translation: Translation, _ place: RAMMap.Place, _ regime: AccessRegime) {
        // Where an unaligned access would fault, data accesses all take the slow way.
        let isEasy =
            !translation.isDevice && state.system(.sctlr) & SCTLR.a == 0
            && !(points.hasWatchpoints && points.concernsPage(of: address))
        state.tlb(of: regime).fill(
            address, host: place.host, read: isEasy && translation.allows(.read, regime),
            write: isEasy && translation.allows(.write, regime) && !ram.holdsCode(place.page),
            fetch: translation.allows(.fetch, regime), isGlobal: translation.isGlobal)
        if translation.mappedSize > SoftTLB.pageSize { noteLargeMapping(address, translation.mappedSize) }
    }

    /// The regime of a data access at the current exception level.
    var currentRegime: AccessRegime {
        state.exceptionLevel == 0 ? .user : state.pan != 0 ? .kernelWithoutUser : .kernel
    }

    /// Where the access of `size` bytes within a page leads: RAM, a device, or nowhere (an exception is pending).
    enum Destination {
        case ram(RAMMap.Place)
        case device(GuestAddress)
        case fault
    }

    func resolve(_ address: UInt64, size: UInt64, _ access: MemoryAccess, _ regime: AccessRegime, aligned: Bool = false)
        -> Destination
    {
        do throws(TranslationFault) {
            let mask = size - 1
            if address & mask != 0, aligned || state.system(.sctlr) & SCTLR.a != 0 { throw .alignment }
            let translation = try translate(address, access, regime)
            if address & mask != 0 && translation.isDevice { throw .alignment }
            if points.hasWatchpoints, !passesWatchpoints(address, size, isWrite: access == .write, regime) {
                return .fault
            }
            guard let place = ram.place(of: translation.physical) else {
                return .device(GuestAddress(translation.physical))
            }
            fill(address, translation, place, regime)
            return .ram(place)
        } catch {
            raiseDataAbort(error, at: address, isWrite: access == .write)
            return .fault
        }
    }

    // MARK: Loads and stores of 1, 2, 4 and 8 bytes

    /// The value, zero-extended; nil: an exception or an exit is pending.
    @inline(never)
    func loadSlow(_ address: UInt64, _ size: UInt64) -> UInt64? { load(address, size, currentRegime) }

    @inline(never)
    func storeSlow(_ address: UInt64, _ size: UInt64, _ value: UInt64) -> Bool {
        store(address, size, value, currentRegime)
    }

    func load(_ address: UInt64, _ size: UInt64, _ regime: AccessRegime) -> UInt64? {
        if address & 0xFFF + size > 0x1000 { return loadAcross(address, size, regime) }
        switch resolve(address, size: size, .read, regime) {
        case .ram(let place): return place.host.load(size: size)
        case .device(let physical): return readDevice(physical, size)
        case .fault: return nil
        }
    }

    func store(_ address: UInt64, _ size: UInt64, _ value: UInt64, _ regime: AccessRegime) -> Bool {
        if address & 0xFFF + size > 0x1000 { return storeAcross(address, size, value, regime) }
        switch resolve(address, size: size, .write, regime) {
        case .ram(let place):
            place.host.store(value, size: size)
            noticeStore(place, count: size)
            return true
        case .device(let physical): return writeDevice(physical, size, value)
        case .fault: return false
        }
    }

    /// Looks at both pages first: a store that faults writes nothing.
    private func straddles(_ address: UInt64, _ size: UInt64, _ access: MemoryAccess, _ regime: AccessRegime) -> Bool {
        for part in [address, (address &+ size &- 1) & SoftTLB.pageMask] {
            do throws(TranslationFault) {
                let translation = try translate(part, access, regime)
                if translation.isDevice || state.system(.sctlr) & SCTLR.a != 0 { throw .alignment }
            } catch {
                raiseDataAbort(
                    error, at: error.status == TranslationFault.alignment.status ? address : part,
                    isWrite: access == .write)
                return false
            }
        }
        return true
    }

    private func loadAcross(_ address: UInt64, _ size: UInt64, _ regime: AccessRegime) -> UInt64? {
        guard straddles(address, size, .read, regime) else { return nil }
        var value: UInt64 = 0
        for index in 0..<size {
            guard let byte = load(address &+ index, 1, regime) else { return nil }
            value |= byte << (index * 8)
        }
        return value
    }

    private func storeAcross(_ address: UInt64, _ size: UInt64, _ value: UInt64, _ regime: AccessRegime) -> Bool {
        guard straddles(address, size, .write, regime) else { return false }
        for index in 0..<size {
            guard store(address &+ index, 1, value >> (index * 8) & 0xFF, regime) else { return false }
        }
        return true
    }

    // MARK: Devices

    /// A device read: answered from what the caller of `run()` gave, or an exit that asks for it.
    func readDevice(_ physical: GuestAddress, _ size: UInt64) -> UInt64? {
        if let reply = transaction.nextReply() { return reply }
        guard let width = AccessWidth(rawValue: UInt8(size)) else { return nil }
        pending = .exit(.mmioRead(address: physical, width: width))
        return nil
    }

    func writeDevice(_ physical: GuestAddress, _ size: UInt64, _ value: UInt64) -> Bool {
        if transaction.nextReply() != nil { return true }
        guard let width = AccessWidth(rawValue: UInt8(size)) else { return false }
        pending = .exit(.mmioWrite(address: physical, width: width, value: value & width.mask))
        return false
    }

    // MARK: Aborts

    /// Source: D23.2 "ESR_EL1", ISS encoding for an exception from a Data Abort.
    func raiseDataAbort(_ fault: TranslationFault, at address: UInt64, isWrite: Bool, isMaintenance: Bool = false) {
        pending = .dataAbort(
            status: fault.status | (isWrite || isMaintenance ? 1 << 6 : 0) | (isMaintenance ? 1 << 8 : 0), address)
    }
}
