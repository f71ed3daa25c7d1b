import NetworkFrames
import Testing

/// Source: virtio 1.2 §5.1.6, §5.1.6.2.1, §5.1.6.2.2.
@Suite struct OffloadHeaderTests {
    private func header(_ bytes: [UInt8], frameLength: Int = 100) throws -> OffloadHeader {
        try OffloadHeader([0xEE] + bytes, at: 1, frameLength: frameLength)
    }

    @Test("zeros ask for nothing")
    func zeros() throws {
        #expect(try header([UInt8](repeating: 0, count: 12)) == OffloadHeader())
    }

    @Test("§5.1.6: fields are where struct virtio_net_hdr has them, little-endian")
    func fields() throws {
        let bytes: [UInt8] = [3, 0x81, 54, 0, 0xA0, 0x05, 34, 0, 16, 0, 9, 9]
        let found = try header(bytes)
        #expect(found.checksum == OffloadHeader.PartialChecksum(start: 34, offset: 16))
        #expect(found.segmentation == OffloadHeader.Segmentation(kind: .tcp4, size: 1440, hasCWR: true))
        #expect(found.isVerified)
        #expect(found.headerLength == 54)
        var written = [UInt8](repeating: 0xEE, count: 14)
        found.write(into: &written, at: 1, bufferCount: 0x0909)
        #expect(written == [0xEE] + bytes + [0xEE])
    }

    @Test("§5.1.6.2.2: flags that nobody knows are ignored, and so are offsets without NEEDS_CSUM")
    func unknownFlags() throws {
        #expect(try header([0xFC, 0, 0, 0, 0, 0, 255, 255, 255, 255, 0, 0]) == OffloadHeader())
    }

    @Test("§5.1.6.2.2: hdr_len is a hint: one that is longer than the frame is cut")
    func hint() throws {
        #expect(try header([0, 0, 0xFF, 0xFF, 0, 0, 0, 0, 0, 0, 0, 0]).headerLength == 100)
    }

    @Test(
        "§5.1.6.2.1: a checksum field must lie in the frame",
        arguments: [(98, 0, true), (99, 0, false), (0, 98, true), (0, 99, false), (65535, 65535, false)]
            as [(UInt16, UInt16, Bool)])
    func checksumBounds(_ start: UInt16, _ offset: UInt16, _ isGood: Bool) {
        let bytes: [UInt8] = [
            1, 0, 0, 0, 0, 0, UInt8(start & 255), UInt8(start >> 8), UInt8(offset & 255), UInt8(offset >> 8), 0, 0,
        ]
        let fault = OffloadFault.checksumOutsideFrame(
            OffloadHeader.PartialChecksum(start: start, offset: offset), frameLength: 100)
        if isGood {
            #expect(throws: Never.self) { try header(bytes) }
        } else {
            #expect(throws: fault) { try header(bytes) }
        }
    }

    @Test("§5.1.6.2.1: segmentation wants NEEDS_CSUM, a size, and a type that is one")
    func segmentation() {
        #expect(throws: OffloadFault.segmentationWithoutChecksum) {
            try header([0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0])
        }
        #expect(throws: OffloadFault.emptySegments) { try header([1, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]) }
        for kind in [2, 3, 6, 0x7F, 0x83, 0xFF] as [UInt8] {
            #expect(throws: OffloadFault.unknownSegmentation(kind)) {
                try header([1, kind, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0])
            }
        }
    }

    @Test("§5.1.6: ECN alone is no segmentation")
    func ecnAlone() throws {
        #expect(try header([0, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]).segmentation == nil)
    }
}
