import KernelCore
import Testing

@Suite struct TextOutputTests {
    private func text(_ body: (TextBuffer) -> Void) -> String {
        let buffer = TextBuffer(capacity: 256)
        body(buffer)
        return String(decoding: buffer.bytes, as: UTF8.self)
    }

    @Test("decimal numbers as Swift prints them")
    func decimal() {
        var random = SplitMix64(seed: 3)
        for shift in 0..<64 {
            let value = random.next() >> UInt64(shift)
            #expect(text { $0.write(decimal: value) } == "\(value)")
            #expect(text { $0.write(decimal: Int(truncatingIfNeeded: value)) } == "\(Int(truncatingIfNeeded: value))")
            #expect(text { $0.write(hex: value) } == String(value, radix: 16))
        }
        for value in [0, 1, 9, 10, 9_999_999_999_999_999, 10_000_000_000_000_000, UInt64.max] {
            #expect(text { $0.write(decimal: value) } == "\(value)")
        }
        #expect(text { $0.write(decimal: Int.min) } == "\(Int.min)")
        #expect(text { $0.write(decimal: -42, width: 6) } == "   -42")
        #expect(text { $0.write(decimal: UInt64(7), width: 3, pad: 0x30) } == "007")
        #expect(text { $0.write(hex: 0xAB, digits: 4) } == "00ab" && text { $0.write(hex: 0) } == "0")
        #expect(text { $0.write(hex: .max, digits: 100) } == "ffffffffffffffff")
    }

    @Test(
        "sizes",
        arguments: [
            (0, "0 B"), (1023, "1023 B"), (1024, "1 KiB"), (1536, "1.5 KiB"), (1 << 20, "1 MiB"),
            ((1 << 20) - 1, "1023.9 KiB"),
            (128 << 20, "128 MiB"), (5 << 29, "2.5 GiB"), (UInt64.max, "17179869183.9 GiB"),
        ] as [(UInt64, String)])
    func sizes(value: UInt64, expected: String) { #expect(text { $0.write(size: value) } == expected) }

    @Test(
        "durations",
        arguments: [
            (0, "0 ns"), (999, "999 ns"), (1000, "1.000 us"), (1_234_567, "1.234 ms"), (2_000_000_000, "2.000 s"),
            (UInt64.max, "18446744073.709 s"),
        ] as [(UInt64, String)])
    func durations(value: UInt64, expected: String) { #expect(text { $0.write(duration: value) } == expected) }

    @Test("columns, time stamps, and a full buffer that counts what it lost")
    func rest() {
        #expect(
            text {
                $0.write("ab", column: 4); $0.write("c", column: 0)
            } == "ab  c")
        #expect(text { $0.write(timeStamp: 1_000_042_999) } == "    1.000042")
        let buffer = TextBuffer(capacity: 3)
        buffer.write("abcde")
        #expect(buffer.bytes.count == 3 && buffer.lost == 2)
    }
}
