/// The two images of the unikernel, as GuestKernelPlugin embedded them at build time: ELF files, stripped.
package enum GuestImage {
    package enum Architecture: String, CaseIterable, Sendable {
        case x86_64
        case arm64
    }

    /// The ELF file for `architecture`. Decoded at the first call, kept for the process's life.
    package static func bytes(for architecture: Architecture) -> [UInt8] {
        switch architecture {
        case .x86_64: x86_64
        case .arm64: arm64
        }
    }

    private static let x86_64 = decode(x86_64Base64)
    private static let arm64 = decode(arm64Base64)

    /// Decodes base64 as the builder writes it: one line, padded, no other character.
    private static func decode(_ text: StaticString) -> [UInt8] {
        // SAFETY: a StaticString of more than one scalar points to `utf8CodeUnitCount` bytes that live for ever.
        let digits = unsafe UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
        let groups = digits.count / 4
        guard groups > 0 else { return [] }
        // SAFETY: the last groups' indices are below digits.count, by the division above.
        let padding = unsafe (digits[groups * 4 - 1] == equals ? 1 : 0) + (digits[groups * 4 - 2] == equals ? 1 : 0)
        // SAFETY: three bytes are written for each group of four digits; the capacity has room for all of them.
        return unsafe [UInt8](unsafeUninitializedCapacity: groups * 3) { output, count in
            unsafe values.withUnsafeBufferPointer { values in
                for group in 0..<groups {
                    let at = group &* 4
                    let word =
                        unsafe UInt32(values[Int(digits[at])]) << 18 | UInt32(values[Int(digits[at &+ 1])]) << 12
                        | UInt32(values[Int(digits[at &+ 2])]) << 6 | UInt32(values[Int(digits[at &+ 3])])
                    let to = group &* 3
                    unsafe output[to] = UInt8(truncatingIfNeeded: word >> 16)
                    unsafe output[to &+ 1] = UInt8(truncatingIfNeeded: word >> 8)
                    unsafe output[to &+ 2] = UInt8(truncatingIfNeeded: word)
                }
            }
            count = groups * 3 - padding
        }
    }

    private static let equals = UInt8(ascii: "=")

    /// The value of each base64 digit, by its ASCII code. Source: RFC 4648 §4.
    private static let values: [UInt8] = {
        var values = [UInt8](repeating: 0, count: 256)
        let digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
        for (value, digit) in digits.utf8.enumerated() { values[Int(digit)] = UInt8(value) }
        return values
    }()
}
