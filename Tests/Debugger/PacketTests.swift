import Debugger
import Testing
import VMMTestSupport

@Suite struct PacketTests {
    private func events(_ text: String) -> [PacketReader.Event] { events(Array(text.utf8)) }

    private func events(_ bytes: [UInt8]) -> [PacketReader.Event] {
        var reader = PacketReader()
        return bytes.compactMap { reader.take($0) }
    }

    @Test("E.1: a packet is $payload#sum, the sum modulo 256 in two digits of either case")
    func frame() {
        #expect(Packet.encoded("OK".utf8) == Array("$OK#9a".utf8))
        #expect(events("$OK#9a") == [.packet(Array("OK".utf8))])
        #expect(events("$OK#9A") == [.packet(Array("OK".utf8))])
        #expect(events("$#00") == [.packet([])])
    }

    @Test("E.1: a wrong sum, or digits that are none, damage the packet and not the next one")
    func checksum() {
        #expect(events("$OK#9b$OK#9a") == [.damagedPacket, .packet(Array("OK".utf8))])
        #expect(events("$OK#zz$OK#9a") == [.damagedPacket, .packet(Array("OK".utf8))])
    }

    @Test("E.1: what needs an escape is sent as } and the byte xor 0x20, and comes back")
    func escapes() {
        let bytes = (0...255).map { UInt8($0) }
        let packet = Packet.encoded(bytes)
        #expect(events(packet) == [.packet(bytes)])
        #expect(Packet.encoded("*".utf8) == Array("$}\n#87".utf8))
        // An escape with nothing behind it.
        #expect(events("$a}#de") == [.damagedPacket])
    }

    @Test("acknowledgements and Ctrl-C stand between packets; other bytes there mean nothing")
    func betweenPackets() {
        #expect(
            events("++-\u{3}x\r\n$OK#9a\u{3}") == [
                .acknowledged, .acknowledged, .rejected, .interrupt, .packet(Array("OK".utf8)), .interrupt,
            ])
        // Inside a packet byte 3 is data.
        #expect(events(Packet.encoded([3])) == [.packet([3])])
    }

    @Test("a $ inside a packet starts a new one: the end of the packet before was lost")
    func lostEnd() {
        #expect(events("$abc$OK#9a") == [.packet(Array("OK".utf8))])
    }

    @Test("a payload of the limit is taken, one byte more is refused, and the next packet is fine")
    func limit() {
        let longest = [UInt8](repeating: 0x61, count: Packet.limit)
        #expect(events(Packet.encoded(longest)) == [.packet(longest)])
        #expect(
            events(Packet.encoded(longest + [0x61]) + Packet.encoded("OK".utf8)) == [
                .damagedPacket, .packet(Array("OK".utf8)),
            ])
    }

    @Test("any bytes in: a session answers with whole packets only, and never traps")
    func noise() {
        var generator = SeededGenerator(seed: 0x67_6462)
        let letters = Array(
            "gGpPmMXZzHTcsCSDkvqQ?Cont;:,=-0123456789abcdefpSupportedXfer:features:read:target.xml}*".utf8)
        for _ in 0..<3_000 {
            let client = Client(FakeTarget(stopPointLimit: 8))
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                let count = Int.random(in: 0...40, using: &generator)
                let payload = (0..<count).map { _ in
                    Bool.random(using: &generator)
                        ? letters[Int.random(in: 0..<letters.count, using: &generator)]
                        : UInt8.random(in: 0...255, using: &generator)
                }
                let isFramed = Int.random(in: 0..<8, using: &generator) != 0
                client.send(raw: isFramed ? Packet.encoded(payload) : payload)
            }
            var reader = PacketReader()
            for byte in client.session.takeOutput() { #expect(reader.take(byte) != .damagedPacket) }
        }
    }
}
