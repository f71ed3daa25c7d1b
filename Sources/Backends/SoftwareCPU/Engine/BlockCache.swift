/// The decoded blocks of one CPU, by physical address and flags.
///
/// Blocks go into an arena one behind the other; when it is full everything is dropped at once. Belongs to the CPU's thread.
@safe
final class BlockCache {
    /// 67,000 blocks of a Linux boot need about 10 MB; untouched pages cost nothing.
    private static let arenaSize = 64 << 20
    private static let hashSize = 1 << 17
    /// Longer runs are cut, so that attention is never long in coming.
    static let maximumCount = 64

    private let arena: HostArray
    /// By hash: the arena offset of the first block in units of 16 bytes, or 0.
    private let buckets: HostArray
    /// Per page of RAM: the arena offset of its last block in units of 16 bytes, or 0.
    private let pageHeads: HostArray
    /// The first 16 bytes are never a block.
    private var used = 16

    init(pageCount: Int) throws(SoftwareCPUError) {
        arena = try HostArray(byteCount: Self.arenaSize)
        pageHeads = try HostArray(byteCount: max(pageCount, 1) * 4)
        buckets = try HostArray(byteCount: Self.hashSize * 4)
    }

    private static func bucket(_ physicalAddress: UInt64, _ flags: UInt64) -> Int {
        Int(truncatingIfNeeded: (physicalAddress >> 2) ^ (physicalAddress >> 14) ^ (flags << 7)) & (hashSize - 1)
    }

    private func block(at offset: UInt32) -> Block {
        // SAFETY: buckets, chains and page lists hold arena offsets of blocks.
        unsafe Block(base: arena.base + Int(offset) * 16)
    }

    func find(_ physicalAddress: UInt64, _ flags: UInt64) -> Block? {
        var candidate = buckets.word(Self.bucket(physicalAddress, flags))
        while candidate != 0 {
            let block = block(at: candidate)
            if block.physicalAddress == physicalAddress && block.flags == flags { return block }
            candidate = block.hashNext
        }
        return nil
    }

    /// True when a block of the greatest size still fits. Otherwise call `clear()` before `insert`.
    var hasRoom: Bool { used + Block.headerSize + (Self.maximumCount + 1) * MicroOp.size <= Self.arenaSize }

    /// Room for a block, not yet to be found: `ops` is at most `maximumCount + 1`.
    func insert(physicalAddress: UInt64, flags: UInt64, page: Int, count: Int, ops: Span<MicroOp>) -> Block {
        precondition(hasRoom && ops.count <= Self.maximumCount + 1)
        // SAFETY: inside the arena: there is room.
        let block = unsafe Block(base: arena.base + used)
        block.initialize(physicalAddress: physicalAddress, flags: flags, count: count)
        for index in 0..<ops.count { block.setOp(index, ops[index]) }
        let bucket = Self.bucket(physicalAddress, flags)
        block.hashNext = buckets.word(bucket)
        buckets.setWord(bucket, UInt32(used / 16))
        block.pageNext = pageHeads.word(page)
        pageHeads.setWord(page, UInt32(used / 16))
        used += Block.headerSize + ops.count * MicroOp.size
        return block
    }

    /// Kills the blocks of a page. Those that are being executed run to their end.
    func invalidate(page: Int) {
        var next = pageHeads.word(page)
        pageHeads.setWord(page, 0)
        while next != 0 {
            let block = block(at: next)
            block.kill()
            unlink(block, at: next)
            next = block.pageNext
        }
    }

    private func unlink(_ block: Block, at offset: UInt32) {
        let bucket = Self.bucket(block.physicalAddress, block.flags)
        var current = buckets.word(bucket)
        if current == offset { return buckets.setWord(bucket, block.hashNext) }
        while current != 0 {
            let previous = self.block(at: current)
            if previous.hashNext == offset {
                previous.hashNext = block.hashNext
                return
            }
            current = previous.hashNext
        }
    }

    /// Drops everything. No block may be in use.
    func clear() {
        buckets.clear()
        pageHeads.clear()
        used = 16
    }
}

/// From virtual addresses to blocks, direct-mapped: for branches to registers and to other pages.
///
/// An entry is the address, all of it, and the block's address with the CPU's `jumpKey` in its bits 63:48: flags, and a
/// generation, a new one of which makes every entry miss. So no address, however odd, finds what belongs to another
/// exception level. Behind the entries is a filter: a bit for each page, by a hash of its number, that an entry may be of.
@safe
struct JumpCache {
    static let entryCount = 4096
    private static let pagesOffset = entryCount * 16
    private static let pageBits = 4096
    static let byteCount = pagesOffset + pageBits / 8
    /// Where a key stands in an entry: user addresses of the host end below.
    static let keyShift: UInt64 = 48

    // SAFETY: points to byteCount bytes in a state block.
    private let base: UnsafeMutableRawPointer

    @inline(__always)
    @unsafe init(base: UnsafeMutableRawPointer) { unsafe self.base = base }

    @inline(__always)
    private static func offset(_ pc: UInt64) -> Int {
        Int(truncatingIfNeeded: ((pc &>> 2) ^ (pc &>> 13)) & UInt64(entryCount - 1)) &* 16
    }

    @inline(__always)
    func find(_ pc: UInt64, key: UInt64) -> Block? {
        let entry = unsafe base + Self.offset(pc)
        let block = unsafe entry.load(fromByteOffset: 8, as: UInt64.self) ^ key
        guard unsafe entry.load(as: UInt64.self) == pc, block &>> Self.keyShift == 0 else { return nil }
        // SAFETY: without its key the second word is a block's address or, before the first fill and with key 0, 0; the arena
        // is cleared together with this.
        return unsafe Block(address: block)
    }

    func fill(_ pc: UInt64, key: UInt64, _ block: Block) {
        let (offset, bit) = Self.page(pc)
        unsafe base.storeBytes(
            of: base.load(fromByteOffset: offset, as: UInt64.self) | bit, toByteOffset: offset, as: UInt64.self)
        let entry = unsafe base + Self.offset(pc)
        unsafe entry.storeBytes(of: pc, as: UInt64.self)
        unsafe entry.storeBytes(of: block.address ^ key, toByteOffset: 8, as: UInt64.self)
    }

    /// Where in the filter the page's bit is. Bits 35:12 of the address count, which a tag does not change.
    private static func page(_ address: UInt64) -> (offset: Int, bit: UInt64) {
        let number = Int(truncatingIfNeeded: address >> 12 ^ address >> 24) & (pageBits - 1)
        return (pagesOffset + number / 64 * 8, 1 << UInt64(number & 63))
    }

    /// False: no entry that can hit is of the page that holds `address`.
    func mayHold(page address: UInt64) -> Bool {
        let (offset, bit) = Self.page(address)
        return unsafe base.load(fromByteOffset: offset, as: UInt64.self) & bit != 0
    }

    /// No entry can hit any more.
    func clearPages() {
        for offset in stride(from: Self.pagesOffset, to: Self.byteCount, by: 8) {
            unsafe base.storeBytes(of: 0, toByteOffset: offset, as: UInt64.self)
        }
    }

    func clear() {
        clearPages()
        for index in 0..<Self.entryCount {
            unsafe (base + index * 16).storeBytes(of: 0, toByteOffset: 8, as: UInt64.self)
        }
    }
}
