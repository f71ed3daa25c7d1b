// Operands and flags, as the manual's shared pseudocode has them. Source: Arm DDI 0487, J1.1.3 and J1.3.

extension StateBlock {
    // MARK: Flags

    @inline(__always)
    var carry: UInt64 { nzcv &>> 1 & 1 }

    /// Whether the condition with this mask holds.
    @inline(__always)
    func holds(_ mask: UInt64) -> Bool { mask &>> nzcv & 1 != 0 }

    @inline(__always)
    private func setFlags(_ n: Bool, _ z: Bool, _ c: Bool, _ v: Bool) {
        nzcv = (n ? 8 : 0) | (z ? 4 : 0) | (c ? 2 : 0) | (v ? 1 : 0)
    }

    @inline(__always)
    func addFlags(_ left: UInt64, _ right: UInt64) -> UInt64 {
        let (result, carry) = left.addingReportingOverflow(right)
        nzcv =
            (result &>> 60 & 8) | (result == 0 ? 4 : 0) | (carry ? 2 : 0) | ((left ^ result) & (right ^ result)) &>> 63
        return result
    }

    @inline(__always)
    func addFlags(_ left: UInt32, _ right: UInt32) -> UInt32 {
        let (result, carry) = left.addingReportingOverflow(right)
        let overflow = ((left ^ result) & (right ^ result)) &>> 31
        nzcv = UInt64(result &>> 28 & 8 | overflow) | (result == 0 ? 4 : 0) | (carry ? 2 : 0)
        return result
    }

    @inline(__always)
    func subtractFlags(_ left: UInt64, _ right: UInt64) -> UInt64 {
        let (result, borrow) = left.subtractingReportingOverflow(right)
        nzcv =
            (result &>> 60 & 8) | (result == 0 ? 4 : 0) | (borrow ? 0 : 2) | ((left ^ right) & (left ^ result)) &>> 63
        return result
    }

    @inline(__always)
    func subtractFlags(_ left: UInt32, _ right: UInt32) -> UInt32 {
        let (result, borrow) = left.subtractingReportingOverflow(right)
        let overflow = ((left ^ right) & (left ^ result)) &>> 31
        nzcv = UInt64(result &>> 28 & 8 | overflow) | (result == 0 ? 4 : 0) | (borrow ? 0 : 2)
        return result
    }

    @inline(__always)
    func logicalFlags(_ result: UInt64) -> UInt64 {
        nzcv = (result &>> 60 & 8) | (result == 0 ? 4 : 0)
        return result
    }

    @inline(__always)
    func logicalFlags(_ result: UInt32) -> UInt32 {
        nzcv = UInt64(result &>> 28 & 8) | (result == 0 ? 4 : 0)
        return result
    }

    @inline(__always)
    func addCarryFlags<Value: FixedWidthInteger & UnsignedInteger>(_ left: Value, _ right: Value) -> Value {
        let (partial, first) = left.addingReportingOverflow(right)
        let (result, second) = partial.addingReportingOverflow(Value(truncatingIfNeeded: carry))
        let top = Value(1) &<< Value(Value.bitWidth &- 1)
        setFlags(result & top != 0, result == 0, first || second, (left ^ result) & (right ^ result) & top != 0)
        return result
    }

    @inline(__always)
    func conditionalCompare(_ op: some MicroOpFields, mask: UInt64) {
        guard holds(mask) else {
            nzcv = UInt64(op.a)
            return
        }
        let isImmediate = op.b & 2 != 0
        switch op.b & 5 {
        case 0: _ = addFlags(x(op.n), isImmediate ? UInt64(op.c) : x(op.m))
        case 1: _ = addFlags(w(op.n), isImmediate ? UInt32(op.c) : w(op.m))
        case 4: _ = subtractFlags(x(op.n), isImmediate ? UInt64(op.c) : x(op.m))
        default: _ = subtractFlags(w(op.n), isImmediate ? UInt32(op.c) : w(op.m))
        }
    }

    // MARK: Operands

    /// ShiftReg: LSL, LSR, ASR, ROR of `m` by `b`.
    @inline(__always)
    func shiftedX(_ op: some MicroOpFields) -> UInt64 {
        let value = x(op.m)
        switch op.a {
        case 0: return value &<< UInt64(op.b)
        case 1: return value &>> UInt64(op.b)
        case 2: return UInt64(bitPattern: Int64(bitPattern: value) &>> Int64(op.b))
        default: return Arithmetic.rotateRight(value, UInt64(op.b))
        }
    }

    @inline(__always)
    func shiftedW(_ op: some MicroOpFields) -> UInt32 {
        let value = w(op.m)
        switch op.a {
        case 0: return value &<< UInt32(op.b)
        case 1: return value &>> UInt32(op.b)
        case 2: return UInt32(bitPattern: Int32(bitPattern: value) &>> Int32(op.b))
        default: return Arithmetic.rotateRight(value, UInt32(op.b))
        }
    }

    /// ExtendReg: `m` extended as `a` says, shifted left by `b`.
    @inline(__always)
    func extended(_ op: some MicroOpFields) -> UInt64 {
        let value = x(op.m)
        let wide: UInt64
        switch op.a {
        case 0: wide = value & 0xFF
        case 1: wide = value & 0xFFFF
        case 2: wide = value & 0xFFFF_FFFF
        case 4: wide = UInt64(bitPattern: Int64(Int8(truncatingIfNeeded: value)))
        case 5: wide = UInt64(bitPattern: Int64(Int16(truncatingIfNeeded: value)))
        case 6: wide = UInt64(bitPattern: Int64(Int32(truncatingIfNeeded: value)))
        default: wide = value
        }
        return wide &<< UInt64(op.b)
    }

    /// The index of a register-offset access: LSL mostly, or a 32-bit register extended.
    @inline(__always)
    func index(_ op: some MicroOpFields) -> UInt64 {
        let value = x(op.m)
        if op.a & 1 != 0 { return value &<< UInt64(op.b) }
        let wide = op.a == 2 ? value & 0xFFFF_FFFF : UInt64(bitPattern: Int64(Int32(truncatingIfNeeded: value)))
        return wide &<< UInt64(op.b)
    }

    @inline(__always)
    func signedProduct(_ op: some MicroOpFields) -> UInt64 {
        UInt64(bitPattern: Int64(Int32(bitPattern: w(op.n))) &* Int64(Int32(bitPattern: w(op.m))))
    }
}

/// Pure functions of the integer instructions.
enum Arithmetic {
    @inline(__always)
    static func rotateRight<Value: FixedWidthInteger & UnsignedInteger>(_ value: Value, _ amount: Value) -> Value {
        value &>> amount | value &<< (0 &- amount)
    }

    /// Bits `lsb` and up of high:low.
    @inline(__always)
    static func extract<Value: FixedWidthInteger & UnsignedInteger>(_ high: Value, _ low: Value, _ lsb: UInt8) -> Value
    {
        lsb == 0 ? low : low &>> Value(lsb) | high &<< Value(Value.bitWidth &- Int(lsb))
    }

    /// Zero for a zero divisor.
    @inline(__always)
    static func unsignedQuotient<Value: FixedWidthInteger & UnsignedInteger>(_ left: Value, _ right: Value) -> Value {
        right == 0 ? 0 : left / right
    }

    /// Rounds to zero; zero for a zero divisor; the most negative number divided by -1 is itself.
    @inline(__always)
    static func signedQuotient<Value: FixedWidthInteger & SignedInteger>(_ left: Value, _ right: Value) -> Value {
        right == 0 ? 0 : right == -1 ? 0 &- left : left / right
    }

    @inline(__always)
    static func reverseBits<Value: FixedWidthInteger & UnsignedInteger>(_ value: Value) -> Value {
        var result = value.byteSwapped
        let nibbles: Value = .max / 0xFF &* 0x0F
        let pairs: Value = .max / 0xFF &* 0x33
        let bits: Value = .max / 0xFF &* 0x55
        result = (result & nibbles) &<< 4 | result &>> 4 & nibbles
        result = (result & pairs) &<< 2 | result &>> 2 & pairs
        return (result & bits) &<< 1 | result &>> 1 & bits
    }

    /// How many bits below the top one equal it.
    @inline(__always)
    static func leadingSignBits<Value: FixedWidthInteger & UnsignedInteger>(_ value: Value) -> Value {
        let changes = (value &>> 1) ^ value
        let top = Value(1) &<< Value(Value.bitWidth &- 1)
        return Value(truncatingIfNeeded: (changes & ~top).leadingZeroBitCount &- 1)
    }

    /// CRC32 and CRC32C, over the reflected polynomials. Source: Arm DDI 0487, C6.2 "CRC32B".
    static func crc32(_ start: UInt32, _ value: UInt64, log2Size: UInt8, isCastagnoli: Bool) -> UInt64 {
        let table = isCastagnoli ? castagnoli : ieee
        var crc = start
        for index in 0..<(1 << Int(log2Size & 3)) {
            let byte = UInt8(truncatingIfNeeded: value >> UInt64(index * 8))
            crc = crc >> 8 ^ table[Int(UInt8(truncatingIfNeeded: crc) ^ byte)]
        }
        return UInt64(crc)
    }

    private static let ieee = makeTable(0xEDB8_8320)
    private static let castagnoli = makeTable(0x82F6_3B78)

    private static func makeTable(_ polynomial: UInt32) -> [UInt32] {
        (0..<256).map { byte in
            (0..<8).reduce(UInt32(byte)) { crc, _ in crc & 1 == 1 ? crc >> 1 ^ polynomial : crc >> 1 }
        }
    }
}
