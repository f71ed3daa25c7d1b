/// Builds the byte arrays that the readers read.
struct ByteWriter {
    var bytes: [UInt8] = []

    mutating func little<Value: FixedWidthInteger>(_ value: Value) {
        for index in 0..<(Value.bitWidth / 8) { bytes.append(UInt8(truncatingIfNeeded: value >> (index * 8))) }
    }

    mutating func big<Value: FixedWidthInteger>(_ value: Value) {
        for index in (0..<(Value.bitWidth / 8)).reversed() {
            bytes.append(UInt8(truncatingIfNeeded: value >> (index * 8)))
        }
    }

    mutating func text(_ text: String) { bytes += Array(text.utf8) + [0] }

    mutating func align(_ alignment: Int) {
        while bytes.count % alignment != 0 { bytes.append(0) }
    }

    /// A loader's metadata record.
    mutating func record(_ type: UInt32, _ build: (inout ByteWriter) -> Void = { _ in }) {
        var payload = ByteWriter()
        build(&payload)
        little(type)
        little(UInt32(payload.bytes.count))
        bytes += payload.bytes
        align(8)
    }
}

/// Copies of `bytes`, each damaged in its own way: cut short, or some bytes replaced.
func damaged(_ bytes: [UInt8], count: Int, seed: UInt64) -> [[UInt8]] {
    var random = SplitMix64(seed: seed)
    return (0..<count).map { round in
        var copy = bytes
        if round % 3 == 0 { copy.removeLast(Int.random(in: 0...copy.count, using: &random)) }
        if round % 3 != 0 || round % 2 == 0, !copy.isEmpty {
            for _ in 0..<Int.random(in: 1...8, using: &random) {
                let values: [UInt8] = [0, 1, 0x7F, 0x80, 0xFF, UInt8.random(in: 0...255, using: &random)]
                let start = Int.random(in: 0..<copy.count, using: &random)
                let value = values.randomElement(using: &random) ?? 0
                for index in start..<min(start + Int.random(in: 1...8, using: &random), copy.count) {
                    copy[index] = value
                }
            }
        }
        return copy
    }
}
