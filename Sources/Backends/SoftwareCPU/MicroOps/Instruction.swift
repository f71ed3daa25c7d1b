internal import VMMCore

/// An instruction word with the manual's field names. Source: Arm DDI 0487, C4.1.
struct Instruction {
    let word: UInt32

    @inline(__always)
    func field(_ low: UInt32, _ width: UInt32) -> UInt32 { (word >> low) & (1 << width &- 1) }
    @inline(__always)
    func bit(_ index: UInt32) -> Bool { (word >> index) & 1 == 1 }
    /// A field as a two's complement number.
    func signed(_ low: UInt32, _ width: UInt32) -> Int64 {
        Int64(Int32(bitPattern: word << (32 - low - width)) >> Int32(32 - width))
    }

    var rd: UInt8 { UInt8(field(0, 5)) }
    var rt: UInt8 { UInt8(field(0, 5)) }
    var rn: UInt8 { UInt8(field(5, 5)) }
    var rt2: UInt8 { UInt8(field(10, 5)) }
    var ra: UInt8 { UInt8(field(10, 5)) }
    var rm: UInt8 { UInt8(field(16, 5)) }
    var rs: UInt8 { UInt8(field(16, 5)) }
    /// 64-bit operation.
    var sf: Bool { bit(31) }
    /// What to shift all ones right by for the mask of the result.
    var narrowing: UInt8 { sf ? 0 : 32 }

    /// Register 31 is the zero register: as a source, as a destination.
    static func source(_ register: UInt8) -> UInt8 { register == 31 ? StateLayout.zeroSlot : register }
    static func destination(_ register: UInt8) -> UInt8 { register == 31 ? StateLayout.discardSlot : register }

    // Register 31 is the stack pointer in the plain slot numbering: no translation.
}

/// The condition codes as masks over NZCV: bit `v` is set when the condition holds for NZCV = v.
/// Source: Arm DDI 0487, C1.2.4.
enum Conditions {
    static let masks: [UInt16] = (0..<16).map { condition in
        (0..<16).reduce(into: UInt16(0)) { mask, flags in
            let (n, z, c, v) = (flags & 8 != 0, flags & 4 != 0, flags & 2 != 0, flags & 1 != 0)
            let holds: Bool =
                switch condition >> 1 {
                case 0: z
                case 1: c
                case 2: n
                case 3: v
                case 4: c && !z
                case 5: n == v
                case 6: n == v && !z
                default: true
                }
            if condition >> 1 == 7 || holds != (condition & 1 == 1) { mask |= 1 << UInt16(flags) }
        }
    }

    static func mask(_ condition: UInt32) -> UInt64 { UInt64(masks[Int(condition & 15)]) }
}

/// DecodeBitMasks: the immediate of logical instructions. Nil: reserved. Source: Arm DDI 0487, J1.1.3 "DecodeBitMasks".
func decodeBitMasks(n: UInt32, imms: UInt32, immr: UInt32, is64Bit: Bool) -> UInt64? {
    guard is64Bit || n == 0 else { return nil }
    let combined = n << 6 | (~imms & 0x3F)
    guard combined > 1 else { return nil }
    let length = 31 - combined.leadingZeroBitCount
    let size = 1 << length
    let levels = UInt32(size - 1)
    guard imms & levels != levels else { return nil }
    let ones = Int(imms & levels) + 1
    let rotation = Int(immr & levels)
    let elementMask: UInt64 = size == 64 ? ~0 : (1 << UInt64(size)) - 1
    let run: UInt64 = ones == 64 ? ~0 : (1 << UInt64(ones)) - 1
    var element = run
    if rotation != 0 { element = (run >> UInt64(rotation) | run << UInt64(size - rotation)) & elementMask }
    var result: UInt64 = 0
    for position in stride(from: 0, to: is64Bit ? 64 : 32, by: size) { result |= element << UInt64(position) }
    return is64Bit ? result : result & 0xFFFF_FFFF
}
