import NetworkFrames
import Testing

/// Source: RFC 791, RFC 8200 §4, IEEE 802.1Q.
@Suite struct FrameLayoutTests {
    private func layout(_ bytes: [UInt8]) -> FrameLayout? { FrameLayout(bytes, 0..<bytes.count) }

    private func tagged(_ frame: [UInt8], _ count: Int) -> [UInt8] {
        frame[..<12] + (0..<count).flatMap { [0x81, 0x00, 0, UInt8($0)] as [UInt8] } + frame[12...]
    }

    @Test("TCP in IPv4 and UDP in IPv6, and up to two VLAN tags before them")
    func plain() throws {
        let tcp = try #require(layout(FrameSamples.tcp4))
        #expect((tcp.network, tcp.networkOffset) == (.ipv4, 14))
        #expect((tcp.transport, tcp.transportOffset, tcp.payloadOffset) == (.tcp, 34, 54))
        let udp = try #require(layout(FrameSamples.udp6))
        #expect((udp.network, udp.networkOffset) == (.ipv6, 14))
        #expect((udp.transport, udp.transportOffset, udp.payloadOffset) == (.udp, 54, 62))
        for count in 1...2 {
            #expect(layout(tagged(FrameSamples.tcp4, count))?.payloadOffset == 54 + 4 * count)
        }
        #expect(layout(tagged(FrameSamples.tcp4, 3)) == nil)
    }

    @Test("RFC 8200 §4.1: extension headers are passed over, but not more than eight")
    func extensions() {
        var frame = FrameSamples.udp6
        frame[20] = 0
        let options: [UInt8] = [60, 0, 1, 4, 0, 0, 0, 0]
        let last: [UInt8] = [17, 1] + [UInt8](repeating: 0, count: 14)
        frame.insert(contentsOf: options + last, at: 54)
        #expect(layout(frame)?.transportOffset == 54 + 24)
        #expect(layout(frame)?.transport == .udp)
        for _ in 0..<6 { frame.insert(contentsOf: options, at: 54) }
        #expect(layout(frame) == nil)
    }

    @Test("RFC 791, RFC 8200 §4.5: fragments have no ports that could be looked at")
    func fragments() {
        for (offset, value) in [(20, 0x20), (20, 0x00), (21, 0x01)] as [(Int, UInt8)] {
            var frame = FrameSamples.tcp4
            frame[20] = 0
            frame[offset] = value
            #expect(layout(frame)?.transport == (value == 0 ? .tcp : nil))
        }
        var frame = FrameSamples.udp6
        frame[20] = 44
        #expect(layout(frame)?.transport == nil)
        #expect(layout(frame)?.payloadOffset == 54)
    }

    @Test("a frame cut anywhere gives a layout inside of it, or none")
    func cut() {
        for whole in [FrameSamples.tcp4, FrameSamples.udp6, tagged(FrameSamples.udp6, 2)] {
            for count in 0..<whole.count {
                guard let layout = FrameLayout(whole, 0..<count) else { continue }
                #expect(layout.payloadOffset <= count)
            }
        }
        #expect(FrameLayout(FrameSamples.tcp4, 0..<FrameSamples.tcp4.count + 1) == nil)
    }

    @Test("any bytes give a layout inside of the frame, or none")
    func noise() {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<20_000 {
            var frame = (0..<80).map { _ in UInt8.random(in: 0...255, using: &random) }
            let type: [UInt8] = Bool.random(using: &random) ? [0x08, 0x00] : [0x86, 0xDD]
            frame.replaceSubrange(12..<14, with: type)
            frame[14] = type[0] == 8 ? 0x45 + UInt8.random(in: 0...3, using: &random) : 0x60
            guard let layout = FrameLayout(frame, 0..<80) else { continue }
            #expect(layout.payloadOffset <= 80 && layout.transportOffset <= layout.payloadOffset)
            _ = layout.flowHash(frame)
        }
    }

    @Test("both directions of a flow have one number, other flows mostly another one")
    func flow() throws {
        let there = FrameSamples.tcp4
        var back = there
        back.replaceSubrange(26..<30, with: there[30..<34])
        back.replaceSubrange(30..<34, with: there[26..<30])
        back.replaceSubrange(34..<36, with: there[36..<38])
        back.replaceSubrange(36..<38, with: there[34..<36])
        let number = try #require(layout(there)).flowHash(there)
        #expect(try #require(layout(back)).flowHash(back) == number)
        var numbers: Set<UInt32> = []
        for port in 0..<256 {
            var other = there
            other.setBigHalfword(UInt16(40000 + port), at: 34)
            numbers.insert(try #require(layout(other)).flowHash(other) % 256)
        }
        #expect(numbers.count > 128)
    }
}
