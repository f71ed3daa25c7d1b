/// A sink of text bytes with cheap formatting: no String is made, nothing is allocated, no floating point.
///
/// A sink overrides `put(_:)`, and `put(bytes:)` when it can take several at once. Threading: by the caller.
package class TextOutput {
    package init() {}

    /// Takes one byte. To be overridden.
    package func put(_ byte: UInt8) {}

    /// Takes several bytes; by default one after the other.
    package func put(bytes: Span<UInt8>) {
        for index in bytes.indices { put(bytes[index]) }
    }
}

// MARK: - Text

extension TextOutput {
    package final func write(_ text: StaticString) {
        // SAFETY: a StaticString's bytes live for ever; string literals have the pointer representation.
        unsafe put(bytes: Span(_unsafeStart: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    package final func write(_ text: String) {
        for byte in text.utf8 { put(byte) }
    }

    package final func write(_ bytes: [UInt8]) { put(bytes: bytes.span) }

    package final func write<Memory: ByteSource>(_ text: MemoryText<Memory>) {
        for index in 0..<text.count { put(text[index]) }
    }

    /// Ends a line: CR and LF, as a terminal wants them.
    package final func newLine() {
        put(0x0D)
        put(0x0A)
    }

    package final func write(_ byte: UInt8, repeated count: Int) {
        var left = count
        while left > 0 {
            put(byte)
            left -= 1
        }
    }

    package final func spaces(_ count: Int) { write(0x20, repeated: count) }

    /// Writes `text`, then spaces up to `width` columns; a longer text is not cut.
    package final func write(_ text: StaticString, column width: Int) {
        write(text)
        spaces(width - text.utf8CodeUnitCount)
    }
}

// MARK: - Numbers

extension TextOutput {
    /// Writes `value` in decimal, right-aligned in `width` columns.
    package final func write(decimal value: UInt64, width: Int = 0, pad: UInt8 = 0x20) {
        var digits = DecimalDigits(value)
        write(pad, repeated: width - digits.count)
        while let digit = digits.next() { put(digit) }
    }

    package final func write(decimal value: Int, width: Int = 0) {
        guard value < 0 else { return write(decimal: UInt64(value), width: width) }
        var digits = DecimalDigits(UInt64(value.magnitude))
        spaces(width - digits.count - 1)
        put(0x2D)
        while let digit = digits.next() { put(digit) }
    }

    /// Writes `value` in lower-case hexadecimal with at least `digits` digits (leading zeros), without a prefix.
    package final func write(hex value: UInt64, digits: Int = 1) {
        let needed = max((64 - value.leadingZeroBitCount + 3) / 4, 1)
        var position = max(min(digits, 16), needed)
        while position > 0 {
            position -= 1
            let nibble = UInt8(truncatingIfNeeded: value >> UInt64(position * 4)) & 15
            put(nibble < 10 ? 0x30 + nibble : 0x57 + nibble)
        }
    }

    /// Writes a size in the largest binary unit it reaches, with one decimal (cut, not rounded) unless it is whole.
    package final func write(size bytes: UInt64) {
        let unit: (shift: UInt64, name: StaticString)
        switch bytes {
        case ..<1024: unit = (0, " B")
        case ..<(1 << 20): unit = (10, " KiB")
        case ..<(1 << 30): unit = (20, " MiB")
        default: unit = (30, " GiB")
        }
        let rest = bytes & ((1 << unit.shift) - 1)
        write(decimal: bytes >> unit.shift)
        // rest is below 2^30: no overflow.
        if rest != 0 { writeFraction((rest * 10) >> unit.shift, digits: 1) }
        write(unit.name)
    }

    /// Writes a duration in ns, µs (as "us"), ms or s, with three decimals (cut) above the first.
    package final func write(duration nanoseconds: UInt64) {
        let unit: (scale: UInt64, name: StaticString)
        switch nanoseconds {
        case ..<1000:
            write(decimal: nanoseconds)
            return write(" ns")
        case ..<1_000_000: unit = (1, " us")
        case ..<1_000_000_000: unit = (1000, " ms")
        default: unit = (1_000_000, " s")
        }
        let thousandths = nanoseconds / unit.scale
        write(decimal: thousandths / 1000)
        writeFraction(thousandths % 1000, digits: 3)
        write(unit.name)
    }

    /// Writes seconds and microseconds as in `   1.000042`: a log's time stamp.
    package final func write(timeStamp nanoseconds: UInt64, width: Int = 5) {
        write(decimal: nanoseconds / 1_000_000_000, width: width)
        writeFraction((nanoseconds / 1000) % 1_000_000, digits: 6)
    }

    private final func writeFraction(_ value: UInt64, digits: Int) {
        put(0x2E)
        write(decimal: value, width: digits, pad: 0x30)
    }
}
