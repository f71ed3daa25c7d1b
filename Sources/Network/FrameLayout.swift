/// Where the headers of an Ethernet frame with IP in it are. All of them lie in the frame.
///
/// Source: IEEE 802.3, 802.1Q; RFC 791, RFC 8200, RFC 9293, RFC 768.
package struct FrameLayout: Hashable, Sendable {
    package enum Network: Hashable, Sendable {
        case ipv4
        case ipv6
    }

    package enum Transport: Hashable, Sendable {
        case tcp
        case udp
    }

    /// Destination, source, type.
    package static let ethernetHeaderSize = 14
    private static let vlanTagSize = 4
    /// A tag in a tag is common; more is an attempt to keep us busy.
    private static let vlanTagLimit = 2
    /// Extension headers of IPv6 that are looked behind.
    private static let extensionLimit = 8

    package let network: Network
    /// Of the IP header, counted as the frame's range counts.
    package let networkOffset: Int
    /// Nil: another one, a fragment, or a header that does not fit.
    package let transport: Transport?
    /// Where what IP carries begins.
    package let transportOffset: Int
    /// Where what TCP or UDP carries begins; without those, `transportOffset`.
    package let payloadOffset: Int

    /// Looks at the frame `bytes[frame]`, Ethernet header first. Nil: no IP, or not enough of it.
    package init?(_ bytes: [UInt8], _ frame: Range<Int>) {
        guard let linkSize = Self.linkHeaderSize(bytes, frame) else { return nil }
        let offset = frame.lowerBound + linkSize
        networkOffset = offset
        let found: (next: UInt8, offset: Int, isFragment: Bool)?
        switch bytes.bigHalfword(at: offset - 2) {
        case 0x0800:
            network = .ipv4
            found = Self.behindIPv4(bytes, offset, frame.upperBound)
        case 0x86DD:
            network = .ipv6
            found = Self.behindIPv6(bytes, offset, frame.upperBound)
        default: return nil
        }
        guard let found else { return nil }
        transportOffset = found.offset
        let payload = found.isFragment ? nil : Self.payload(found.next, bytes, found.offset, frame.upperBound)
        transport = payload?.transport
        payloadOffset = payload?.offset ?? found.offset
    }

    /// The size of the Ethernet header of `bytes[frame]`, with up to two VLAN tags. Nil: it is cut.
    package static func linkHeaderSize(_ bytes: [UInt8], _ frame: Range<Int>) -> Int? {
        guard frame.count >= ethernetHeaderSize, frame.upperBound <= bytes.count else { return nil }
        var size = ethernetHeaderSize
        for _ in 0..<vlanTagLimit {
            let type = bytes.bigHalfword(at: frame.lowerBound + size - 2)
            guard type == 0x8100 || type == 0x88A8 else { break }
            size += vlanTagSize
            guard size <= frame.count else { return nil }
        }
        return size
    }

    private static func behindIPv4(
        _ bytes: [UInt8], _ offset: Int, _ end: Int
    ) -> (next: UInt8, offset: Int, isFragment: Bool)? {
        guard offset + 20 <= end, bytes[offset] >> 4 == 4 else { return nil }
        let headerSize = Int(bytes[offset] & 0xF) * 4
        guard headerSize >= 20, offset + headerSize <= end else { return nil }
        // More fragments, or an offset.
        let isFragment = bytes.bigHalfword(at: offset + 6) & 0x3FFF != 0
        return (bytes[offset + 9], offset + headerSize, isFragment)
    }

    private static func behindIPv6(
        _ bytes: [UInt8], _ start: Int, _ end: Int
    ) -> (next: UInt8, offset: Int, isFragment: Bool)? {
        guard start + 40 <= end, bytes[start] >> 4 == 6 else { return nil }
        var next = bytes[start + 6]
        var offset = start + 40
        for _ in 0..<extensionLimit {
            switch next {
            // Hop-by-hop options, routing, destination options: next header, length in 8 bytes less the first.
            case 0, 43, 60:
                guard offset + 8 <= end else { return nil }
                next = bytes[offset]
                offset += 8 + Int(bytes[offset + 1]) * 8
                guard offset <= end else { return nil }
            case 44: return (next, offset, true)
            default: return (next, offset, false)
            }
        }
        return nil
    }

    private static func payload(
        _ number: UInt8, _ bytes: [UInt8], _ offset: Int, _ end: Int
    ) -> (transport: Transport, offset: Int)? {
        switch number {
        case 6:
            guard offset + 20 <= end else { return nil }
            let headerSize = Int(bytes[offset + 12] >> 4) * 4
            guard headerSize >= 20, offset + headerSize <= end else { return nil }
            return (.tcp, offset + headerSize)
        case 17: return offset + 8 <= end ? (.udp, offset + 8) : nil
        default: return nil
        }
    }
}

extension FrameLayout {
    /// A number that is the same for both directions of a flow: addresses, and with TCP and UDP ports.
    package func flowHash(_ bytes: [UInt8]) -> UInt32 {
        var mixed: UInt32 = 0
        switch network {
        case .ipv4: mixed = bytes.bigWord(at: networkOffset + 12) ^ bytes.bigWord(at: networkOffset + 16)
        case .ipv6:
            for word in 0..<8 { mixed ^= bytes.bigWord(at: networkOffset + 8 + 4 * word) &* (word % 4 == 3 ? 1 : 31) }
        }
        if transport != nil {
            let ports = bytes.bigHalfword(at: transportOffset) ^ bytes.bigHalfword(at: transportOffset + 2)
            mixed ^= UInt32(ports) << 8 | (transport == .tcp ? 1 : 2)
        }
        // Source: the last steps of MurmurHash3, which let each bit reach each other.
        mixed = (mixed ^ mixed >> 16) &* 0x85EB_CA6B
        mixed = (mixed ^ mixed >> 13) &* 0xC2B2_AE35
        return mixed ^ mixed >> 16
    }
}
