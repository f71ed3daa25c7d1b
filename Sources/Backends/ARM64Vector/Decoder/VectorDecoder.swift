/// Finds the instruction of a word with bits 27:25 = 111, "Data processing: scalar floating-point and Advanced SIMD".
package enum VectorDecoder {
    package enum Result: Equatable, Sendable {
        case instruction(VectorInstruction)
        /// No encoding of Armv8.0-A with AES, SHA and CRC32: unallocated, or an extension that is not implemented.
        case unallocated
        /// An encoding whose size, index or immediate is reserved.
        case reserved
    }

    package static func decode(_ word: UInt32) -> Result {
        guard let encoding = encoding(of: word) else { return .unallocated }
        guard let (arrangement, immediate) = fields(encoding.layout, encoding.operation, word) else {
            return .reserved
        }
        let d = UInt8(word & 31)
        var result = VectorInstruction(
            operation: encoding.operation, arrangement: arrangement, d: d, n: UInt8(word >> 5 & 31),
            m: UInt8(word >> 16 & 31), a: d, immediate: immediate)
        switch encoding.layout {
        case .threeSource: result.a = UInt8(word >> 10 & 31)
        // M is the index's lowest bit for halfwords, the register number's highest for the others.
        case .indexed, .indexedLong, .indexedScalar: if arrangement.size == 1 { result.m &= 15 }
        default: break
        }
        return .instruction(result)
    }

    package static func encoding(of word: UInt32) -> VectorEncoding? {
        let bucket = Index.shared.buckets[Index.key(word)]
        for position in bucket {
            let encoding = VectorEncodings.all[Int(position)]
            if word & encoding.mask == encoding.value { return encoding }
        }
        return nil
    }

    /// Encodings by bits 31:28, 24 and 15:10: a few candidates a word. Made once.
    private struct Index: Sendable {
        let buckets: [[UInt16]]
        static let shared = Index()
        private static let keyMask: UInt32 = 0xF100_FC00

        static func key(_ word: UInt32) -> Int {
            let high: UInt32 = (word >> 28) << 7
            let middle: UInt32 = (word >> 24 & 1) << 6
            return Int(high | middle | (word >> 10 & 63))
        }

        private init() {
            var buckets = [[UInt16]](repeating: [], count: 2048)
            for (position, encoding) in VectorEncodings.all.enumerated() {
                let free = ~encoding.mask & Self.keyMask
                var subset: UInt32 = 0
                repeat {
                    buckets[Self.key(encoding.value | subset)].append(UInt16(position))
                    subset = (subset &- free) & free
                } while subset != 0
            }
            self.buckets = buckets
        }
    }
}
