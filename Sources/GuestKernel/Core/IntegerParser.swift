/// Reads an unsigned number, byte by byte: decimal, or hexadecimal after `0x`, then perhaps one of the suffixes K, M, G, T.
///
/// A suffix multiplies by 1024, 1024², and so on. Anything else, an empty text and a number over 64 bits give nil.
package struct IntegerParser {
    private enum State {
        case start, leadingZero, hexadecimalStart, decimal, hexadecimal, suffix, bad
    }

    private var state = State.start
    private var total: UInt64 = 0

    package init() {}

    /// The number, or nil when the bytes so far are none.
    package var value: UInt64? {
        switch state {
        case .leadingZero, .decimal, .hexadecimal, .suffix: total
        case .start, .hexadecimalStart, .bad: nil
        }
    }

    /// Takes the next byte of the text.
    package mutating func add(_ byte: UInt8) {
        switch state {
        case .start:
            append(digit: byte &- 0x30, base: 10, next: byte == 0x30 ? .leadingZero : .decimal)
        case .leadingZero where byte | 0x20 == 0x78:
            state = .hexadecimalStart
        case .leadingZero, .decimal:
            if byte &- 0x30 < 10 {
                append(digit: byte &- 0x30, base: 10, next: .decimal)
            } else {
                multiply(bySuffix: byte)
            }
        case .hexadecimalStart, .hexadecimal:
            let letter = (byte | 0x20) &- 0x61
            if byte &- 0x30 < 10 {
                append(digit: byte &- 0x30, base: 16, next: .hexadecimal)
            } else if letter < 6 {
                append(digit: letter + 10, base: 16, next: .hexadecimal)
            } else if state == .hexadecimal {
                multiply(bySuffix: byte)
            } else {
                state = .bad
            }
        case .suffix, .bad:
            state = .bad
        }
    }

    private mutating func append(digit: UInt8, base: UInt64, next: State) {
        let (product, overflow) = total.multipliedReportingOverflow(by: base)
        let (sum, carry) = product.addingReportingOverflow(UInt64(digit))
        guard UInt64(digit) < base, !overflow, !carry else { return state = .bad }
        total = sum
        state = next
    }

    private mutating func multiply(bySuffix byte: UInt8) {
        let shift: UInt64
        switch byte | 0x20 {
        case 0x6B: shift = 10
        case 0x6D: shift = 20
        case 0x67: shift = 30
        case 0x74: shift = 40
        default: return state = .bad
        }
        guard total <= UInt64.max >> shift else { return state = .bad }
        total <<= shift
        state = .suffix
    }
}
