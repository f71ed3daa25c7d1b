import NetworkFrames
import Testing

/// Source: RFC 1071; virtio 1.2 §5.1.6.2 (partial checksums).
@Suite struct InternetChecksumTests {
    @Test("RFC 1071 §3: its example")
    func example() {
        let bytes: [UInt8] = [0x00, 0x01, 0xF2, 0x03, 0xF4, 0xF5, 0xF6, 0xF7]
        #expect(InternetChecksum.sum(bytes, 0..<8) == 0x2DDF0)
        #expect(InternetChecksum.fold(0x2DDF0) == ~0xDDF2)
    }

    @Test("RFC 1071: any range, even and odd, sums up as word by word")
    func ranges() {
        let bytes = (0..<300).map { UInt8(truncatingIfNeeded: $0 &* 167 &+ $0 / 7) }
        for start in 0..<9 {
            for end in start...bytes.count {
                let sum = InternetChecksum.fold(InternetChecksum.sum(bytes, start..<end))
                let expected = FrameSamples.sum(bytes[start..<end])
                #expect(Int(~sum) % 0xFFFF == expected % 0xFFFF, "\(start)..<\(end)")
            }
        }
    }

    @Test("the largest frame, of ones only, does not overflow")
    func largest() {
        let bytes = [UInt8](repeating: 0xFF, count: 65550)
        #expect(InternetChecksum.fold(InternetChecksum.sum(bytes, 0..<65550)) == 0)
    }

    @Test(
        "§5.1.6.2: a begun checksum becomes what another program computed",
        arguments: [
            (FrameSamples.tcp4, FrameSamples.tcp4Pseudo, 34, 16),
            (FrameSamples.tcp4Odd, FrameSamples.tcp4OddPseudo, 34, 16),
            (FrameSamples.udp6, FrameSamples.udp6Pseudo, 54, 6),
        ])
    func completion(_ whole: [UInt8], _ pseudo: UInt16, _ start: Int, _ offset: Int) throws {
        // At an odd place, with other bytes around it.
        var bytes = [0xAA] + whole + [0xAA]
        bytes.setBigHalfword(pseudo, at: 1 + start + offset)
        let header = OffloadHeader(
            checksum: OffloadHeader.PartialChecksum(start: UInt16(start), offset: UInt16(offset)), headerLength: 54)
        let done = header.completingChecksum(of: &bytes, 1..<1 + whole.count)
        #expect(bytes == [0xAA] + whole + [0xAA])
        #expect(done == OffloadHeader(headerLength: 54))
        #expect(FrameSamples.isSound(whole))
    }

    @Test("RFC 768: a sum of zero is written as ones")
    func zero() {
        var bytes: [UInt8] = [0xFF, 0xFF, 0, 0]
        let header = OffloadHeader(checksum: OffloadHeader.PartialChecksum(start: 0, offset: 2))
        _ = header.completingChecksum(of: &bytes, 0..<4)
        #expect(bytes == [0xFF, 0xFF, 0xFF, 0xFF])
    }

    @Test("a shorter frame than the header was read for stays as it is")
    func shorter() {
        var bytes: [UInt8] = [1, 2, 3, 4]
        let header = OffloadHeader(checksum: OffloadHeader.PartialChecksum(start: 0, offset: 3))
        #expect(header.completingChecksum(of: &bytes, 0..<4) == header)
        #expect(bytes == [1, 2, 3, 4])
    }
}
