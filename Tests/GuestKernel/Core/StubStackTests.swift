import KernelCore
import Testing

/// Frames as bytes, and the stub stack that gets them.
final class StackFixture {
    let memory: HostWindow
    let packet: PacketBuffer
    var stack = StubStack(hardware: HardwareAddress(0x5254_0012_3456))
    static let router = HardwareAddress(0x5255_0A00_0202)
    static let address = IPv4Address(0x0A00_020F)
    static let transaction: UInt32 = 0x1234_5678

    init() throws {
        memory = try #require(HostWindow(start: 0x4000_0000, size: 4096))
        packet = PacketBuffer(memory.dma(at: memory.start, count: 2048))
    }

    var frame: [UInt8] { (0..<packet.count).map { packet[$0] } }

    func handle(_ frame: [UInt8]) -> StubStack.Outcome {
        packet.setCount(frame.count)
        for (index, byte) in frame.enumerated() { packet[index] = byte }
        return stack.handle(packet)
    }

    /// Through DHCP to an address.
    func lease() throws {
        stack.discover(packet, transaction: Self.transaction)
        #expect(handle(Self.dhcp(2)) == .reply)
        #expect(handle(Self.dhcp(5)) == .news)
    }

    static func ethernet(_ type: UInt16, to target: UInt64 = 0x5254_0012_3456, _ payload: [UInt8]) -> [UInt8] {
        var frame = ByteWriter()
        frame.big(UInt16(truncatingIfNeeded: target >> 32))
        frame.big(UInt32(truncatingIfNeeded: target))
        frame.big(UInt16(truncatingIfNeeded: router.rawValue >> 32))
        frame.big(UInt32(truncatingIfNeeded: router.rawValue))
        frame.big(type)
        return frame.bytes + payload
    }

    static func sum(_ bytes: [UInt8]) -> UInt16 {
        var sum: UInt32 = 0
        for index in stride(from: 0, to: bytes.count, by: 2) {
            sum += UInt32(bytes[index]) << 8 | (index + 1 < bytes.count ? UInt32(bytes[index + 1]) : 0)
        }
        while sum >> 16 != 0 { sum = sum & 0xFFFF + sum >> 16 }
        return ~UInt16(sum)
    }

    static func ipv4(
        _ number: UInt8, from source: UInt32 = 0x0A00_0202, to target: UInt32 = address.rawValue, fragment: UInt16 = 0,
        _ payload: [UInt8]
    ) -> [UInt8] {
        var header = ByteWriter()
        header.bytes = [0x45, 0]
        header.big(UInt16(20 + payload.count))
        header.big(UInt16(7))
        header.big(fragment)
        header.bytes += [63, number, 0, 0]
        header.big(source)
        header.big(target)
        let check = sum(header.bytes)
        header.bytes[10] = UInt8(check >> 8)
        header.bytes[11] = UInt8(truncatingIfNeeded: check)
        return header.bytes + payload
    }

    static func echo(_ type: UInt8, identifier: UInt16 = 1, sequence: UInt16 = 2, data: [UInt8] = [1, 2, 3]) -> [UInt8]
    {
        var message = ByteWriter()
        message.bytes = [type, 0, 0, 0]
        message.big(identifier)
        message.big(sequence)
        message.bytes += data
        let check = sum(message.bytes)
        message.bytes[2] = UInt8(check >> 8)
        message.bytes[3] = UInt8(truncatingIfNeeded: check)
        return message.bytes
    }

    static func dhcp(_ kind: UInt8, transaction: UInt32 = transaction, options: [UInt8]? = nil) -> [UInt8] {
        var message = ByteWriter()
        message.bytes = [2, 1, 6, 0]
        message.big(transaction)
        message.bytes += [UInt8](repeating: 0, count: 8)
        message.big(address.rawValue)
        message.bytes += [UInt8](repeating: 0, count: 8)
        message.bytes += [0x52, 0x54, 0, 0x12, 0x34, 0x56] + [UInt8](repeating: 0, count: 202)
        message.big(UInt32(0x6382_5363))
        message.bytes +=
            options ?? [
                53, 1, kind, 0, 1, 4, 255, 255, 255, 0, 3, 4, 10, 0, 2, 2, 6, 4, 10, 0, 2, 3, 51, 4, 0, 1, 0x51, 0x80,
                54, 4, 10,
                0, 2, 2, 255,
            ]
        var udp = ByteWriter()
        udp.big(UInt16(67))
        udp.big(UInt16(68))
        udp.big(UInt16(8 + message.bytes.count))
        udp.big(UInt16(0))
        return ethernet(0x0800, to: 0xFFFF_FFFF_FFFF, ipv4(17, to: .max, udp.bytes + message.bytes))
    }

    static func arp(_ operation: UInt16, for target: UInt32 = address.rawValue) -> [UInt8] {
        var message = ByteWriter()
        message.big(UInt32(0x0001_0800))
        message.big(UInt16(0x0604))
        message.big(operation)
        message.bytes += [0x52, 0x55, 0x0A, 0, 2, 2, 10, 0, 2, 2, 0, 0, 0, 0, 0, 0]
        message.big(target)
        return ethernet(0x0806, to: 0xFFFF_FFFF_FFFF, message.bytes)
    }
}

@Suite("The stub of a network stack") struct StubStackTests {
    @Test("RFC 2131 §3.1: discover, request of what is offered, and the lease that is acknowledged")
    func lease() throws {
        let fixture = try StackFixture()
        fixture.stack.discover(fixture.packet, transaction: StackFixture.transaction)
        let discover = fixture.frame
        #expect(discover.count == 342 && discover[42] == 1 && Array(discover[282..<285]) == [53, 1, 1])
        #expect(Array(discover[34..<38]) == [0, 68, 0, 67])
        #expect(StackFixture.sum(Array(discover[14..<34])) == 0)
        #expect(fixture.handle(StackFixture.dhcp(2)) == .reply)
        let request = fixture.frame
        #expect(Array(request[282..<291]) == [53, 1, 3, 50, 4, 10, 0, 2, 15])
        #expect(Array(request[291..<297]) == [54, 4, 10, 0, 2, 2])
        // A second offer is too late.
        #expect(fixture.handle(StackFixture.dhcp(2)) == .ignored)
        #expect(fixture.stack.lease == nil)
        #expect(fixture.handle(StackFixture.dhcp(5)) == .news)
        let lease = try #require(fixture.stack.lease)
        #expect(lease.address == StackFixture.address && lease.mask.rawValue == 0xFFFF_FF00)
        #expect(lease.router.rawValue == 0x0A00_0202 && lease.nameServer.rawValue == 0x0A00_0203)
        #expect(lease.duration == 86400)
        #expect(fixture.stack.nextHop(IPv4Address(0x0A00_0263)) == IPv4Address(0x0A00_0263))
        #expect(fixture.stack.nextHop(IPv4Address(0x0808_0808)) == lease.router)
    }

    @Test("replies that are not ours, unasked for, or broken are ignored; a refusal is told")
    func otherReplies() throws {
        let fixture = try StackFixture()
        #expect(fixture.handle(StackFixture.dhcp(2)) == .ignored)
        fixture.stack.discover(fixture.packet, transaction: StackFixture.transaction)
        #expect(fixture.handle(StackFixture.dhcp(2, transaction: 1)) == .ignored)
        #expect(fixture.handle(StackFixture.dhcp(5)) == .ignored)
        for options in [[], [255], [53], [53, 1], [53, 2, 2, 2, 255], [53, 1, 9, 255], [1, 255, 1, 53, 1, 2]]
            as [[UInt8]]
        {
            #expect(fixture.handle(StackFixture.dhcp(2, options: options)) == .ignored)
        }
        #expect(fixture.handle(StackFixture.dhcp(2)) == .reply)
        #expect(fixture.handle(StackFixture.dhcp(6)) == .news)
        #expect(fixture.stack.isRefused && fixture.stack.lease == nil)
    }

    @Test("RFC 826: a question for our address is answered in its own buffer, and the asker is known")
    func arp() throws {
        let fixture = try StackFixture()
        #expect(fixture.handle(StackFixture.arp(1)) == .ignored)
        try fixture.lease()
        #expect(fixture.handle(StackFixture.arp(1, for: 0x0A00_0210)) == .ignored)
        #expect(fixture.handle(StackFixture.arp(1)) == .reply)
        let answer = fixture.frame
        #expect(answer.count == 60)
        #expect(Array(answer[0..<14]) == [0x52, 0x55, 0x0A, 0, 2, 2, 0x52, 0x54, 0, 0x12, 0x34, 0x56, 8, 6])
        #expect(
            Array(answer[20..<42]) == [
                0, 2, 0x52, 0x54, 0, 0x12, 0x34, 0x56, 10, 0, 2, 15, 0x52, 0x55, 0x0A, 0, 2, 2, 10, 0, 2, 2,
            ])
        #expect(fixture.stack.neighbour(IPv4Address(0x0A00_0202)) == StackFixture.router)
        #expect(fixture.handle(StackFixture.arp(2)) == .news)
        #expect(fixture.stack.neighbour(IPv4Address(0x0A00_0203)) == nil)
    }

    @Test("RFC 792: an echo request is answered with its data", arguments: [0, 1, 32, 33, 1400])
    func echo(size: Int) throws {
        let fixture = try StackFixture()
        try fixture.lease()
        let data = (0..<size).map { UInt8(truncatingIfNeeded: $0) }
        // Padded, as short frames are.
        let request = StackFixture.ethernet(0x0800, StackFixture.ipv4(1, StackFixture.echo(8, data: data))) + [0, 0]
        #expect(fixture.handle(request) == .reply)
        let answer = fixture.frame
        #expect(answer.count == request.count - 2)
        #expect(Array(answer[0..<6]) == [0x52, 0x55, 0x0A, 0, 2, 2])
        #expect(StackFixture.sum(Array(answer[14..<34])) == 0 && StackFixture.sum(Array(answer[34...])) == 0)
        #expect(Array(answer[26..<34]) == [10, 0, 2, 15, 10, 0, 2, 2])
        #expect(answer[34] == 0 && Array(answer[38..<42]) == [0, 1, 0, 2] && Array(answer[42...]) == data)
        #expect(fixture.stack.echoesAnswered == 1)
    }

    @Test("an echo reply to our request is news, and tells whose")
    func echoReply() throws {
        let fixture = try StackFixture()
        try fixture.lease()
        fixture.stack.writeEchoRequest(fixture.packet, to: IPv4Address(0x0A00_0202), StackFixture.router, sequence: 9)
        let request = fixture.frame
        #expect(StackFixture.sum(Array(request[14..<34])) == 0 && StackFixture.sum(Array(request[34...])) == 0)
        let identifier = UInt16(request[38]) << 8 | UInt16(request[39])
        func reply(_ identifier: UInt16) -> StubStack.Outcome {
            fixture.handle(
                StackFixture.ethernet(
                    0x0800, StackFixture.ipv4(1, StackFixture.echo(0, identifier: identifier, sequence: 9))))
        }
        #expect(reply(identifier &+ 1) == .ignored)
        #expect(reply(identifier) == .news)
        #expect(fixture.stack.echoReply?.sequence == 9)
        #expect(fixture.stack.echoReply?.source == IPv4Address(0x0A00_0202))
    }

    @Test("frames for others, fragments, and wrong checksums are ignored")
    func ignored() throws {
        let fixture = try StackFixture()
        try fixture.lease()
        let echo = StackFixture.echo(8)
        #expect(fixture.handle(StackFixture.ethernet(0x0800, to: 1, StackFixture.ipv4(1, echo))) == .ignored)
        #expect(fixture.handle(StackFixture.ethernet(0x86DD, StackFixture.ipv4(1, echo))) == .ignored)
        #expect(fixture.handle(StackFixture.ethernet(0x0800, StackFixture.ipv4(1, to: 1, echo))) == .ignored)
        for fragment in [0x2000, 1] as [UInt16] {
            #expect(
                fixture.handle(StackFixture.ethernet(0x0800, StackFixture.ipv4(1, fragment: fragment, echo)))
                    == .ignored)
        }
        for offset in [16, 22, 24, 30, 34, 42] {
            var frame = StackFixture.ethernet(0x0800, StackFixture.ipv4(1, echo))
            frame[offset] ^= 1
            #expect(fixture.handle(frame) == .ignored)
        }
    }

    @Test("soak: damaged frames trap nothing, and answers stay within their buffer")
    func damagedFrames() throws {
        let fixture = try StackFixture()
        let frames = [
            StackFixture.dhcp(2), StackFixture.dhcp(5), StackFixture.arp(1), StackFixture.arp(2),
            StackFixture.ethernet(0x0800, StackFixture.ipv4(1, StackFixture.echo(8))),
        ]
        for (index, frame) in frames.enumerated() {
            for bytes in damaged(frame, count: 3000, seed: UInt64(index)) {
                fixture.stack.discover(fixture.packet, transaction: StackFixture.transaction)
                _ = fixture.handle(StackFixture.dhcp(2))
                if index != 1 { _ = fixture.handle(StackFixture.dhcp(5)) }
                _ = fixture.handle(bytes)
                #expect(fixture.packet.count <= PacketBuffer.capacity)
            }
        }
    }

    @Test(
        "an IPv4 address is four numbers below 256",
        arguments: [
            ("10.0.2.2", 0x0A00_0202), ("255.255.255.255", .max), ("0.0.0.0", 0), ("10.0.2", nil), ("10.0.2.2.", nil),
            ("10.0.2.256", nil), ("10..2.2", nil), ("", nil), ("a.b.c.d", nil), ("10.0.2.2.2", nil), ("10.0.2.2 ", nil),
        ] as [(String, UInt32?)])
    func addresses(text: String, value: UInt32?) {
        #expect(IPv4Address(Array(text.utf8))?.rawValue == value)
    }
}
