/// As much of a network stack as the shell's `net` needs: ARP, ICMP echo both ways, and a DHCP client, over IPv4. A real stack will
/// take its place.
///
/// Pure: frames in, frames out in the same buffers, no time and no allocation. No options are written, no fragments taken, UDP checksums
/// not looked at. Threading: by the caller's lock.
/// Source: RFC 826 (ARP), 791 (IPv4), 792 (ICMP), 768 (UDP), 2131 (DHCP).
package struct StubStack {
    /// What came of a frame.
    package enum Outcome: Equatable, Sendable {
        /// Nobody's; the buffer is free.
        case ignored
        /// The buffer holds the answer now, to be sent.
        case reply
        /// Something that is waited for may have come; the buffer is free.
        case news
    }

    /// What `echoReply` tells.
    package struct Echo: Equatable, Sendable {
        package let source: IPv4Address
        package let sequence: UInt16
    }

    private struct Neighbour {
        var address = IPv4Address.any
        var hardware = HardwareAddress(0)
    }

    private enum ClientState { case idle, selecting, requesting, bound, refused }

    private enum EtherType {
        static var ipv4: UInt16 { 0x0800 }
        static var arp: UInt16 { 0x0806 }
    }

    private enum IPProtocol {
        static var icmp: UInt8 { 1 }
        static var udp: UInt8 { 17 }
    }

    // Where things are in a frame.
    private static var ip: Int { 14 }
    /// Of what follows an IPv4 header that we wrote, which has no options.
    private static var payload: Int { 34 }
    private static var bootp: Int { 42 }
    /// Identifies our echo requests, which have no other origin.
    private static var echoIdentifier: UInt16 { 0x5357 }

    package let hardware: HardwareAddress
    /// Nil before DHCP has come to its end.
    package private(set) var lease: DHCPLease?
    /// The last echo reply that came.
    package private(set) var echoReply: Echo?
    package private(set) var echoesAnswered: UInt64 = 0

    private var neighbours = InlineArray<8, Neighbour>(repeating: Neighbour())
    private var nextNeighbour = 0
    private var client = ClientState.idle
    private var transaction: UInt32 = 0

    package init(hardware: HardwareAddress) { self.hardware = hardware }

    /// The server said no.
    package var isRefused: Bool { client == .refused }

    /// Where a frame for `address` goes: to itself in our network, else to the router.
    package func nextHop(_ address: IPv4Address) -> IPv4Address {
        guard let lease else { return address }
        let isNear = (address.rawValue ^ lease.address.rawValue) & lease.mask.rawValue == 0
        return isNear || lease.router == .any ? address : lease.router
    }

    package func neighbour(_ address: IPv4Address) -> HardwareAddress? {
        for index in 0..<8 where neighbours[index].address == address && address != .any {
            return neighbours[index].hardware
        }
        return nil
    }

    private mutating func learn(_ address: IPv4Address, _ hardware: HardwareAddress) {
        guard address != .any else { return }
        for index in 0..<8 where neighbours[index].address == address {
            neighbours[index].hardware = hardware
            return
        }
        neighbours[nextNeighbour] = Neighbour(address: address, hardware: hardware)
        nextNeighbour = (nextNeighbour + 1) % 8
    }
}

// MARK: - Frames that came

extension StubStack {
    package mutating func handle(_ packet: PacketBuffer) -> Outcome {
        let target = packet.loadHardwareAddress(0)
        guard packet.count >= Self.ip, target == hardware || target == .broadcast else { return .ignored }
        switch packet.load16(12) {
        case EtherType.arp: return handleARP(packet)
        case EtherType.ipv4: return handleIPv4(packet)
        default: return .ignored
        }
    }

    private mutating func handleARP(_ packet: PacketBuffer) -> Outcome {
        // Ethernet and IPv4, addresses of 6 and 4 bytes.
        guard packet.count >= 42, packet.load32(14) == 0x0001_0800, packet.load16(18) == 0x0604, let lease,
            packet.load32(38) == lease.address.rawValue
        else { return .ignored }
        let sender = IPv4Address(packet.load32(28))
        let senderHardware = packet.loadHardwareAddress(22)
        learn(sender, senderHardware)
        switch packet.load16(20) {
        case 1:
            writeARP(packet, operation: 2, to: senderHardware, target: senderHardware, sender)
            return .reply
        case 2: return .news
        default: return .ignored
        }
    }

    private mutating func handleIPv4(_ packet: PacketBuffer) -> Outcome {
        let ip = Self.ip
        let header = Int(packet[ip] & 15) * 4
        let total = Int(packet.load16(ip + 2))
        // No fragments: neither "more" nor an offset.
        guard packet[ip] >> 4 == 4, header >= 20, total >= header, total <= packet.count - ip,
            packet.load16(ip + 6) & 0x3FFF == 0, packet.checksum(ip, count: header) == 0
        else { return .ignored }
        // The rest is the padding of a short frame.
        packet.setCount(ip + total)
        let target = IPv4Address(packet.load32(ip + 16))
        switch packet[ip + 9] {
        case IPProtocol.icmp where lease?.address == target: return handleICMP(packet, ip + header)
        case IPProtocol.udp: return handleUDP(packet, ip + header)
        default: return .ignored
        }
    }

    private mutating func handleICMP(_ packet: PacketBuffer, _ start: Int) -> Outcome {
        let count = packet.count - start
        guard count >= 8, packet.checksum(start, count: count) == 0 else { return .ignored }
        let source = IPv4Address(packet.load32(Self.ip + 12))
        switch packet[start] {
        case 8:
            // Answered as it is, from us to where it came from; options and all.
            packet[start] = 0
            packet.store16(0, start + 2)
            packet.store16(packet.checksum(start, count: count), start + 2)
            packet.store32(packet.load32(Self.ip + 16), Self.ip + 12)
            packet.store32(source.rawValue, Self.ip + 16)
            packet[Self.ip + 8] = 64
            packet.store16(0, Self.ip + 10)
            packet.store16(packet.checksum(Self.ip, count: start - Self.ip), Self.ip + 10)
            writeEthernet(packet, to: packet.loadHardwareAddress(6), EtherType.ipv4)
            echoesAnswered += 1
            return .reply
        case 0 where packet.load16(start + 4) == Self.echoIdentifier:
            echoReply = Echo(source: source, sequence: packet.load16(start + 6))
            return .news
        default: return .ignored
        }
    }

    private mutating func handleUDP(_ packet: PacketBuffer, _ start: Int) -> Outcome {
        let count = Int(packet.load16(start + 4))
        // Ports: from 67, the server's, to 68.
        guard packet.count - start >= 8, count >= 8, count <= packet.count - start, packet.load32(start) == 0x43_0044,
            client == .selecting || client == .requesting,
            let message = DHCPReply(
                packet, start: start + 8, end: start + count, transaction: transaction, client: hardware)
        else { return .ignored }
        switch message.kind {
        case .offer where client == .selecting:
            client = .requesting
            writeDHCP(packet, request: message.lease)
            return .reply
        case .acknowledge where client == .requesting:
            client = .bound
            lease = message.lease
            return .news
        case .refuse where client == .requesting:
            client = .refused
            return .news
        default: return .ignored
        }
    }
}

// MARK: - Frames that go

extension StubStack {
    /// Begins anew to ask for a lease: writes a DHCPDISCOVER. What comes of it, `handle` sees to.
    ///
    /// - Parameter transaction: a number that no one else uses, like a clock's.
    package mutating func discover(_ packet: PacketBuffer, transaction: UInt32) {
        client = .selecting
        lease = nil
        self.transaction = transaction
        writeDHCP(packet, request: nil)
    }

    /// Writes a question for an address's hardware.
    package func writeARPRequest(_ packet: PacketBuffer, for address: IPv4Address) {
        writeARP(packet, operation: 1, to: .broadcast, target: HardwareAddress(0), address)
    }

    /// Writes an echo request with 32 bytes.
    package func writeEchoRequest(
        _ packet: PacketBuffer, to address: IPv4Address, _ target: HardwareAddress, sequence: UInt16
    ) {
        let count = 40
        packet.setCount(Self.payload + count)
        packet.store16(0x0800, Self.payload)
        packet.store16(0, Self.payload + 2)
        packet.store16(Self.echoIdentifier, Self.payload + 4)
        packet.store16(sequence, Self.payload + 6)
        for offset in 8..<count { packet[Self.payload + offset] = UInt8(0x40 + offset) }
        packet.store16(packet.checksum(Self.payload, count: count), Self.payload + 2)
        writeIPv4(packet, IPProtocol.icmp, to: address)
        writeEthernet(packet, to: target, EtherType.ipv4)
    }

    private func writeEthernet(_ packet: PacketBuffer, to target: HardwareAddress, _ type: UInt16) {
        packet.store(target, 0)
        packet.store(hardware, 6)
        packet.store16(type, 12)
    }

    private func writeARP(
        _ packet: PacketBuffer, operation: UInt16, to frameTarget: HardwareAddress, target: HardwareAddress,
        _ address: IPv4Address
    ) {
        packet.setCount(60)
        packet.clear(42..<60)
        packet.store32(0x0001_0800, 14)
        packet.store16(0x0604, 18)
        packet.store16(operation, 20)
        packet.store(hardware, 22)
        packet.store32(lease?.address.rawValue ?? 0, 28)
        packet.store(target, 32)
        packet.store32(address.rawValue, 38)
        writeEthernet(packet, to: frameTarget, EtherType.arp)
    }

    /// The header of what is in the packet behind it.
    private func writeIPv4(_ packet: PacketBuffer, _ number: UInt8, to target: IPv4Address) {
        let ip = Self.ip
        packet.store16(0x4500, ip)
        packet.store16(UInt16(packet.count - ip), ip + 2)
        // No identification; "don't fragment".
        packet.store32(0x4000, ip + 4)
        packet[ip + 8] = 64
        packet[ip + 9] = number
        packet.store16(0, ip + 10)
        packet.store32(lease?.address.rawValue ?? 0, ip + 12)
        packet.store32(target.rawValue, ip + 16)
        packet.store16(packet.checksum(ip, count: 20), ip + 10)
    }

    /// DHCPDISCOVER, or a DHCPREQUEST of what was offered. Source: RFC 2131 §2, §4.4.1.
    private func writeDHCP(_ packet: PacketBuffer, request: DHCPLease?) {
        let start = Self.bootp
        let count = 300
        packet.setCount(start + count)
        packet.clear(start..<start + count)
        // Request, Ethernet, 6 bytes of address; answers by broadcast, since we have no address yet.
        packet.store32(0x0101_0600, start)
        packet.store32(transaction, start + 4)
        packet.store16(0x8000, start + 10)
        packet.store(hardware, start + 28)
        packet.store32(0x6382_5363, start + 236)
        var offset = start + 240
        func option(_ code: UInt8, _ bytes: UInt8) {
            packet[offset] = code
            packet[offset + 1] = bytes
            offset += 2
        }
        option(53, 1)
        packet[offset] = request == nil ? 1 : 3
        offset += 1
        if let request {
            option(50, 4)
            packet.store32(request.address.rawValue, offset)
            offset += 4
            option(54, 4)
            packet.store32(request.server.rawValue, offset)
            offset += 4
        }
        // Wanted: mask, router, name server.
        option(55, 3)
        packet[offset] = 1
        packet[offset + 1] = 3
        packet[offset + 2] = 6
        packet[offset + 3] = 255
        // UDP from 68 to 67, without a checksum.
        packet.store32(0x44_0043, Self.payload)
        packet.store16(UInt16(count + 8), Self.payload + 4)
        packet.store16(0, Self.payload + 6)
        writeIPv4(packet, IPProtocol.udp, to: .broadcast)
        writeEthernet(packet, to: .broadcast, EtherType.ipv4)
    }
}
