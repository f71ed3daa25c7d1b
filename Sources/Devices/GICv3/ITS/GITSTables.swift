internal import VMMCore

// The entries of the tables, 64 bits each. Their format is the implementation's affair; zero is an invalid entry, as the guest
// clears a table before it hands it over.

/// A device: where its interrupt translation table is.
struct GITSDeviceEntry: RawRepresentable {
    var rawValue: UInt64 = 0

    init(rawValue: UInt64) { self.rawValue = rawValue }

    init(itt: UInt64, size: UInt64) {
        rawValue = itt
        rawValue[0...4] = size
        rawValue[bit: 63] = true
    }

    var valid: Bool { rawValue[bit: 63] }
    var itt: UInt64 { rawValue[8...51] << 8 }
    /// The first EventID that has no entry.
    var eventLimit: UInt64 { 1 << min(rawValue[0...4] + 1, UInt64(GITS_TYPER.eventBits)) }
}

/// An event: its LPI, and the collection that it is in.
struct GITSInterruptEntry: RawRepresentable {
    var rawValue: UInt64 = 0

    init(rawValue: UInt64) { self.rawValue = rawValue }

    init(intid: UInt32, collection: UInt16) {
        rawValue = UInt64(collection) << 32 | UInt64(intid)
        rawValue[bit: 63] = true
    }

    var valid: Bool { rawValue[bit: 63] }
    /// The guest may have written anything here.
    var intid: UInt32 { UInt32(truncatingIfNeeded: rawValue) }
    var collection: UInt16 { UInt16(truncatingIfNeeded: rawValue >> 32) }
}

/// A collection: the CPU where its interrupts go.
struct GITSCollectionEntry: RawRepresentable {
    var rawValue: UInt64 = 0

    init(rawValue: UInt64) { self.rawValue = rawValue }

    init(cpu: Int) {
        rawValue[0...15] = UInt64(cpu)
        rawValue[bit: 63] = true
    }

    var valid: Bool { rawValue[bit: 63] }
    var cpu: Int { Int(rawValue[0...15]) }
}

extension GITS_BASER {
    /// Where the entry of `id` is; `outOfRange` when the table has none, or no page for it.
    func entryAddress(
        of id: UInt64, bits: Int, in memory: GuestMemory, outOfRange: GITSFault
    ) throws(GITSFault) -> GuestAddress {
        guard valid, id < 1 << UInt64(bits) else { throw outOfRange }
        guard indirect else {
            guard id < size / GITS_TYPER.entrySize else { throw outOfRange }
            return GuestAddress(address + id * GITS_TYPER.entrySize)
        }
        let perPage = pageSize / GITS_TYPER.entrySize
        // An entry of the first level: Valid (63), Physical_Address (51:12), 8 bytes.
        guard id / perPage < size / 8 else { throw outOfRange }
        let page = try memory.entry(at: GuestAddress(address + id / perPage * 8))
        guard page[bit: 63] else { throw outOfRange }
        let start = page[12...51] << 12 & ~(pageSize - 1)
        return GuestAddress(start + id % perPage * GITS_TYPER.entrySize)
    }
}

extension GuestMemory {
    func entry(at address: GuestAddress) throws(GITSFault) -> UInt64 {
        do throws(GuestMemoryError) { return try load(UInt64.self, at: address) } catch { throw .tableOutsideRAM }
    }

    func setEntry(_ value: UInt64, at address: GuestAddress) throws(GITSFault) {
        do throws(GuestMemoryError) { try store(value, at: address) } catch { throw .tableOutsideRAM }
    }
}
