/// Numbers and bytes as the remote protocol writes them.
/// Source: GDB manual, E.1 "Overview" of appendix E "GDB Remote Serial Protocol".
enum HexText {
    private static let digits = Array("0123456789abcdef".utf8)

    static func value(ofDigit digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
        default: nil
        }
    }

    /// A number, most significant digit first, of 1 to 16 digits after leading zeros.
    static func number(_ text: some Collection<UInt8>) -> UInt64? {
        guard !text.isEmpty else { return nil }
        var result: UInt64 = 0
        for digit in text {
            guard result >> 60 == 0, let value = value(ofDigit: digit) else { return nil }
            result = result << 4 | UInt64(value)
        }
        return result
    }

    /// Bytes, two digits each.
    static func bytes(_ text: some Collection<UInt8>) -> [UInt8]? {
        guard text.count % 2 == 0 else { return nil }
        var result: [UInt8] = []
        result.reserveCapacity(text.count / 2)
        var high: UInt8?
        for digit in text {
            guard let value = value(ofDigit: digit) else { return nil }
            if let first = high {
                result.append(first << 4 | value)
                high = nil
            } else {
                high = value
            }
        }
        return result
    }

    static func append(_ byte: UInt8, to text: inout [UInt8]) {
        text.append(digits[Int(byte >> 4)])
        text.append(digits[Int(byte & 15)])
    }

    static func text(_ bytes: some Sequence<UInt8>) -> [UInt8] {
        var result: [UInt8] = []
        for byte in bytes { append(byte, to: &result) }
        return result
    }

    /// The low `bits` of a register in the target's byte order, which is little-endian; `x` for what is not available.
    static func append(_ register: UInt128?, bits: Int, to text: inout [UInt8]) {
        for shift in stride(from: 0, to: bits, by: 8) {
            if let register {
                append(UInt8(truncatingIfNeeded: register >> UInt128(shift)), to: &text)
            } else {
                text += Array("xx".utf8)
            }
        }
    }

    /// A little-endian value of at most 16 bytes.
    static func littleEndian(_ bytes: some BidirectionalCollection<UInt8>) -> UInt128 {
        bytes.reversed().reduce(0) { $0 << 8 | UInt128($1) }
    }
}
