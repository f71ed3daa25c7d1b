/// What a DHCP server gave, or offers. Source: RFC 2131, RFC 2132.
package struct DHCPLease: Equatable, Sendable {
    package var address = IPv4Address.any
    package var mask = IPv4Address(0xFFFF_FF00)
    package var router = IPv4Address.any
    package var nameServer = IPv4Address.any
    package var server = IPv4Address.any
    /// In seconds.
    package var duration: UInt32 = 0

    package init() {}
}

/// A message from a server, read out of a frame.
struct DHCPReply {
    enum Kind: UInt8 {
        case offer = 2
        case acknowledge = 5
        case refuse = 6
    }

    let kind: Kind
    let lease: DHCPLease

    /// - Parameters:
    ///   - start: of the BOOTP header in `packet`.
    ///   - end: of the UDP payload.
    /// - Returns: nil when it is no reply to `transaction` of `client`.
    init?(_ packet: PacketBuffer, start: Int, end: Int, transaction: UInt32, client: HardwareAddress) {
        // op 2: a reply; the magic cookie is behind the header of 236 bytes.
        guard end - start >= 240, packet[start] == 2, packet.load32(start + 4) == transaction,
            packet.loadHardwareAddress(start + 28) == client, packet.load32(start + 236) == 0x6382_5363
        else { return nil }
        var lease = DHCPLease()
        lease.address = IPv4Address(packet.load32(start + 16))
        var kind: Kind?
        var offset = start + 240
        while offset < end, packet[offset] != 255 {
            if packet[offset] == 0 {
                offset += 1
                continue
            }
            let count = Int(packet[offset + 1])
            let value = offset + 2
            guard offset + 2 <= end, count <= end - value else { return nil }
            switch packet[offset] {
            case 53 where count == 1: kind = Kind(rawValue: packet[value])
            case 1 where count == 4: lease.mask = IPv4Address(packet.load32(value))
            case 3 where count >= 4: lease.router = IPv4Address(packet.load32(value))
            case 6 where count >= 4: lease.nameServer = IPv4Address(packet.load32(value))
            case 51 where count == 4: lease.duration = packet.load32(value)
            case 54 where count == 4: lease.server = IPv4Address(packet.load32(value))
            default: break
            }
            offset = value + count
        }
        guard let kind, kind == .refuse || lease.address != .any else { return nil }
        self.kind = kind
        self.lease = lease
    }
}
