/// The decimal digits of a number, most significant first, as ASCII bytes.
struct DecimalDigits: IteratorProtocol {
    /// Digits not yet given, as binary-coded decimal, least significant first: 16 in `low`, the rest in `high`.
    private var low: UInt64 = 0
    private var high: UInt64 = 0
    private(set) var count = 0

    init(_ value: UInt64) {
        var rest = value
        repeat {
            let digit = rest % 10
            rest /= 10
            if count < 16 { low |= digit << UInt64(count * 4) } else { high |= digit << UInt64((count - 16) * 4) }
            count += 1
        } while rest != 0
    }

    mutating func next() -> UInt8? {
        guard count > 0 else { return nil }
        count -= 1
        let digit = count < 16 ? low >> UInt64(count * 4) : high >> UInt64((count - 16) * 4)
        return 0x30 | UInt8(truncatingIfNeeded: digit & 15)
    }
}
