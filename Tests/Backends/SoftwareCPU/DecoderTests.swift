import Testing

@testable import SoftwareCPU

@Suite("The decode table") struct DecoderTests {
    private let table = DecodeTable.shared

    @Test("each encoding diagram has 32 bits")
    func widths() {
        for entry in table.entries { #expect(entry.pattern.isWellFormed, "\(entry.encoding)") }
    }

    @Test("two diagrams overlap only where one is stricter: hints and barriers within MSR (immediate)")
    func overlaps() {
        for (index, first) in table.entries.enumerated() {
            for second in table.entries[(index + 1)...] where first.pattern.overlaps(second.pattern) {
                #expect(first.pattern.isStricter(than: second.pattern), "\(first.encoding) and \(second.encoding)")
            }
        }
    }

    @Test("each encoding has a diagram, and the look-up finds it")
    func coverage() {
        for encoding in Encoding.allCases {
            #expect(table.entries.contains { $0.encoding == encoding }, "\(encoding)")
        }
        for entry in table.entries {
            #expect(table.encoding(of: entry.pattern.value) == entry.encoding)
            // Every other free bit set.
            let word = entry.pattern.value | ~entry.pattern.mask & 0x2108_4210
            let found = table.entries.first { $0.pattern.matches(word) }?.encoding
            #expect(table.encoding(of: word) == found)
        }
    }

    @Test("a micro-op has 16 bytes")
    func size() { #expect(MemoryLayout<MicroOp>.size == MicroOp.size && MemoryLayout<MicroOp>.stride == MicroOp.size) }

    @Test("C1.2.4: the condition codes")
    func conditions() {
        // EQ holds for Z only, HI for C and not Z, LE for Z or N != V, AL and NV always.
        #expect(Conditions.masks[0] == (0..<16).reduce(0) { $1 & 4 != 0 ? $0 | 1 << $1 : $0 })
        #expect(Conditions.masks[8] == (0..<16).reduce(0) { $1 & 6 == 2 ? $0 | 1 << $1 : $0 })
        #expect(Conditions.masks[13] == ~Conditions.masks[12])
        #expect(Conditions.masks[14] == 0xFFFF && Conditions.masks[15] == 0xFFFF)
    }

    @Test("unallocated, reserved and not implemented are told apart")
    func reasons() {
        func reason(_ word: UInt32) -> UndefinedReason? {
            let op = Lowering(word: word, offset: 0, flags: BlockFlags.el1).lower(table)
            return op.opcode == .undefined ? UndefinedReason(rawValue: op.a) : nil
        }
        #expect(reason(0x0000_0000) == .unallocated)
        // AND (immediate) of 32 bits with N set; ADD (shifted register) by ROR.
        #expect(reason(0x1240_0000) == .reserved)
        #expect(reason(0x0BC0_0000) == .reserved)
        #expect(reason(0xD400_0003) == .notImplemented)
        #expect(reason(0x9100_0000) == nil)
    }

    @Test("a micro-op has 16 bytes: opcodes must fit one, and there is no warning of it but this")
    func layout() {
        #expect(MemoryLayout<MicroOp>.size == MicroOp.size && MemoryLayout<MicroOp>.stride == MicroOp.size)
        #expect(MemoryLayout<Opcode>.size == 1, "\(Opcode.allCases.count) opcodes: at most 256")
    }
}
