import ARM64Vector
import Testing

/// Directed cases of the integer operations: saturation, shift limits, upper halves.
@Suite struct AdvancedSIMDTests {
    @Test("saturating operations set QC where they saturate, and only there")
    func saturation() {
        let bytes = Arrangement(size: 0, q: false)
        var fpsr = FPSR(rawValue: 0)
        let sum = AdvSIMDThreeSame.execute(
            .SQADD, bytes, Vector128(low: 0x7E80_0001), Vector128(low: 0x0100_0001), .zero, &fpsr)
        #expect(sum == Vector128(low: 0x7F80_0002) && !fpsr.QC)
        let saturated = AdvSIMDThreeSame.execute(
            .SQADD, bytes, Vector128(low: 0x7F80), Vector128(low: 0x01FF), .zero, &fpsr)
        #expect(saturated == Vector128(low: 0x7F80) && fpsr.rawValue == 1 << 27)
        fpsr = FPSR(rawValue: 0)
        let doubled = AdvSIMDThreeSame.execute(
            .SQDMULH, Arrangement(scalar: 1), Vector128(low: 0x8000), Vector128(low: 0x8000), .zero, &fpsr)
        #expect(doubled == Vector128(low: 0x7FFF) && fpsr.QC)
    }

    @Test("shifts by register: the low byte counts, right is negative, beyond the element is all or nothing")
    func shiftsByRegister() {
        var fpsr = FPSR(rawValue: 0)
        func shift(_ op: AdvSIMDThreeSame, _ value: UInt64, _ by: Int8) -> UInt64 {
            let amount = Vector128(low: UInt64(UInt8(bitPattern: by)) | 0xAB00)
            return AdvSIMDThreeSame.execute(op, Arrangement(scalar: 3), Vector128(low: value), amount, .zero, &fpsr).low
        }
        #expect(shift(.SSHL, 1 << 63, -128) == ~0)
        #expect(shift(.USHL, 1 << 63, -64) == 0)
        #expect(shift(.URSHL, 1 << 63, -64) == 1)
        #expect(shift(.SRSHL, 1 << 63, -64) == 0)
        #expect(shift(.URSHL, ~0, -65) == 0)
        #expect(shift(.USHL, 1, 64) == 0)
        #expect(!fpsr.QC)
        #expect(shift(.UQSHL, 1, 64) == ~0)
        #expect(fpsr.QC)
        fpsr.QC = false
        #expect(shift(.UQSHL, 0, 127) == 0)
        #expect(!fpsr.QC)
        #expect(shift(.SQSHL, ~0, 63) == 1 << 63)
        #expect(!fpsr.QC)
    }

    @Test("the 2 forms write the upper half and keep the lower; the others zero the upper")
    func halves() {
        var fpsr = FPSR(rawValue: 0)
        let n = Vector128(low: 0x1111_2222_3333_4444, high: 0x5555_6666_7777_8888)
        let d = Vector128(low: 0xAAAA, high: 0xBBBB)
        #expect(
            AdvSIMDTwoRegMisc.execute(.XTN, Arrangement(size: 0, elements: 8), n, d, &fpsr)
                == Vector128(low: 0x5566_7788_1122_3344))
        #expect(
            AdvSIMDTwoRegMisc.execute(.XTN, Arrangement(size: 0, elements: 8, upper: true), n, d, &fpsr)
                == Vector128(low: 0xAAAA, high: 0x5566_7788_1122_3344))
    }

    @Test("AdvSIMDExpandImm: one of each cmode")
    func expandImmediate() {
        func expand(_ op: Bool, _ cmode: UInt8) -> UInt64 {
            AdvSIMDModifiedImmediate.expand(op: op, cmode: cmode, imm8: 0xA5)
        }
        #expect(expand(false, 0b0010) == 0x0000_A500_0000_A500)
        #expect(expand(true, 0b0110) == 0x5AFF_FFFF_5AFF_FFFF)
        #expect(expand(true, 0b0111) == 0xA500_0000_A500_0000)
        #expect(expand(false, 0b1010) == 0xA500_A500_A500_A500)
        #expect(expand(false, 0b1101) == 0x00A5_FFFF_00A5_FFFF)
        #expect(expand(false, 0b1110) == 0xA5A5_A5A5_A5A5_A5A5)
        #expect(expand(true, 0b1110) == 0xFF00_FF00_00FF_00FF)
        #expect(expand(false, 0b1111) == 0xC128_0000_C128_0000)
        #expect(AdvSIMDModifiedImmediate.expandFloat(0x70, .single) == UInt64(Float(1).bitPattern))
        #expect(AdvSIMDModifiedImmediate.expandFloat(0x80, .double) == (-2.0).bitPattern)
    }

    @Test("TBL gives 0 beyond the table, TBX the old byte")
    func tableLookup() {
        let table = Vector128(low: 0x0706_0504_0302_0100, high: 0x0F0E_0D0C_0B0A_0908)
        let indices = Vector128(low: 0xFF20_1F10_0F08_0100)
        let d = Vector128(low: 0xEEEE_EEEE_EEEE_EEEE, high: 1)
        func look(_ extends: Bool, _ registers: Int) -> Vector128 {
            AdvSIMDPermute.tableLookup(
                extends: extends, Arrangement(size: 0, q: false), registers: registers, table, table, table, table,
                indices: indices, d)
        }
        #expect(look(false, 1) == Vector128(low: 0x0000_0000_0F08_0100))
        #expect(look(true, 2) == Vector128(low: 0xEEEE_0F00_0F08_0100))
        #expect(look(false, 4) == Vector128(low: 0x0000_0F00_0F08_0100))
    }
}
