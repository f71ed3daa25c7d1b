/// Who accesses memory: each regime has a TLB of its own, since permissions differ.
enum AccessRegime: UInt8, CaseIterable, Sendable {
    /// EL0, and the unprivileged loads and stores of EL1.
    case user
    case kernel
    /// The kernel while it must not touch user pages: PSTATE.PAN.
    case kernelWithoutUser
}

/// A direct-mapped cache of translations to host addresses. A tag is the page's address when that access may take the fast
/// way, else `invalid`: no RAM, no permission, a page of device memory type, or code that a store must be seen in.
///
/// An entry is 32 bytes: tags for reads, writes and fetches, and what is added to a guest address to get the host's. Behind the
/// entries is a bit for each that tells of a translation that belongs to an ASID.
@safe
struct SoftTLB {
    static let entryCount = 512
    static let entrySize = 32
    private static let nonGlobalOffset = entryCount * entrySize
    static let byteCount = nonGlobalOffset + entryCount / 8
    static let regimeCount = 3
    static let pageSize: UInt64 = 4096
    static let pageMask: UInt64 = ~0xFFF
    /// No page's address: its low bits are set.
    static let invalid: UInt64 = 1

    private static let writeTag = 8
    private static let fetchTag = 16
    private static let addend = 24

    // SAFETY: points to byteCount bytes in a state block; `offset(of:)` stays inside.
    private let base: UnsafeMutableRawPointer

    @inline(__always)
    @unsafe init(base: UnsafeMutableRawPointer) { unsafe self.base = base }

    @inline(__always)
    private static func offset(of address: UInt64) -> Int {
        Int(truncatingIfNeeded: (address &>> 7) & UInt64((entryCount - 1) * entrySize))
    }

    /// The host address behind `address`, when `size` bytes from there on may be read the fast way. An access that crosses a
    /// page misses: its last byte has another page than the entry.
    @inline(__always)
    func readHit(_ address: UInt64, _ size: UInt64) -> HostPointer? {
        unsafe hit(address, size, tag: 0)
    }

    /// As `readHit(_:_:)`, for a store.
    @inline(__always)
    func writeHit(_ address: UInt64, _ size: UInt64) -> HostPointer? {
        unsafe hit(address, size, tag: Self.writeTag)
    }

    /// As `readHit(_:_:)`, for the fetch of one instruction.
    @inline(__always)
    func fetchHit(_ address: UInt64) -> HostPointer? {
        unsafe hit(address, 4, tag: Self.fetchTag)
    }

    @inline(__always)
    @unsafe private func hit(_ address: UInt64, _ size: UInt64, tag: Int) -> HostPointer? {
        let entry = unsafe base + Self.offset(of: address)
        let page = (address &+ (size &- 1)) & Self.pageMask
        guard unsafe entry.load(fromByteOffset: tag, as: UInt64.self) == page else { return nil }
        let addend = unsafe entry.load(fromByteOffset: Self.addend, as: UInt64.self)
        return unsafe HostPointer(address: address &+ addend)
    }

    /// Enters a page; accesses that are not allowed keep missing.
    func fill(
        _ address: UInt64, host: HostPointer, read: Bool, write: Bool, fetch: Bool, isGlobal: Bool
    ) {
        let (offset, bit) = Self.nonGlobalBit(of: address)
        let others = unsafe base.load(fromByteOffset: offset, as: UInt64.self) & ~bit
        unsafe base.storeBytes(of: isGlobal ? others : others | bit, toByteOffset: offset, as: UInt64.self)
        let page = address & Self.pageMask
        // SAFETY: see `base`.
        let entry = unsafe base + Self.offset(of: address)
        unsafe entry.storeBytes(of: read ? page : Self.invalid, as: UInt64.self)
        unsafe entry.storeBytes(of: write ? page : Self.invalid, toByteOffset: Self.writeTag, as: UInt64.self)
        unsafe entry.storeBytes(of: fetch ? page : Self.invalid, toByteOffset: Self.fetchTag, as: UInt64.self)
        unsafe entry.storeBytes(
            of: host.address & Self.pageMask &- page, toByteOffset: Self.addend, as: UInt64.self)
    }

    private static func nonGlobalBit(of address: UInt64) -> (offset: Int, bit: UInt64) {
        let index = offset(of: address) / entrySize
        return (nonGlobalOffset + index / 64 * 8, 1 << UInt64(index & 63))
    }

    /// Of the entry that `address` hits in.
    func isGlobal(_ address: UInt64) -> Bool {
        let (offset, bit) = Self.nonGlobalBit(of: address)
        return unsafe base.load(fromByteOffset: offset, as: UInt64.self) & bit == 0
    }

    func flush() {
        for index in 0..<Self.entryCount { unsafe clear(base + index * Self.entrySize) }
        for offset in stride(from: Self.nonGlobalOffset, to: Self.byteCount, by: 8) {
            unsafe base.storeBytes(of: 0, toByteOffset: offset, as: UInt64.self)
        }
    }

    /// Drops the entries that belong to an ASID.
    func flushNonGlobal() {
        for word in 0..<Self.entryCount / 64 {
            let offset = Self.nonGlobalOffset + word * 8
            var rest = unsafe base.load(fromByteOffset: offset, as: UInt64.self)
            guard rest != 0 else { continue }
            unsafe base.storeBytes(of: 0, toByteOffset: offset, as: UInt64.self)
            while rest != 0 {
                unsafe clear(base + (word * 64 + rest.trailingZeroBitCount) * Self.entrySize)
                rest &= rest &- 1
            }
        }
    }

    /// Drops the entry of the page that holds `address`, whatever its bits 63:56 (a tag) are.
    func flush(page address: UInt64) {
        let entry = unsafe base + Self.offset(of: address)
        for tag in [0, Self.writeTag, Self.fetchTag] {
            let page = unsafe entry.load(fromByteOffset: tag, as: UInt64.self)
            if (page ^ (address & Self.pageMask)) << 8 == 0 { return unsafe clear(entry) }
        }
    }

    /// Makes stores to the host page at `host` miss.
    func protect(hostPage host: UInt64) {
        for index in 0..<Self.entryCount {
            let entry = unsafe base + index * Self.entrySize
            let page = unsafe entry.load(fromByteOffset: Self.writeTag, as: UInt64.self)
            let addend = unsafe entry.load(fromByteOffset: Self.addend, as: UInt64.self)
            if page != Self.invalid, page &+ addend == host {
                unsafe entry.storeBytes(of: Self.invalid, toByteOffset: Self.writeTag, as: UInt64.self)
            }
        }
    }

    @unsafe private func clear(_ entry: UnsafeMutableRawPointer) {
        // SAFETY: an entry of this TLB.
        unsafe entry.storeBytes(of: Self.invalid, as: UInt64.self)
        unsafe entry.storeBytes(of: Self.invalid, toByteOffset: Self.writeTag, as: UInt64.self)
        unsafe entry.storeBytes(of: Self.invalid, toByteOffset: Self.fetchTag, as: UInt64.self)
    }
}
