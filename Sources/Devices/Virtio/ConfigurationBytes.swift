internal import VMMCore

extension [UInt8] {
    /// Reads a configuration space of these bytes: zeros behind its end.
    func readConfiguration(at offset: UInt32, width: AccessWidth) -> UInt32 {
        var value: UInt32 = 0
        for index in 0..<UInt32(Swift.min(width.bytes, 4)) {
            guard let place = Int(exactly: UInt64(offset) + UInt64(index)), place < count else { break }
            value |= UInt32(self[place]) << (index * 8)
        }
        return value
    }
}
