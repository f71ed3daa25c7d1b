/// KVM_REG_ARM64_SVE_VLS: a bit for each length of vectors, in quadwords of 128 bits: bit 0 of the first word is 128 bits.
/// Source: Linux api.rst 4.68 "KVM_SET_ONE_REG", arm64 SVE registers.
enum SVEVectorLengths {
    /// 512 bits.
    typealias Bitmap = (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64)

    /// KVM_REG_ARM64 | KVM_REG_SIZE_U512 | KVM_REG_ARM64_SVE | 0xFFFF.
    static let register: UInt64 = 0x6060_0000_0015_FFFF

    /// The lengths in bits, ascending.
    static func bits(of bitmap: Bitmap) -> [Int] {
        let words = [
            bitmap.0, bitmap.1, bitmap.2, bitmap.3, bitmap.4, bitmap.5, bitmap.6, bitmap.7,
        ]
        var lengths: [Int] = []
        for (index, word) in words.enumerated() {
            for bit in 0..<64 where word >> UInt64(bit) & 1 == 1 {
                let quadwords = index * 64 + bit + 1
                lengths.append(quadwords * 128)
            }
        }
        return lengths
    }
}
