/// Memory that is read by address and may refuse: what the boot-time readers walk.
///
/// The kernel reads live memory (`LiveMemory`); tests and fuzzers read arrays (`ArrayMemory`). Addresses are physical and
/// come from a loader: any value. Integers are little-endian.
package protocol ByteSource {
    /// One byte, or nil when the address is not readable.
    func byte(at address: UInt64) -> UInt8?
    /// Four bytes at any alignment, or nil when one of them is not readable.
    func word32(at address: UInt64) -> UInt32?
    /// Eight bytes at any alignment, or nil when one of them is not readable.
    func word64(at address: UInt64) -> UInt64?
}

extension ByteSource {
    package func word32(at address: UInt64) -> UInt32? {
        guard let value = joinedBytes(at: address, count: 4) else { return nil }
        return UInt32(truncatingIfNeeded: value)
    }

    package func word64(at address: UInt64) -> UInt64? { joinedBytes(at: address, count: 8) }

    private func joinedBytes(at address: UInt64, count: UInt64) -> UInt64? {
        guard !address.addingReportingOverflow(count - 1).overflow else { return nil }
        var value: UInt64 = 0
        var index: UInt64 = 0
        while index < count {
            guard let next = byte(at: address + index) else { return nil }
            value |= UInt64(next) << (index * 8)
            index += 1
        }
        return value
    }
}

extension ByteSource {
    /// The bytes from `address` to the first NUL, without it.
    ///
    /// - Parameter limit: the longest text accepted.
    /// - Returns: nil when no NUL comes within `limit` readable bytes.
    package func text(at address: UInt64, limit: Int) -> MemoryText<Self>? {
        var count = 0
        while count <= limit {
            let (position, overflow) = address.addingReportingOverflow(UInt64(count))
            guard !overflow, let next = byte(at: position) else { return nil }
            if next == 0 { return MemoryText(memory: self, address: address, count: count) }
            count += 1
        }
        return nil
    }
}
