import ARM64Vector
import Testing
import VMMTestSupport

@Suite struct VectorDecoderTests {
    @Test("an encoding diagram has 32 bits, and lies in the space of bits 27:25 = 111")
    func diagrams() {
        for encoding in VectorEncodings.all {
            #expect(encoding.pattern.description.utf8.count == 32)
            #expect(encoding.mask >> 25 & 7 == 7 && encoding.value >> 25 & 7 == 7, "\(encoding.pattern)")
            #expect(encoding.value & ~encoding.mask == 0)
        }
    }

    @Test("no word fits two encodings")
    func overlaps() {
        let all = VectorEncodings.all
        for first in all.indices {
            for second in all.indices where second > first {
                let common = all[first].mask & all[second].mask
                #expect(
                    (all[first].value ^ all[second].value) & common != 0,
                    "\(all[first].pattern) and \(all[second].pattern)")
            }
        }
    }

    @Test("the index finds what a search of the whole table finds")
    func index() {
        var random = SeededGenerator(seed: 9)
        for _ in 0..<2000 {
            let word = UInt32(truncatingIfNeeded: random.next()) | 0x0E00_0000
            let searched = VectorEncodings.all.first { word & $0.mask == $0.value }
            #expect(VectorDecoder.encoding(of: word)?.pattern.description == searched?.pattern.description)
        }
    }

    @Test("every operation has an encoding")
    func coverage() {
        let operations = Set(VectorEncodings.all.map(\.operation))
        for op in AdvSIMDThreeSame.allCases { #expect(operations.contains(.threeSame(op)), "\(op)") }
        for op in AdvSIMDThreeSameFP.allCases { #expect(operations.contains(.threeSameFP(op)), "\(op)") }
        for op in AdvSIMDThreeDifferent.allCases { #expect(operations.contains(.threeDifferent(op)), "\(op)") }
        for op in AdvSIMDTwoRegMisc.allCases { #expect(operations.contains(.twoRegMisc(op)), "\(op)") }
        for op in AdvSIMDTwoRegMiscFP.allCases { #expect(operations.contains(.twoRegMiscFP(op)), "\(op)") }
        for op in AdvSIMDAcrossLanes.allCases { #expect(operations.contains(.acrossLanes(op)), "\(op)") }
        for op in AdvSIMDShiftByImmediate.allCases { #expect(operations.contains(.shiftByImmediate(op)), "\(op)") }
        for op in AdvSIMDCopy.allCases { #expect(operations.contains(.copy(op)), "\(op)") }
        for op in AdvSIMDPermute.allCases { #expect(operations.contains(.permute(op)), "\(op)") }
        for op in AdvSIMDModifiedImmediate.allCases { #expect(operations.contains(.modifiedImmediate(op)), "\(op)") }
        for op in CryptographicAES.allCases { #expect(operations.contains(.aes(op)), "\(op)") }
        for op in CryptographicSHA.allCases { #expect(operations.contains(.sha(op)), "\(op)") }
        for op in FloatingPointDataProcessing.allCases { #expect(operations.contains(.floatingPoint(op)), "\(op)") }
        for op in FloatingPointCompare.allCases { #expect(operations.contains(.floatingPointCompare(op)), "\(op)") }
        for op in FloatingPointConversion.allCases {
            #expect(
                operations.contains(.floatingPointToGeneral(op)) || operations.contains(.generalToFloatingPoint(op)),
                "\(op)")
        }
    }

    @Test("operations and instructions survive packing; other values are nil")
    func packing() {
        let operations = Set(VectorEncodings.all.map(\.operation))
        var found = 0
        for raw in UInt16.min...UInt16.max {
            guard let operation = VectorOperation(rawValue: raw) else { continue }
            #expect(operation.rawValue == raw)
            if operations.contains(operation) { found += 1 }
        }
        #expect(found == operations.count)
        var random = SeededGenerator(seed: 10)
        for _ in 0..<20000 {
            let word = UInt32(truncatingIfNeeded: random.next()) | 0x0E00_0000
            guard case .instruction(let instruction) = VectorDecoder.decode(word) else { continue }
            #expect(VectorInstruction(packed: instruction.packed) == instruction)
        }
        #expect(VectorInstruction(packed: ~0) == nil)
    }

    @Test("a decoded instruction takes 12 bytes at most: it fits beside a micro-op's opcode")
    func size() {
        #expect(MemoryLayout<VectorInstruction>.size <= 12)
        #expect(MemoryLayout<VectorInstruction>.alignment <= 4)
    }

    @Test("reserved sizes and immediates are not unallocated")
    func reserved() {
        #expect(VectorDecoder.decode(0x0EE0_8400) == .reserved)  // ADD 1D
        #expect(VectorDecoder.decode(0x0EE1_9C00) == .reserved)  // MUL, size 3
        #expect(VectorDecoder.decode(0x2E01_4000) == .reserved)  // EXT 8B, index 8
        #expect(VectorDecoder.decode(0x0E10_0400) == .reserved)  // DUP, imm5 = x0000
        #expect(VectorDecoder.decode(0x1E02_0000) == .reserved)  // SCVTF Wn, scale below 32
        #expect(VectorDecoder.decode(0x0E40_0400) == .unallocated)  // FEAT_FP16
        #expect(VectorDecoder.decode(0x2E80_8400) == .unallocated)  // SQRDMLAH, FEAT_RDM
        #expect(VectorDecoder.decode(0x1EE0_2800) == .unallocated)  // FADD H
    }

    @Test("C7.2: fields come out as the manual writes them")
    func fields() throws {
        // sqdmlal2 v5.4s, v6.8h, v7.h[5]
        let indexed = try instruction(0x4F57_38C5)
        #expect(indexed.operation == .threeDifferentByElement(.SQDMLAL))
        #expect(indexed.arrangement == Arrangement(size: 1, elements: 4, upper: true))
        #expect((indexed.d, indexed.n, indexed.m, indexed.a) == (5, 6, 7, 5))
        #expect(indexed.immediate == 5)
        // fmadd d1, d2, d3, d4
        let fused = try instruction(0x1F43_1041)
        #expect(fused.operation == .floatingPoint(.FMADD))
        #expect((fused.d, fused.n, fused.m, fused.a) == (1, 2, 3, 4))
        // sshr v0.2d, v1.2d, #64
        let shift = try instruction(0x4F40_0420)
        #expect(shift.immediate == 64)
        // fccmp s1, s2, #5, gt
        let compare = try instruction(0x1E22_C425)
        #expect(compare.operation == .floatingPointCompare(.FCCMP))
        #expect(compare.immediate == 0xC5)
        // fcvtzs x0, d1, #3
        let fixed = try instruction(0x9E58_F420)
        #expect(fixed.immediate == 128 + 3)
    }

    private func instruction(_ word: UInt32) throws -> VectorInstruction {
        guard case .instruction(let instruction) = VectorDecoder.decode(word) else {
            throw NotAnInstruction(word: word)
        }
        return instruction
    }
    private struct NotAnInstruction: Error { let word: UInt32 }
}
