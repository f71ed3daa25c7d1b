import HostIO
import NetworkFrames
import Testing
import VMMCore

/// Source: virtio 1.2 §5.1.6.2, for what a driver leaves to the device.
@Suite struct FrameOutputTests {
    private let ends = Ends.sockets()

    /// A frame of IPv4 whose checksum was begun, header first; `size`: it stands for several with so much payload each.
    private func frame(_ kind: OffloadHeader.Segmentation.Kind, payload: Int, size: UInt16?) -> [UInt8] {
        let isTCP = kind == .tcp4
        let transportSize = isTCP ? 20 : 8
        let total = 20 + transportSize + payload
        var bytes: [UInt8] = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0]
        bytes += [0x45, 0, UInt8(total >> 8), UInt8(total & 0xFF), 0, 1, 0x40, 0, 64, isTCP ? 6 : 17, 0, 0]
        bytes += [10, 0, 2, 15, 10, 0, 2, 2, 0xC0, 0, 0, 80]
        let length = transportSize + payload
        let pseudo = Self.sum([10, 0, 2, 15, 10, 0, 2, 2]) + (isTCP ? 6 : 17) + length
        let begun = pseudo & 0xFFFF + pseudo >> 16
        let sum = [UInt8(begun >> 8), UInt8(begun & 0xFF)]
        if isTCP {
            bytes += [0, 0, 0, 0, 0, 0, 0, 1, 0x50, 0x10, 1, 0] + sum + [0, 0]
        } else {
            bytes += [UInt8(length >> 8), UInt8(length & 0xFF)] + sum
        }
        bytes += (0..<payload).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        let segmentation = size.map { OffloadHeader.Segmentation(kind: kind, size: $0) }
        let partial = OffloadHeader.PartialChecksum(start: 34, offset: isTCP ? 16 : 6)
        var header = [UInt8](repeating: 0, count: NetworkFrame.headerSize)
        OffloadHeader(checksum: partial, segmentation: segmentation).write(into: &header, at: 0, bufferCount: 0)
        return header + bytes
    }

    /// RFC 1071, word by word.
    private static func sum(_ bytes: some Collection<UInt8>) -> Int {
        var total = 0
        for (index, byte) in bytes.enumerated() {
            total += Int(byte) << (index % 2 == 0 ? 8 : 0)
            total = total & 0xFFFF + total >> 16
        }
        return total
    }

    /// The transport's checksum of an IPv4 frame is right.
    private func isSound(_ frame: [UInt8]) -> Bool {
        let total = Self.sum(frame[26...]) + Int(frame[23]) + frame.count - 34
        return total & 0xFFFF + total >> 16 == 0xFFFF
    }

    /// The stream's records, until nothing is left to write.
    private func records(_ output: inout FrameOutput) throws -> [[UInt8]] {
        let outcome = output.flush(to: ends.near)
        #expect(outcome == .moved)
        ends.closeNear()
        let stream = ends.receive(1 << 20)
        var found: [[UInt8]] = []
        var rest = stream[...]
        while rest.count >= 4 {
            let length = rest.prefix(4).reduce(0) { $0 << 8 | Int($1) }
            rest = rest.dropFirst(4)
            try #require(rest.count >= length)
            found.append(Array(rest.prefix(length)))
            rest = rest.dropFirst(length)
        }
        #expect(rest.isEmpty)
        return found
    }

    @Test(
        "§5.1.6.2: a frame that stands for several leaves in pieces, each behind its length and finished",
        arguments: [(.tcp4, 54), (.udp, 42)] as [(OffloadHeader.Segmentation.Kind, Int)], [5000, 1448, 1449, 2896])
    func segments(_ kind: (OffloadHeader.Segmentation.Kind, Int), _ payload: Int) throws {
        var output = FrameOutput(.absent)
        let frame = frame(kind.0, payload: payload, size: 1448)
        // At a place that is not the array's beginning.
        let isTaken = output.append([9, 9, 9] + frame, 3..<3 + frame.count)
        #expect(isTaken)
        let found = try records(&output)
        let sizes = stride(from: 0, to: payload, by: 1448).map { kind.1 + min(1448, payload - $0) }
        #expect(found.map(\.count) == sizes)
        #expect(found.allSatisfy(isSound))
        #expect(found.flatMap { $0[kind.1...] } == Array(frame.suffix(payload)))
    }

    @Test("a checksum that was begun is finished")
    func checksum() throws {
        var output = FrameOutput(.absent)
        let frame = frame(.tcp4, payload: 101, size: nil)
        let isTaken = output.append(frame, frame.indices)
        #expect(isTaken)
        let found = try records(&output)
        #expect(found.map(\.count) == [155])
        #expect(found.allSatisfy(isSound))
    }

    @Test("an end that understands headers gets the frame whole, as it was")
    func whole() throws {
        var output = FrameOutput(.present)
        let frame = frame(.tcp4, payload: 5000, size: 1448)
        let isTaken = output.append(frame, frame.indices)
        #expect(isTaken)
        let found = try records(&output)
        #expect(found == [frame])
    }

    @Test("a header that does not fit its frame: dropped, and the stream goes on")
    func wrongHeader() throws {
        var output = FrameOutput(.absent)
        var wrong = frame(.tcp4, payload: 100, size: 10)
        // csum_start beyond the frame.
        (wrong[6], wrong[7]) = (0xFF, 0xFF)
        let next = Frames.ethernet(2)
        let isTaken = output.append(wrong, wrong.indices)
        #expect(isTaken)
        let isNextTaken = output.append(Frames.noHeader + next, 0..<NetworkFrame.headerSize + next.count)
        #expect(isNextTaken)
        let found = try records(&output)
        #expect(found == [next])
    }

    @Test("pieces that are mostly headers are more than fits: dropped as a whole, never cut")
    func manyPieces() throws {
        var output = FrameOutput(.absent)
        let frame = frame(.tcp4, payload: 60_000, size: 1)
        let isTaken = output.append(frame, frame.indices)
        #expect(isTaken)
        #expect(output.isEmpty)
    }

    @Test("without room it says so, and takes the same frame when there is room again")
    func full() throws {
        var output = FrameOutput(.absent)
        let frame = frame(.tcp4, payload: 60_000, size: 1448)
        var taken = 0
        while output.append(frame, frame.indices) { taken += 1 }
        #expect(taken > 0 && taken < 10)
        #expect(output.isWorthFlushing && output.isHalfFull)
        output.removeAll()
        let isTaken = output.append(frame, frame.indices)
        #expect(isTaken)
        #expect(!output.isEmpty)
    }
}
