import NetworkFrames

/// Frames with checksums that another program made, and checks written without the code under test.
enum FrameSamples {
    /// 10.0.2.15 to 10.0.2.2, port 49152 to 80, "GET / HTTP/1.0".
    static let tcp4 = bytes(
        "52540012345652551000020208004500003a123440004006107a0a00020f0a000202c0000050010203040a0b0c0d5018faf0e3aa0000"
            + "474554202f20485454502f312e300d0a0d0a")
    /// The sum of its pseudo header.
    static let tcp4Pseudo: UInt16 = 0x183D
    /// The same connection, with an odd number of bytes.
    static let tcp4Odd = bytes(
        "52540012345652551000020208004500002b12344000400610890a00020f0a000202c0000050010203040a0b0c0d5018faf0eef40000"
            + "6f6464")
    static let tcp4OddPseudo: UInt16 = 0x182E
    /// fec0::5054:ff:fe12:3456 to fec0::3, port 5353 to 53.
    static let udp6 = bytes(
        "52540012345652551000020286dd60000000000c1140fec0000000000000505400fffe123456fec00000000000000000000000000003"
            + "14e90035000c91c9646e733f")
    static let udp6Pseudo: UInt16 = 0x815E

    static func bytes(_ hex: String) -> [UInt8] {
        let digits = hex.utf8.map { $0 < 58 ? $0 - 48 : $0 - 87 }
        return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    }

    static func halfword(_ bytes: [UInt8], _ offset: Int) -> Int { Int(bytes[offset]) << 8 | Int(bytes[offset + 1]) }

    /// RFC 1071, word by word.
    static func sum(_ bytes: some Collection<UInt8>) -> Int {
        var total = 0
        for (index, byte) in bytes.enumerated() {
            total += Int(byte) << (index % 2 == 0 ? 8 : 0)
            total = total & 0xFFFF + total >> 16
        }
        return total
    }

    /// The checksums of an untagged frame without options in its IP header are right.
    static func isSound(_ frame: [UInt8]) -> Bool {
        let isIPv4 = halfword(frame, 12) == 0x0800
        let transport = isIPv4 ? 34 : 54
        let addresses = isIPv4 ? frame[26..<34] : frame[22..<54]
        let number = Int(isIPv4 ? frame[23] : frame[20])
        let length = frame.count - transport
        guard halfword(frame, isIPv4 ? 16 : 18) == (isIPv4 ? frame.count - 14 : length) else { return false }
        if isIPv4, sum(frame[14..<34]) != 0xFFFF { return false }
        if number == 17, halfword(frame, transport + 4) != length || halfword(frame, transport + 6) == 0 {
            return false
        }
        var total = sum(addresses) + sum(frame[transport...]) + number + length
        while total > 0xFFFF { total = total & 0xFFFF + total >> 16 }
        return total == 0xFFFF
    }

    /// A frame that stands for several, its checksum begun, with the header for it.
    static func large(
        _ kind: OffloadHeader.Segmentation.Kind, overIPv6: Bool = false, payload: [UInt8], size: UInt16,
        hasCWR: Bool = false
    ) -> (frame: [UInt8], header: OffloadHeader) {
        let isIPv6 = kind == .tcp6 || overIPv6
        let isTCP = kind != .udp
        let headerSize = isTCP ? 32 : 8
        let length = headerSize + payload.count
        var frame: [UInt8] = [0x52, 0x54, 0, 0x12, 0x34, 0x56, 0x52, 0x55, 16, 0, 2, 2]
        func put(_ value: Int) { frame += [UInt8(value >> 8 & 0xFF), UInt8(value & 0xFF)] }
        if isIPv6 {
            put(0x86DD)
            put(0x6000)
            put(0)
            put(length & 0xFFFF)
            frame += [isTCP ? 6 : 17, 64] + (1...32)
        } else {
            put(0x0800)
            put(0x4500)
            put((20 + length) & 0xFFFF)
            put(0xFFFE)  // the identification wraps
            put(0x4000)
            frame += [64, isTCP ? 6 : 17, 0, 0, 10, 0, 2, 15, 10, 0, 2, 2]
        }
        let start = frame.count
        put(49152)
        put(80)
        if isTCP {
            // Sequence number near its wrap, PSH and FIN, 12 bytes of options.
            frame += [0xFF, 0xFF, 0xFF, 0x00, 1, 2, 3, 4, 0x80, hasCWR ? 0x99 : 0x19, 1, 0, 0, 0, 0, 0]
            frame += [1, 1, 8, 10] + [UInt8](repeating: 7, count: 8)
        } else {
            put(length & 0xFFFF)
            put(0)
        }
        frame += payload
        let partial = OffloadHeader.PartialChecksum(start: UInt16(start), offset: isTCP ? 16 : 6)
        return (
            frame,
            OffloadHeader(
                checksum: partial,
                segmentation: OffloadHeader.Segmentation(kind: kind, size: size, hasCWR: hasCWR))
        )
    }
}
