import NetworkFrames
import Testing

/// Source: virtio 1.2 §5.1.6.2 (gso_type, gso_size); RFC 9293, RFC 768, RFC 3168 §6.1.2.
@Suite struct FrameSegmentsTests {
    private typealias Kind = OffloadHeader.Segmentation.Kind

    private func segments(_ frame: [UInt8], _ header: OffloadHeader) throws -> [[UInt8]] {
        // At another place, with other bytes around it.
        let bytes = [1, 2, 3] + frame + [9]
        var segments = try #require(FrameSegments(bytes, 3..<3 + frame.count, header))
        var target = [UInt8](repeating: 0xEE, count: segments.maximumLength + 4)
        var found: [[UInt8]] = []
        while let length = segments.next(of: bytes, into: &target, at: 2) {
            #expect(length <= segments.maximumLength)
            found.append(Array(target[2..<2 + length]))
        }
        #expect(found.count == segments.count)
        #expect(target[..<2] == [0xEE, 0xEE] && target.suffix(2) == [0xEE, 0xEE])
        return found
    }

    @Test(
        "§5.1.6.2: pieces are sound, and together they are the payload",
        arguments: [(.tcp4, false), (.tcp6, true), (.udp, false), (.udp, true)]
            as [(OffloadHeader.Segmentation.Kind, Bool)],
        [(1448, 65160), (1448, 1448), (1448, 1449), (1, 7), (100, 0), (536, 5000)] as [(UInt16, Int)])
    func reassembly(_ kind: (OffloadHeader.Segmentation.Kind, Bool), _ sizes: (UInt16, Int)) throws {
        let payload = (0..<sizes.1).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
        let (frame, header) = FrameSamples.large(kind.0, overIPv6: kind.1, payload: payload, size: sizes.0)
        let found = try segments(frame, header)
        #expect(found.count == max(1, (sizes.1 + Int(sizes.0) - 1) / Int(sizes.0)))
        let headerSize = frame.count - payload.count
        var whole: [UInt8] = []
        for (index, segment) in found.enumerated() {
            #expect(FrameSamples.isSound(segment))
            #expect(segment[..<14] == frame[..<14])
            if kind.0 == .tcp4 || !kind.1 {
                #expect(FrameSamples.halfword(segment, 18) == (0xFFFE + index) & 0xFFFF)
            }
            if kind.0 != .udp {
                let start = headerSize - 32
                let sequence =
                    FrameSamples.halfword(segment, start + 4) << 16 | FrameSamples.halfword(segment, start + 6)
                #expect(sequence == (0xFFFF_FF00 + whole.count) & 0xFFFF_FFFF)
                #expect(segment[start + 13] == (index == found.count - 1 ? 0x19 : 0x10))
                #expect(segment[headerSize - 12..<headerSize] == frame[headerSize - 12..<headerSize])
            }
            whole += segment[headerSize...]
        }
        #expect(whole == payload)
    }

    @Test("RFC 3168 §6.1.2: CWR stays with the first piece")
    func congestion() throws {
        let (frame, header) = FrameSamples.large(
            .tcp4, payload: [UInt8](repeating: 1, count: 30), size: 10, hasCWR: true)
        let flags = try segments(frame, header).map { $0[47] }
        #expect(flags == [0x90, 0x10, 0x19])
    }

    @Test("§5.1.6.2.1: a frame that is not what its header says becomes nothing")
    func lies() throws {
        let payload = [UInt8](repeating: 1, count: 100)
        for claimed in [Kind.tcp4, .tcp6, .udp] {
            for actual in [Kind.tcp4, .tcp6, .udp] where claimed != actual {
                let (frame, header) = FrameSamples.large(actual, payload: payload, size: 10)
                var lie = header
                lie.segmentation?.kind = claimed
                #expect(FrameSegments(frame, 0..<frame.count, lie) == nil)
            }
        }
        let (frame, header) = FrameSamples.large(.tcp4, payload: payload, size: 10)
        var lie = header
        lie.checksum?.start = 33
        #expect(FrameSegments(frame, 0..<frame.count, lie) == nil)
        #expect(FrameSegments(frame, 0..<frame.count, OffloadHeader()) == nil)
        for count in 0..<66 { #expect(FrameSegments(frame, 0..<count, header) == nil) }
        var fragment = frame
        fragment[20] = 0x20
        #expect(FrameSegments(fragment, 0..<frame.count, header) == nil)
    }

    @Test("a frame that would become thousands becomes nothing")
    func flood() {
        let payload = [UInt8](repeating: 1, count: 2049)
        let (frame, header) = FrameSamples.large(.tcp4, payload: payload, size: 1)
        #expect(FrameSegments(frame, 0..<frame.count, header) == nil)
        #expect(FrameSegments(frame, 0..<frame.count - 1, header)?.count == 2048)
    }
}
