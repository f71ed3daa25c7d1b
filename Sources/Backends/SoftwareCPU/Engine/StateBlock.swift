internal import Synchronization

/// Where things are in a CPU's state block, in bytes. The translator will know the same offsets.
enum StateLayout {
    static let registers = 0
    /// Slots of the register file beyond x30.
    static let spSlot: UInt8 = 31
    /// Reads as zero, never written.
    static let zeroSlot: UInt8 = 32
    /// Written, never read.
    static let discardSlot: UInt8 = 33
    static let pc = 0x110
    /// N, Z, C, V in bits 3 to 0.
    static let nzcv = 0x118
    /// 32-bit, atomic: other threads set bits of `Attention`.
    static let attention = 0x120
    /// How many instructions may still be executed before the engine looks up.
    static let budget = 0x128
    /// The soft TLB of the current access regime, as a host address.
    static let tlb = 0x130
    /// Flags that are part of a block's key.
    static let blockFlags = 0x138
    /// Mixed into the jump cache's tags: flags and generation.
    static let jumpKey = 0x140
    /// Scalars of the architecture: the rest of PSTATE and the exclusive monitor. See `StateBlock`.
    static let exceptionLevel = 0x148
    static let daif = 0x150
    static let spsel = 0x158
    static let pan = 0x160
    static let il = 0x168
    static let bankedSP0 = 0x170
    static let bankedSP1 = 0x178
    static let monitorAddress = 0x180
    static let monitorSize = 0x188
    static let monitorLow = 0x190
    static let monitorHigh = 0x198
    /// Vector registers, 16 bytes each.
    static let vectors = 0x200
    /// System registers that are plain storage, 8 bytes each, by `SystemSlot`.
    static let system = 0x400
    /// The soft TLBs, one a regime.
    static let tlbs = 0x1000
    static let jumpCache = tlbs + SoftTLB.regimeCount * SoftTLB.byteCount
    static let size = jumpCache + JumpCache.byteCount
}

/// What else than executing a CPU must do soon: bits of the attention word.
enum Attention {
    static let kick: UInt32 = 1
    static let interrupt: UInt32 = 2
    static let shootdown: UInt32 = 4
    static let power: UInt32 = 8
    /// Instructions are to be executed one by one, or blocks decoded anew.
    static let debug: UInt32 = 16
    /// The guest rests, in a budgeted run.
    static let rest: UInt32 = 32
    static let all = kick | interrupt | shootdown | power | debug | rest
}

/// The state of one CPU: raw memory at fixed offsets, so that an access is one machine instruction in every engine.
///
/// Belongs to the CPU's thread, but for the attention word.
@safe
struct StateBlock: @unchecked Sendable {
    // SAFETY: points to StateLayout.size zeroed bytes, page-aligned, that live as long as the core that owns them. All
    // offsets below are constants inside; register slots come from micro-ops and are below 34 (vectors: 32).
    private let base: UnsafeMutableRawPointer

    @unsafe init(base: UnsafeMutableRawPointer) { unsafe self.base = base }

    var hostAddress: UInt { unsafe UInt(bitPattern: base) }

    @inline(__always)
    func word(_ offset: Int) -> UInt64 { unsafe base.load(fromByteOffset: offset, as: UInt64.self) }
    @inline(__always)
    func setWord(_ offset: Int, _ value: UInt64) {
        unsafe base.storeBytes(of: value, toByteOffset: offset, as: UInt64.self)
    }

    // MARK: Registers

    @inline(__always)
    func x(_ slot: UInt8) -> UInt64 { word(Int(slot) &* 8) }
    @inline(__always)
    func w(_ slot: UInt8) -> UInt32 { unsafe base.load(fromByteOffset: Int(slot) &* 8, as: UInt32.self) }
    @inline(__always)
    func setX(_ slot: UInt8, _ value: UInt64) { setWord(Int(slot) &* 8, value) }
    @inline(__always)
    func setW(_ slot: UInt8, _ value: UInt32) { setWord(Int(slot) &* 8, UInt64(value)) }

    @inline(__always)
    func vectorLow(_ register: UInt8) -> UInt64 { word(StateLayout.vectors &+ Int(register) &* 16) }
    @inline(__always)
    func vectorHigh(_ register: UInt8) -> UInt64 { word(StateLayout.vectors &+ Int(register) &* 16 &+ 8) }
    @inline(__always)
    func setVector(_ register: UInt8, _ low: UInt64, _ high: UInt64) {
        setWord(StateLayout.vectors &+ Int(register) &* 16, low)
        setWord(StateLayout.vectors &+ Int(register) &* 16 &+ 8, high)
    }

    @inline(__always)
    func system(_ slot: SystemSlot) -> UInt64 { word(StateLayout.system &+ Int(slot.rawValue) &* 8) }
    @inline(__always)
    func setSystem(_ slot: SystemSlot, _ value: UInt64) {
        setWord(StateLayout.system &+ Int(slot.rawValue) &* 8, value)
    }

    // MARK: Scalars

    var pc: UInt64 {
        @inline(__always) get { word(StateLayout.pc) }
        @inline(__always) nonmutating set { setWord(StateLayout.pc, newValue) }
    }
    var nzcv: UInt64 {
        @inline(__always) get { word(StateLayout.nzcv) }
        @inline(__always) nonmutating set { setWord(StateLayout.nzcv, newValue) }
    }
    var budget: Int64 {
        @inline(__always) get { Int64(bitPattern: word(StateLayout.budget)) }
        @inline(__always) nonmutating set { setWord(StateLayout.budget, UInt64(bitPattern: newValue)) }
    }
    var blockFlags: UInt64 {
        @inline(__always) get { word(StateLayout.blockFlags) }
        nonmutating set { setWord(StateLayout.blockFlags, newValue) }
    }
    var jumpKey: UInt64 {
        @inline(__always) get { word(StateLayout.jumpKey) }
        nonmutating set { setWord(StateLayout.jumpKey, newValue) }
    }
    var exceptionLevel: UInt64 {
        get { word(StateLayout.exceptionLevel) }
        nonmutating set { setWord(StateLayout.exceptionLevel, newValue) }
    }
    /// D, A, I, F in bits 9 to 6, as MRS shows them.
    var daif: UInt64 {
        get { word(StateLayout.daif) }
        nonmutating set { setWord(StateLayout.daif, newValue) }
    }
    var spsel: UInt64 {
        get { word(StateLayout.spsel) }
        nonmutating set { setWord(StateLayout.spsel, newValue) }
    }
    var pan: UInt64 {
        get { word(StateLayout.pan) }
        nonmutating set { setWord(StateLayout.pan, newValue) }
    }
    var il: UInt64 {
        get { word(StateLayout.il) }
        nonmutating set { setWord(StateLayout.il, newValue) }
    }

    // MARK: Attention

    @inline(__always)
    var attention: UInt32 {
        // SAFETY: 4-byte aligned, and touched by atomics only.
        unsafe (base + StateLayout.attention).assumingMemoryBound(to: Atomic<UInt32>.self).pointee.load(
            ordering: .relaxed)
    }

    /// From any thread.
    func raiseAttention(_ bits: UInt32) {
        // SAFETY: as above.
        unsafe _ = (base + StateLayout.attention).assumingMemoryBound(to: Atomic<UInt32>.self).pointee.bitwiseOr(
            bits, ordering: .sequentiallyConsistent)
    }

    /// Clears `bits` and gives those of them that were set.
    func takeAttention(_ bits: UInt32) -> UInt32 {
        // SAFETY: as above.
        unsafe (base + StateLayout.attention).assumingMemoryBound(to: Atomic<UInt32>.self).pointee.bitwiseAnd(
            ~bits, ordering: .sequentiallyConsistent
        ).oldValue & bits
    }

    // MARK: Soft TLB and jump cache

    /// The TLB that loads and stores of the current regime look into.
    @inline(__always)
    var currentTLB: SoftTLB {
        // SAFETY: `selectRegime` stored the address of one of the TLBs in this block.
        unsafe SoftTLB(base: UnsafeMutableRawPointer(bitPattern: UInt(word(StateLayout.tlb))).unsafelyUnwrapped)
    }

    func tlb(of regime: AccessRegime) -> SoftTLB {
        // SAFETY: the regimes are 0 ..< regimeCount.
        unsafe SoftTLB(base: base + StateLayout.tlbs + Int(regime.rawValue) * SoftTLB.byteCount)
    }

    func selectRegime(_ regime: AccessRegime) {
        setWord(
            StateLayout.tlb, UInt64(hostAddress) + UInt64(StateLayout.tlbs + Int(regime.rawValue) * SoftTLB.byteCount))
    }

    @inline(__always)
    var jumpCache: JumpCache {
        // SAFETY: inside the block.
        unsafe JumpCache(base: base + StateLayout.jumpCache)
    }
}
