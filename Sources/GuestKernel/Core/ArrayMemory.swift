/// Bytes of an array as readable memory at a base address: the readers' memory on the host.
package struct ArrayMemory: ByteSource, Sendable {
    /// Address of the first byte.
    package let base: UInt64
    package let bytes: [UInt8]

    package init(base: UInt64, bytes: [UInt8]) {
        self.base = base
        self.bytes = bytes
    }

    package func byte(at address: UInt64) -> UInt8? {
        guard address >= base, address - base < UInt64(bytes.count) else { return nil }
        return bytes[Int(address - base)]
    }
}
