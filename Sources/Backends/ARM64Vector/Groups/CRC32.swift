/// CRC32B, H, W, X and CRC32CB, H, W, X (FEAT_CRC32), of "Data-processing (2 source)".
///
/// Bits are reflected: the polynomials are 0x04C11DB7 and 0x1EDC6F41 bit-reversed.
/// Source: DDI 0487 §C6.2, "CRC32B, CRC32H, CRC32W, CRC32X".
package enum CRC32 {
    /// - Parameters:
    ///   - accumulator: Wn. value: Wm or Xm, of which the low `8 << size` bits count; `size` 0 to 3.
    ///   - castagnoli: the CRC32C polynomial.
    package static func update(_ accumulator: UInt32, _ value: UInt64, size: Int, castagnoli: Bool) -> UInt32 {
        let table = castagnoli ? tables.castagnoli : tables.ieee
        var crc = accumulator
        var rest = value
        for _ in 0..<(1 << (size & 3)) {
            crc = crc >> 8 ^ table[Int(UInt8(truncatingIfNeeded: crc) ^ UInt8(truncatingIfNeeded: rest))]
            rest >>= 8
        }
        return crc
    }

    private static let tables = (ieee: table(0xEDB8_8320), castagnoli: table(0x82F6_3B78))

    private static func table(_ polynomial: UInt32) -> [UInt32] {
        (0..<UInt32(256)).map { byte in
            (0..<8).reduce(byte) { crc, _ in crc >> 1 ^ (crc & 1 != 0 ? polynomial : 0) }
        }
    }
}
