/// Small arm64 guests and kernel images, made in memory. Nothing is checked, so that broken ones can be made too.
package enum ARM64Guests {
    /// Powers off when x0 is at a device tree and x1 to x3 are zero, as Linux's boot protocol wants them; else it spins.
    package static let checksEntry: [UInt32] = [
        0xAA02_0024,  // orr x4, x1, x2
        0xAA03_0084,  // orr x4, x4, x3
        0xB500_0004,  // cbnz x4, .
        0xB940_0001,  // ldr w1, [x0]
        0x5280_0002 | 0x0DD0 << 5,  // movz w2, #0x0dd0
        0x72A0_0002 | 0xEDFE << 5,  // movk w2, #0xedfe, lsl #16
        0x6B02_003F,  // cmp w1, w2
        0x5400_0001,  // b.ne .
        0x5280_0100,  // movz w0, #8: SYSTEM_OFF
        0x72B0_8000,  // movk w0, #0x8400, lsl #16
        0xD400_0002,  // hvc #0
    ]

    package static func bytes(_ code: [UInt32]) -> [UInt8] { code.flatMap(\.littleEndianBytes) }

    /// A Linux arm64 Image. Source: Linux Documentation/arch/arm64/booting.rst, 4.
    package static func image(
        _ code: [UInt32] = checksEntry, textOffset: UInt64 = 0, imageSize: UInt64 = 0x10_0000, flags: UInt64 = 0xA
    ) -> [UInt8] {
        // b . + 64; then code1.
        let head = UInt64(0x1400_0010)
        let fields = [head, textOffset, imageSize, flags, 0, 0, 0].flatMap(\.littleEndianBytes)
        return fields + Array("ARMd".utf8) + [0, 0, 0, 0] + bytes(code)
    }

    /// A gzip member of one stored block: it packs anything, of at most 65535 bytes. Source: RFC 1952; RFC 1951, 3.2.4.
    package static func gzip(_ bytes: [UInt8]) -> [UInt8] {
        precondition(bytes.count < 65_536)
        var crc: UInt32 = ~0
        for byte in bytes {
            crc ^= UInt32(byte)
            for _ in 0..<8 { crc = crc >> 1 ^ (crc & 1 == 1 ? 0xEDB8_8320 : 0) }
        }
        let count = UInt16(bytes.count)
        let head: [UInt8] = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3, 1]
        let sizes: [UInt8] = count.littleEndianBytes + (~count).littleEndianBytes
        let tail: [UInt8] = (~crc).littleEndianBytes + UInt32(count).littleEndianBytes
        return head + sizes + bytes + tail
    }

    /// Source: Linux include/linux/pe.h, struct linux_efi_zboot_header.
    package static func zboot(
        _ payload: [UInt8], name: String = "gzip", offset: UInt32 = 64, size: Int? = nil
    ) -> [UInt8] {
        let magic: [UInt8] = [0x4D, 0x5A, 0, 0] + Array("zimg".utf8)
        let place: [UInt8] = offset.littleEndianBytes + UInt32(size ?? payload.count).littleEndianBytes
        let compression: [UInt8] = Array(name.utf8) + [UInt8](repeating: 0, count: 40 - name.utf8.count)
        return magic + place + UInt64(0).littleEndianBytes + compression + payload
    }
}
