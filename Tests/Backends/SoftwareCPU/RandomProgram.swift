import VMMTestSupport

@testable import SoftwareCPU

/// A random straight program of A64 user instructions, as a static Linux ELF image that also runs bare at EL1.
///
/// It loads all registers from its data, executes the body, stores all registers back and writes its data to standard output.
/// x28 points into the middle of the memory that the body may touch and is never written; x26 is its scratch base.
struct RandomProgram {
    static let base: UInt64 = 0x4008_0000
    static let dataOffset = 0x1_0000
    static let dataSize = 0x5000
    static let codeOffset = 0x80
    /// Within the data: where registers and then vectors come from, and go to.
    private static let outputOffset = 0x4000

    private var words: [UInt32] = []
    private var random: SeededGenerator
    private static let table = DecodeTable.shared
    private static let integer = DecodeGroups.dataProcessingImmediate + DecodeGroups.dataProcessingRegister
    private static let memoryBase: UInt32 = 28
    private static let scratchBase: UInt32 = 26

    private(set) var image: [UInt8] = []
    private(set) var instructionCount = 0
    /// The end of the body, for reports.
    private(set) var lastWords: [UInt32] = []

    init(seed: UInt64, count: Int) {
        random = SeededGenerator(seed: seed)
        prologue()
        let start = words.count
        while words.count - start < count {
            switch random.next() % 16 {
            case 0...7: integer()
            case 8, 9: memory()
            case 10: writeback()
            case 11: pair()
            case 12: synchronization()
            case 13: branch()
            case 14: vectorMove()
            default: vectorMemory()
            }
        }
        instructionCount = words.count - start
        lastWords = Array(words.suffix(4))
        epilogue()
        var data = [UInt8](repeating: 0, count: Self.dataSize)
        // Not from the body's numbers: shorter programs of a seed start alike.
        var values = SeededGenerator(seed: ~seed)
        for index in 0..<0x3000 { data[index] = UInt8(truncatingIfNeeded: values.next() >> 8) }
        // Some values that matter: zero, one, all ones, the extremes.
        for (register, value) in [(3, 0), (5, 1), (7, UInt64.max), (11, 1 << 63), (13, 0x7FFF_FFFF), (17, 0x8000_0000)]
        {
            for byte in 0..<8 { data[register * 8 + byte] = UInt8(truncatingIfNeeded: value >> UInt64(byte * 8)) }
        }
        image = Self.elf(words, data)
    }

    // MARK: Body

    private mutating func bits(_ width: UInt32) -> UInt32 {
        UInt32(truncatingIfNeeded: random.next()) & (1 << width &- 1)
    }

    /// A destination that the program does not need.
    private mutating func register() -> UInt32 {
        let number = bits(5)
        return number == Self.memoryBase ? 27 : number
    }

    private func isDefined(_ word: UInt32) -> Bool {
        Lowering(word: word, offset: 0, flags: BlockFlags.el1).lower(Self.table).opcode != .undefined
    }

    private mutating func integer() {
        while true {
            let entry = Self.integer[Int(random.next() % UInt64(Self.integer.count))]
            var word = entry.pattern.value | UInt32(truncatingIfNeeded: random.next()) & ~entry.pattern.mask
            if word & 31 == Self.memoryBase { word &= ~1 & ~4 }
            // Forms that mean the stack pointer by 31: it differs between the two worlds.
            switch entry.encoding {
            case .addImmediate, .subImmediate, .addsImmediate, .subsImmediate, .andImmediate, .orrImmediate,
                .eorImmediate, .addExtended, .subExtended, .addsExtended, .subsExtended:
                if word & 31 == 31 { word &= ~2 }
                if word >> 5 & 31 == 31 { word &= ~(2 << 5) }
            default: break
            }
            if isDefined(word) { return words.append(word) }
        }
    }

    /// Unsigned and unscaled displacements, and an index kept small.
    private mutating func memory() {
        let size = bits(2)
        let opc = size == 3 ? bits(1) : size == 2 ? bits(32) % 3 : bits(2)
        let rt = register()
        switch bits(2) {
        case 0, 1: words.append(0x3900_0000 | size << 30 | opc << 22 | (bits(8)) << 10 | Self.memoryBase << 5 | rt)
        case 2: words.append(0x3800_0000 | size << 30 | opc << 22 | bits(9) << 12 | Self.memoryBase << 5 | rt)
        default:
            // and x25, x25, #0xff
            words.append(0x9240_1C00 | 25 << 5 | 25)
            let option: UInt32 = [2, 3, 6, 7][Int(bits(2))]
            words.append(
                0x3820_0800 | size << 30 | opc << 22 | 25 << 16 | option << 13 | bits(1) << 12 | Self.memoryBase << 5
                    | rt)
        }
    }

    /// add x26, x28, #imm
    private mutating func scratch(aligned log2: UInt32) {
        words.append(0x9100_0000 | ((bits(10) >> log2) << log2) << 10 | Self.memoryBase << 5 | Self.scratchBase)
    }

    private mutating func writeback() {
        scratch(aligned: 0)
        let size = bits(2)
        let opc = size == 3 ? bits(1) : size == 2 ? bits(32) % 3 : bits(2)
        var rt = register()
        // Base and target alike is unpredictable.
        if rt == Self.scratchBase { rt = 24 }
        let mode: UInt32 = bits(1) == 0 ? 1 : 3
        words.append(0x3800_0000 | size << 30 | opc << 22 | bits(9) << 12 | mode << 10 | Self.scratchBase << 5 | rt)
    }

    private mutating func pair() {
        scratch(aligned: 0)
        let isVector = bits(1)
        let isLoad = bits(1)
        let opc = isVector == 1 ? bits(32) % 3 : [0, 2, isLoad][Int(bits(32) % 3)]
        let mode: UInt32 = opc == 1 && isVector == 0 ? 2 : bits(2)
        var (first, second) = (register(), register())
        if first == second || first == Self.scratchBase { first = 21 }
        if second == Self.scratchBase || second == first { second = first == 22 ? 23 : 22 }
        words.append(
            0x2800_0000 | opc << 30 | isVector << 26 | mode << 23 | isLoad << 22 | bits(7) << 15 | second << 10
                | Self.scratchBase << 5 | first)
    }

    private mutating func synchronization() {
        scratch(aligned: 4)
        let size = bits(2)
        var (rs, rt) = (register(), register())
        if rs == Self.scratchBase { rs = 20 }
        if rt == Self.scratchBase || rt == rs { rt = 23 }
        if rs == rt { rs = 19 }
        let base = Self.scratchBase << 5
        switch bits(3) {
        case 0:  // LDXR, STXR: the second with another register for the status.
            words.append(0x085F_7C00 | size << 30 | bits(1) << 15 | base | 18)
            words.append(0x0800_7C00 | size << 30 | bits(1) << 15 | rs << 16 | base | rt)
        case 1:  // STXR without LDXR.
            words.append(0xD503_3F5F)
            words.append(0x0800_7C00 | size << 30 | rs << 16 | base | rt)
        case 2: words.append(0x08DF_FC00 | size << 30 | base | rt)
        case 3: words.append(0x089F_FC00 | size << 30 | base | rt)
        case 4:  // LDXP, STXP. A status register that is also stored is unpredictable.
            if rs == 14 || rs == 15 { rs = 13 }
            words.append(0x887F_0000 | bits(1) << 30 | 17 << 10 | base | 16)
            words.append((words[words.count - 1] & 1 << 30) | 0x8820_0000 | rs << 16 | 15 << 10 | base | 14)
        case 5: words.append(0x08A0_7C00 | size << 30 | bits(1) << 22 | bits(1) << 15 | rs << 16 | base | rt)
        case 6:  // CASP
            words.append(0x0820_7C00 | bits(1) << 30 | bits(1) << 22 | (rs & 14) << 16 | base | 12)
        default:
            words.append(
                0x3820_0000 | size << 30 | bits(2) << 22 | rs << 16 | (bits(32) % 9) << 12 | base | rt)
        }
    }

    /// Forward over one instruction.
    private mutating func branch() {
        switch bits(2) {
        case 0: words.append(0x5400_0000 | 2 << 5 | bits(4))
        case 1: words.append(0x3400_0000 | bits(1) << 31 | bits(1) << 24 | 2 << 5 | register())
        case 2: words.append(0x3600_0000 | bits(1) << 31 | bits(1) << 24 | bits(5) << 19 | 2 << 5 | register())
        default: words.append(0x1400_0002)
        }
        words.append(0xD280_0000 | bits(16) << 5 | register())
    }

    private mutating func vectorMove() {
        while true {
            let entry = DecodeGroups.vectorMoves[Int(random.next() % UInt64(DecodeGroups.vectorMoves.count))]
            var word = entry.pattern.value | UInt32(truncatingIfNeeded: random.next()) & ~entry.pattern.mask
            if word & 31 == Self.memoryBase { word &= ~1 & ~4 }
            // FMOV of half precision is no base instruction.
            if entry.encoding == .modifiedImmediate { word &= ~(1 << 11) }
            if isDefined(word) { return words.append(word) }
        }
    }

    private mutating func vectorMemory() {
        scratch(aligned: 0)
        let base = Self.scratchBase << 5
        while true {
            var word: UInt32
            switch bits(3) {
            case 0, 1:
                word = 0x3C00_0000 | bits(2) << 30 | bits(2) << 22 | bits(9) << 12 | bits(2) << 10 | base | bits(5)
            case 2: word = 0x3D00_0000 | bits(2) << 30 | bits(2) << 22 | bits(6) << 10 | base | bits(5)
            default:
                let entry = DecodeGroups.loadsAndStores[
                    DecodeGroups.loadsAndStores.count - 1 - Int(bits(2))]
                word = entry.pattern.value | UInt32(truncatingIfNeeded: random.next()) & ~entry.pattern.mask
                word = word & ~(31 << 5) | base
                // Post-index by the size.
                if word >> 23 & 1 == 1 { word |= 31 << 16 }
            }
            // The unprivileged column is no vector encoding.
            if word & 0x3F20_0C00 == 0x3C00_0800 { continue }
            if isDefined(word) { return words.append(word) }
        }
    }

    // MARK: Frame

    private mutating func set(_ register: UInt32, _ value: UInt64) {
        for position: UInt32 in 0..<4 {
            let half = UInt32(truncatingIfNeeded: value >> UInt64(position * 16)) & 0xFFFF
            words.append((position == 0 ? 0xD280_0000 : 0xF280_0000) | position << 21 | half << 5 | register)
        }
    }

    private mutating func prologue() {
        set(28, Self.base + UInt64(Self.dataOffset))
        // ldr q<n>, [x28, #0x100 + 16 n]; ldr x0, [x28, #248]; msr nzcv, x0
        for number: UInt32 in 0..<32 { words.append(0x3DC0_0000 | (16 + number) << 10 | 28 << 5 | number) }
        words += [0xF940_0000 | 31 << 10 | 28 << 5, 0xD51B_4200]
        for number: UInt32 in 0..<31 where number != 28 { words.append(0xF940_0000 | number << 10 | 28 << 5 | number) }
        // add x28, x28, #2, lsl #12
        words.append(0x9140_0000 | 2 << 10 | 28 << 5 | 28)
    }

    private mutating func epilogue() {
        words.append(0x9140_0000 | 2 << 10 | 28 << 5 | 28)
        for number: UInt32 in 0..<31 { words.append(0xF900_0000 | number << 10 | 28 << 5 | number) }
        words += [0xD53B_4200, 0xF900_0000 | 31 << 10 | 28 << 5]
        for number: UInt32 in 0..<32 { words.append(0x3D80_0000 | (16 + number) << 10 | 28 << 5 | number) }
        // write(1, data, size); exit(0)
        set(0, 1)
        set(1, Self.base + UInt64(Self.dataOffset))
        set(2, UInt64(Self.dataSize))
        set(8, 64)
        words.append(0xD400_0001)
        set(0, 0)
        set(8, 93)
        words.append(0xD400_0001)
    }

    /// One segment, readable, writable and executable. Source: System V ABI, "ELF Header"; e_machine 183.
    private static func elf(_ words: [UInt32], _ data: [UInt8]) -> [UInt8] {
        precondition(codeOffset + words.count * 4 <= dataOffset)
        var file: [UInt8] = []
        func put<Value: FixedWidthInteger>(_ value: Value) {
            for shift in stride(from: 0, to: Value.bitWidth, by: 8) {
                file.append(UInt8(truncatingIfNeeded: value >> Value(shift)))
            }
        }
        file += [0x7F, 0x45, 0x4C, 0x46, 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]
        put(2 as UInt16)
        put(183 as UInt16)
        put(1 as UInt32)
        put(base + UInt64(codeOffset))
        put(64 as UInt64)
        put(0 as UInt64)
        put(0 as UInt32)
        for value: UInt16 in [64, 56, 1, 0, 0, 0] { put(value) }
        put(1 as UInt32)
        put(7 as UInt32)
        let size = UInt64(dataOffset + dataSize)
        for value: UInt64 in [0, base, base, size, size, 0x1000] { put(value) }
        file += [UInt8](repeating: 0, count: codeOffset - file.count)
        for word in words { put(word) }
        file += [UInt8](repeating: 0, count: dataOffset - file.count)
        return file + data
    }
}
