/// A small bzImage: a setup header, and a protected-mode kernel that holds the payload behind its 64-bit entry.
package struct BzImageBuilder {
    package var protocolVersion: UInt16 = 0x020F
    package var loadFlags: UInt8 = 1
    package var extendedLoadFlags: UInt16 = 1
    package var initrdAddressMax: UInt32 = 0x7FFF_FFFF
    package var commandLineSize: UInt32 = 2047
    package var preferredAddress: UInt64 = 0x20_0000
    package var initSize: UInt32 = 0x1_0000
    package var payload: [UInt8]

    /// - Parameter payload: what the kernel is packed as; by default an ELF image of two bytes at 1 MiB, packed by gzip.
    package init(payload: [UInt8]? = nil) {
        let kernel = ELFImageBuilder(entry: 0x10_0000, segments: [.init(at: 0x10_0000, [0xFA, 0xF4])])
        self.payload = payload ?? ARM64Guests.gzip(kernel.build())
    }

    /// Where the protected-mode kernel begins: behind the boot sector and one more.
    package static let kernelOffset = 1024
    package static let payloadOffset = kernelOffset + 0x210

    package func build() -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: Self.payloadOffset) + payload
        while !bytes.count.isMultiple(of: 16) { bytes.append(0) }
        func set<Value: FixedWidthInteger>(_ value: Value, _ offset: Int) {
            bytes.replaceSubrange(offset..<offset + Value.bitWidth / 8, with: value.littleEndianBytes)
        }
        set(UInt8(1), 0x1F1)
        set(UInt32((bytes.count - Self.kernelOffset) / 16), 0x1F4)
        set(UInt16(0xAA55), 0x1FE)
        set(UInt16(0x6AEB), 0x200)
        set(UInt32(0x5372_6448), 0x202)
        set(protocolVersion, 0x206)
        set(loadFlags, 0x211)
        set(initrdAddressMax, 0x22C)
        set(extendedLoadFlags, 0x236)
        set(commandLineSize, 0x238)
        set(UInt32(Self.payloadOffset - Self.kernelOffset), 0x248)
        set(UInt32(payload.count), 0x24C)
        set(preferredAddress, 0x258)
        set(initSize, 0x260)
        return bytes
    }
}
