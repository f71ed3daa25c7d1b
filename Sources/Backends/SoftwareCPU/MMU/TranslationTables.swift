// Stage 1 of the EL1&0 regime. Source: Arm DDI 0487, D8.

/// What an access wants.
enum MemoryAccess {
    case read, write, fetch
}

/// Why a translation failed: the fault status code of ESR_EL1, bits 5:0. Source: D23.2 "ESR_EL1", "DFSC".
struct TranslationFault: Error {
    let status: UInt64

    static func addressSize(_ level: Int) -> TranslationFault { .init(status: UInt64(level)) }
    static func translation(_ level: Int) -> TranslationFault { .init(status: 4 + UInt64(level)) }
    static func accessFlag(_ level: Int) -> TranslationFault { .init(status: 8 + UInt64(level)) }
    static func permission(_ level: Int) -> TranslationFault { .init(status: 12 + UInt64(level)) }
    static func externalOnWalk(_ level: Int) -> TranslationFault { .init(status: 0x14 + UInt64(level)) }
    static let external = TranslationFault(status: 0x10)
    static let alignment = TranslationFault(status: 0x21)
    static let unsupportedExclusive = TranslationFault(status: 0x35)
}

/// Where an address leads and what may be done there.
struct Translation {
    var physical: UInt64
    /// Of device memory type: unaligned accesses fault.
    var isDevice: Bool
    var level = 3
    var canRead = (kernel: true, user: true)
    var canWrite = (kernel: true, user: true)
    var canFetch = (kernel: true, user: true)
    /// EL0 may access it: what PAN keeps EL1 from.
    var isUserAccessible = false
    /// It holds for all ASIDs: nG is clear.
    var isGlobal = true
    /// The size of what the entry maps, in bytes.
    var mappedSize: UInt64 = 4096

    func allows(_ access: MemoryAccess, _ regime: AccessRegime) -> Bool {
        switch (access, regime) {
        case (.read, .user): canRead.user
        case (.read, .kernel): canRead.kernel
        case (.read, .kernelWithoutUser): canRead.kernel && !isUserAccessible
        case (.write, .user): canWrite.user
        case (.write, .kernel): canWrite.kernel
        case (.write, .kernelWithoutUser): canWrite.kernel && !isUserAccessible
        case (.fetch, .user): canFetch.user
        case (.fetch, .kernel), (.fetch, .kernelWithoutUser): canFetch.kernel
        }
    }
}

/// SCTLR_EL1's bits. Source: D23.2 "SCTLR_EL1".
enum SCTLR {
    static let m: UInt64 = 1 << 0
    static let a: UInt64 = 1 << 1
    static let sa: UInt64 = 1 << 3
    static let sa0: UInt64 = 1 << 4
    static let uma: UInt64 = 1 << 9
    static let dze: UInt64 = 1 << 14
    static let uct: UInt64 = 1 << 15
    static let nTWI: UInt64 = 1 << 16
    static let nTWE: UInt64 = 1 << 18
    static let wxn: UInt64 = 1 << 19
    static let uci: UInt64 = 1 << 26
    /// RES1 at reset and always: LSMAOE, nTLSMD, TSCXT, EOS (no ExS), and bits 11 (EIS).
    static let res1: UInt64 = 1 << 29 | 1 << 28 | 1 << 22 | 1 << 20 | 1 << 11
    /// Big-endian data and unimplemented controls read as zero.
    static let writable: UInt64 =
        m | a | 1 << 2 | sa | sa0 | uma | 1 << 12 | dze | uct | nTWI | nTWE | wxn | 1 << 23 | uci | res1
}

/// The walk of one address: what TCR_EL1 and a TTBR say. Source: D8.2.
struct TableWalk {
    let address: UInt64
    let inputBits: Int
    let granuleShift: Int
    let tableBase: UInt64
    let outputBits: UInt64
    let ram: RAMMap

    /// - Throws: a translation fault of level 0 for an address outside both halves or with walks disabled.
    init(_ address: UInt64, _ s: StateBlock, _ ram: RAMMap) throws(TranslationFault) {
        let tcr = s.system(.tcr)
        let isHigh = address >> 55 & 1 == 1
        let sizeOffset = Int(isHigh ? tcr >> 16 & 0x3F : tcr & 0x3F)
        let isDisabled = isHigh ? tcr >> 23 & 1 == 1 : tcr >> 7 & 1 == 1
        let ignoresTop = isHigh ? tcr >> 38 & 1 == 1 : tcr >> 37 & 1 == 1
        // TG0: 0 4 KiB, 1 64 KiB, 2 16 KiB; TG1: 1 16 KiB, 2 4 KiB, 3 64 KiB. Reserved values mean 4 KiB here.
        switch (isHigh, isHigh ? tcr >> 30 & 3 : tcr >> 14 & 3) {
        case (false, 1), (true, 3): granuleShift = 16
        case (false, 2), (true, 1): granuleShift = 14
        default: granuleShift = 12
        }
        // TnSZ is 16 to 39; beyond it is taken for the nearest.
        inputBits = 64 - min(max(sizeOffset, 16), 39)
        let top = ignoresTop ? Int64(bitPattern: address << 8) >> 8 : Int64(bitPattern: address)
        guard top >> Int64(inputBits) == (isHigh ? -1 : 0), !isDisabled else { throw .translation(0) }
        self.address = address
        self.ram = ram
        let base = s.system(isHigh ? .ttbr1 : .ttbr0)
        tableBase = base & 0x0000_FFFF_FFFF_FFFE
        let size = tcr >> 32 & 7
        outputBits = min(IDRegisters.physicalAddressBits, [32, 36, 40, 42, 44, 48, 52, 48][Int(size)])
    }

    /// Walks the tables.
    func translate(s: StateBlock) throws(TranslationFault) -> Translation {
        let stride = granuleShift - 3
        let levels = (inputBits - granuleShift + stride - 1) / stride
        var level = 4 - levels
        // The first table may be smaller than a granule; it is aligned to its size, at least 64 bytes.
        let firstBits = inputBits - granuleShift - (levels - 1) * stride
        var table = tableBase & ~((1 << UInt64(max(firstBits + 3, 6))) - 1)
        var bits = firstBits
        guard table >> outputBits == 0 else { throw .addressSize(0) }
        // Limits of the tables above: APTable, UXNTable, PXNTable.
        var limits: UInt64 = 0
        while true {
            let shift = granuleShift + (3 - level) * stride
            let index = (address >> UInt64(shift)) & ((1 << UInt64(bits)) - 1)
            guard let place = ram.place(of: table + index * 8) else { throw .externalOnWalk(level) }
            let descriptor = place.host.load(UInt64.self)
            guard descriptor & 1 == 1 else { throw .translation(level) }
            let isTable = descriptor & 2 != 0
            if level < 3 && isTable {
                limits |= descriptor >> 59 & 0x1F
                table = descriptor & 0x0000_FFFF_FFFF_FFFF & ~((1 << UInt64(granuleShift)) - 1)
                guard table >> outputBits == 0 else { throw .addressSize(level) }
                level += 1
                bits = stride
                continue
            }
            // A block: 4 KiB granule at levels 1 and 2, others at 2. A page: level 3 with bit 1 set.
            let isBlock = level < 3
            guard isBlock ? level == 2 || level == 1 && granuleShift == 12 : isTable else { throw .translation(level) }
            return try leaf(descriptor, level: level, shift: shift, limits: limits, s)
        }
    }

    private func leaf(_ descriptor: UInt64, level: Int, shift: Int, limits: UInt64, _ s: StateBlock)
        throws(TranslationFault) -> Translation
    {
        let size: UInt64 = 1 << UInt64(shift)
        let output = descriptor & 0x0000_FFFF_FFFF_FFFF & ~(size - 1)
        guard output >> outputBits == 0 else { throw .addressSize(level) }
        guard descriptor & 1 << 10 != 0 else { throw .accessFlag(level) }
        // AP[2:1], less what APTable takes: bit 0 of it user access, bit 1 writing. Source: D8.4.1.
        let apTable = limits >> 2 & 3
        let userAccess = descriptor & 1 << 6 != 0 && apTable & 1 == 0
        let readOnly = descriptor & 1 << 7 != 0 || apTable & 2 != 0
        let wxn = s.system(.sctlr) & SCTLR.wxn != 0
        let pxn = descriptor & 1 << 53 != 0 || limits & 1 != 0
        let uxn = descriptor & 1 << 54 != 0 || limits & 2 != 0
        let attribute = s.system(.mair) >> ((descriptor >> 2 & 7) * 8) & 0xFF
        var result = Translation(
            physical: output | address & (size - 1), isDevice: attribute & 0xF0 == 0, level: level)
        result.isUserAccessible = userAccess
        result.canRead = (true, userAccess)
        result.canWrite = (!readOnly, userAccess && !readOnly)
        // What EL0 can write EL1 cannot execute.
        result.canFetch.kernel = !pxn && !(userAccess && !readOnly) && !(wxn && !readOnly)
        result.canFetch.user = !uxn && !(wxn && userAccess && !readOnly)
        result.isGlobal = descriptor & 1 << 11 == 0
        result.mappedSize = size
        return result
    }
}
