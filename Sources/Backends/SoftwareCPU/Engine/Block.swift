/// A run of guest instructions in one page, decoded into micro-ops that follow its header in the arena.
///
/// Header, 48 bytes: physical address, flags and instruction count, two links to the blocks that follow (taken, not taken), the
/// next block in the hash chain and in the page's list. A dead block's memory stays until the whole arena is cleared, which
/// happens between blocks; its first micro-op finds the block that is there instead.
@safe
struct Block {
    static let headerSize = 48

    private static let physicalAddressOffset = 0
    private static let flagsOffset = 8
    private static let countOffset = 12
    private static let linksOffset = 16
    private static let hashNextOffset = 32
    private static let pageNextOffset = 36

    // SAFETY: points to a header with its micro-ops in a live arena: blocks do not outlive the turn of the interpreter's
    // loop that found them, and the arena is cleared only at the start of one.
    private let base: UnsafeMutableRawPointer

    @inline(__always)
    @unsafe init(base: UnsafeMutableRawPointer) { unsafe self.base = base }

    /// Nil for address 0: no block. Otherwise the address of a block.
    @inline(__always)
    @unsafe init?(address: UInt64) {
        guard let base = unsafe UnsafeMutableRawPointer(bitPattern: UInt(address)) else { return nil }
        unsafe self.base = base
    }

    @inline(__always)
    var address: UInt64 { unsafe UInt64(UInt(bitPattern: base)) }
    @inline(__always)
    private func word(_ offset: Int) -> UInt64 { unsafe base.load(fromByteOffset: offset, as: UInt64.self) }
    @inline(__always)
    private func setWord(_ offset: Int, _ value: UInt64) {
        unsafe base.storeBytes(of: value, toByteOffset: offset, as: UInt64.self)
    }

    @inline(__always)
    private func half(_ offset: Int) -> UInt32 { unsafe base.load(fromByteOffset: offset, as: UInt32.self) }
    private func setHalf(_ offset: Int, _ value: UInt32) {
        unsafe base.storeBytes(of: value, toByteOffset: offset, as: UInt32.self)
    }

    func initialize(physicalAddress: UInt64, flags: UInt64, count: Int) {
        setWord(Self.physicalAddressOffset, physicalAddress)
        setHalf(Self.flagsOffset, UInt32(truncatingIfNeeded: flags))
        setHalf(Self.countOffset, UInt32(truncatingIfNeeded: count))
        setWord(Self.linksOffset, 0)
        setWord(Self.linksOffset + 8, 0)
    }

    var physicalAddress: UInt64 { word(Self.physicalAddressOffset) }
    /// Below 2^32.
    var flags: UInt64 { UInt64(half(Self.flagsOffset)) }
    /// Guest instructions, at least 1.
    @inline(__always)
    var count: Int64 { Int64(half(Self.countOffset)) }

    /// The block may not be entered any more. Who is in it goes on: of the first micro-op only the opcode changes.
    func kill() {
        // SAFETY: a block has at least one micro-op.
        unsafe (base + Self.headerSize).assumingMemoryBound(to: MicroOp.self).pointee.opcode = .deadBlock
    }

    /// Link 0 leads to where a branch goes, link 1 to what follows.
    @inline(__always)
    func link(_ index: Int) -> Block? { unsafe Block(address: word(Self.linksOffset &+ index &* 8)) }
    @inline(__always)
    func setLink(_ index: Int, _ target: Block) { setWord(Self.linksOffset &+ index &* 8, target.address) }

    /// The arena offset of the next block in the hash chain, in units of 16 bytes, or 0.
    var hashNext: UInt32 {
        get { half(Self.hashNextOffset) }
        nonmutating set { setHalf(Self.hashNextOffset, newValue) }
    }
    /// The same, of the next block of the page.
    var pageNext: UInt32 {
        get { half(Self.pageNextOffset) }
        nonmutating set { setHalf(Self.pageNextOffset, newValue) }
    }

    @inline(__always)
    var firstOp: OpCursor { unsafe OpCursor(address: base + Self.headerSize) }

    func setOp(_ index: Int, _ op: MicroOp) {
        // SAFETY: the arena made room for as many micro-ops as are written.
        unsafe base.storeBytes(of: op, toByteOffset: Self.headerSize + index * MicroOp.size, as: MicroOp.self)
    }
}

/// A position in a block's micro-ops, and the fields of the one there: each is loaded where it is used, since most micro-ops use few.
@safe
struct OpCursor: MicroOpFields {
    // SAFETY: points to a micro-op of a block; blocks end with one that does not go on.
    private var address: UnsafeRawPointer

    @inline(__always)
    @unsafe init(address: UnsafeMutableRawPointer) { unsafe self.address = UnsafeRawPointer(address) }

    @inline(__always)
    var op: MicroOp { unsafe address.assumingMemoryBound(to: MicroOp.self).pointee }

    @inline(__always)
    var opcode: Opcode { unsafe address.assumingMemoryBound(to: MicroOp.self).pointee.opcode }
    @inline(__always)
    var d: UInt8 { unsafe address.assumingMemoryBound(to: MicroOp.self).pointee.d }
    @inline(__always)
    var n: UInt8 { unsafe address.assumingMemoryBound(to: MicroOp.self).pointee.n }
    @inline(__always)
    var m: UInt8 { unsafe address.assumingMemoryBound(to: MicroOp.self).pointee.m }
    @inline(__always)
    var a: UInt8 { unsafe address.assumingMemoryBound(to: MicroOp.self).pointee.a }
    @inline(__always)
    var b: UInt8 { unsafe address.assumingMemoryBound(to: MicroOp.self).pointee.b }
    @inline(__always)
    var c: UInt8 { unsafe address.assumingMemoryBound(to: MicroOp.self).pointee.c }
    /// Which instruction of the block this is, from 0.
    @inline(__always)
    var position: UInt64 { unsafe UInt64(address.assumingMemoryBound(to: MicroOp.self).pointee.position) }
    @inline(__always)
    var immediate: UInt64 { unsafe address.assumingMemoryBound(to: MicroOp.self).pointee.immediate }

    @inline(__always)
    mutating func advance() { unsafe address += MicroOp.size }
}
