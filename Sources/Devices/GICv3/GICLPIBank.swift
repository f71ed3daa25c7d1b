internal import VMMCore

/// The LPIs that are pending at one redistributor.
///
/// Which are pending is kept here, from when LPIs are enabled until they are disabled again: then the pending table in guest
/// memory is read, and written. Of the configuration table a byte is read when its LPI becomes pending, and when it is
/// pending and the guest says that the byte has changed (INV, INVALL). A table that is not in RAM has nothing pending, and
/// disabled LPIs.
///
/// An LPI is pending or not; it is never active. It is in group 1, as there is one security state.
/// Source: GICv3, "Locality-specific Peripheral Interrupts and the ITS".
struct GICLPIBank {
    /// The least that the architecture allows where there are LPIs. It makes 8192 of them, which bounds what a search among
    /// them costs, and the memory that a redistributor takes.
    static let intidBits = 14
    static let firstINTID = 8192
    static let capacity = 1 << intidBits - firstINTID

    private(set) var isEnabled = false
    private var propbaser = GICR_PROPBASER()
    private var pendbaser = GICR_PENDBASER()
    /// The most urgent of those that are enabled; of several the one with the lowest INTID.
    private(set) var best: GICPendingInterrupt?
    /// How many LPIs the guest's tables have room for.
    private var count = 0
    /// Bit n of word m: LPI 64 × m + n, which is INTID 8192 more. Empty while LPIs are disabled.
    private var pending: [UInt64] = []
    private(set) var pendingCount = 0
    /// By LPI, of those that are pending.
    private var configurations: [GICLPIConfiguration] = []

    // MARK: Registers

    var readPROPBASER: UInt64 { propbaser.rawValue }
    var readPENDBASER: UInt64 { pendbaser.rawValue }

    mutating func writePROPBASER(_ value: UInt64) {
        if !isEnabled { propbaser.rawValue = value & GICR_PROPBASER.writable }
    }

    mutating func writePENDBASER(_ value: UInt64) {
        if !isEnabled { pendbaser = GICR_PENDBASER(rawValue: value) }
    }

    /// GICR_CTLR.EnableLPIs.
    mutating func setEnabled(_ enabled: Bool, _ memory: GuestMemory) {
        guard enabled != isEnabled else { return }
        if enabled { enable(memory) } else { disable(memory) }
    }

    private mutating func enable(_ memory: GuestMemory) {
        isEnabled = true
        count = max(1 << min(propbaser.intidBits, Self.intidBits) - Self.firstINTID, 0)
        pending = Array(repeating: 0, count: Self.capacity / 64)
        configurations = Array(repeating: GICLPIConfiguration(), count: Self.capacity)
        guard !pendbaser.isZero else { return }
        for word in 0..<count / 64 {
            insert((try? memory.load(UInt64.self, at: pendingAddress(word: word))) ?? 0, word: word, memory)
        }
    }

    private mutating func disable(_ memory: GuestMemory) {
        for word in 0..<count / 64 { try? memory.store(pending[word], at: pendingAddress(word: word)) }
        let (propbaser, pendbaser) = (propbaser, pendbaser)
        self = GICLPIBank()
        self.propbaser = propbaser
        // The table is not what it was when it was called zero.
        self.pendbaser = GICR_PENDBASER(rawValue: pendbaser.rawValue)
    }

    private func pendingAddress(word: Int) -> GuestAddress {
        GuestAddress(pendbaser.address + UInt64(Self.firstINTID / 8 + 8 * word))
    }

    // MARK: Interrupts. An INTID that is no LPI here is ignored, and all are while LPIs are disabled.

    mutating func makePending(_ intid: Int, _ memory: GuestMemory) {
        guard let lpi = index(intid), !pending[lpi / 64][bit: lpi % 64] else { return }
        pending[lpi / 64][bit: lpi % 64] = true
        pendingCount += 1
        configure(lpi, memory)
        offer(lpi)
    }

    /// Takes the pending state away. True when there was one.
    @discardableResult
    mutating func clear(_ intid: Int) -> Bool {
        guard let lpi = index(intid), pending[lpi / 64][bit: lpi % 64] else { return false }
        pending[lpi / 64][bit: lpi % 64] = false
        pendingCount -= 1
        if best?.intid == intid { findBest() }
        return true
    }

    /// INV: the configuration may have changed.
    mutating func reload(_ intid: Int, _ memory: GuestMemory) {
        guard let lpi = index(intid), pending[lpi / 64][bit: lpi % 64] else { return }
        configure(lpi, memory)
        findBest()
    }

    /// INVALL.
    mutating func reloadAll(_ memory: GuestMemory) {
        forEachPending { $0.configure($1, memory) }
        findBest()
    }

    /// MOVALL, its first half: what was pending, for `insertAll`.
    mutating func removeAll() -> [UInt64] {
        let removed = pending
        pending = Array(repeating: 0, count: pending.count)
        pendingCount = 0
        best = nil
        return removed
    }

    mutating func insertAll(_ words: [UInt64], _ memory: GuestMemory) {
        guard isEnabled else { return }
        for (word, bits) in words.enumerated() { insert(bits, word: word, memory) }
    }

    // MARK: Parts

    private func index(_ intid: Int) -> Int? {
        let index = intid &- Self.firstINTID
        return index >= 0 && index < count ? index : nil
    }

    private mutating func insert(_ bits: UInt64, word: Int, _ memory: GuestMemory) {
        var rest = bits
        while rest != 0 {
            makePending(Self.firstINTID + 64 * word + rest.trailingZeroBitCount, memory)
            rest &= rest &- 1
        }
    }

    private mutating func configure(_ lpi: Int, _ memory: GuestMemory) {
        let byte = try? memory.load(UInt8.self, at: GuestAddress(propbaser.address + UInt64(lpi)))
        configurations[lpi] = GICLPIConfiguration(rawValue: byte ?? 0)
    }

    /// Makes a pending LPI the best one if it is.
    private mutating func offer(_ lpi: Int) {
        let configuration = configurations[lpi]
        guard configuration.isEnabled else { return }
        let intid = Self.firstINTID + lpi
        if let best, (best.priority, best.intid) < (configuration.priority, intid) { return }
        best = GICPendingInterrupt(intid: intid, priority: configuration.priority, group: .group1)
    }

    private mutating func findBest() {
        best = nil
        forEachPending { $0.offer($1) }
    }

    @inline(__always)
    private mutating func forEachPending(_ body: (inout Self, Int) -> Void) {
        // Mostly none is left after an acknowledge.
        guard pendingCount > 0 else { return }
        for word in pending.indices {
            var rest = pending[word]
            while rest != 0 {
                body(&self, 64 * word + rest.trailingZeroBitCount)
                rest &= rest &- 1
            }
        }
    }
}
