/// The frames that a large one stands for: each with the headers of the large one, lengths, numbers and checksums its own.
///
/// It holds no bytes; who has the large frame gives it with each call. Pure; nothing is allocated.
/// Source: virtio 1.2 §5.1.6.2; RFC 9293 (sequence numbers, PSH and FIN with the last), RFC 3168 §6.1.2 (CWR with the first);
/// identifications count on, as RFC 6864 wants of datagrams of a flow.
package struct FrameSegments: Sendable {
    /// Most frames of one: pieces of 32 bytes. One that asks for 65535 frames keeps the host busy for nothing.
    package static let limit = 2048

    package let count: Int
    /// The size of the largest, in bytes.
    package let maximumLength: Int
    private let frame: Range<Int>
    private let layout: FrameLayout
    private let transport: FrameLayout.Transport
    private let size: Int
    private var nextIndex = 0

    /// Nil: the frame `bytes[frame]` is not what `header` says, or would become too many; or `header` asks for no segmentation.
    package init?(_ bytes: [UInt8], _ frame: Range<Int>, _ header: OffloadHeader) {
        guard let segmentation = header.segmentation, let layout = FrameLayout(bytes, frame),
            let transport = layout.transport, let checksum = header.checksum,
            frame.lowerBound + Int(checksum.start) == layout.transportOffset, segmentation.size > 0
        else { return nil }
        switch (segmentation.kind, layout.network, transport) {
        case (.tcp4, .ipv4, .tcp), (.tcp6, .ipv6, .tcp), (.udp, .ipv4, .udp), (.udp, .ipv6, .udp): break
        case (.tcp4, _, _), (.tcp6, _, _), (.udp, _, .tcp): return nil
        }
        self.frame = frame
        self.layout = layout
        self.transport = transport
        size = Int(segmentation.size)
        let payload = frame.upperBound - layout.payloadOffset
        count = max(1, (payload + size - 1) / size)
        maximumLength = layout.payloadOffset - frame.lowerBound + min(size, payload)
        // IP's own lengths have 16 bits.
        guard count <= Self.limit, maximumLength <= 0xFFFF else { return nil }
    }

    /// Puts the next frame into `target[offset...]`, which has room for `maximumLength` bytes, and gives its length; nil behind
    /// the last.
    package mutating func next(of bytes: [UInt8], into target: inout [UInt8], at offset: Int) -> Int? {
        guard nextIndex < count else { return nil }
        let index = nextIndex
        nextIndex += 1
        let headers = frame.lowerBound..<layout.payloadOffset
        let start = layout.payloadOffset + index * size
        let payload = start..<min(start + size, frame.upperBound)
        target.copy(bytes, headers, to: offset)
        target.copy(bytes, payload, to: offset + headers.count)
        let end = offset + headers.count + payload.count
        let moved = offset - frame.lowerBound
        writeNetworkHeader(&target, layout.networkOffset + moved, layout.transportOffset + moved, end, index)
        writeTransportHeader(&target, layout.transportOffset + moved, bytes, end, index)
        return end - offset
    }

    private func writeNetworkHeader(
        _ target: inout [UInt8], _ start: Int, _ headerEnd: Int, _ end: Int, _ index: Int
    ) {
        switch layout.network {
        case .ipv4:
            target.setBigHalfword(UInt16(truncatingIfNeeded: end - start), at: start + 2)
            let identification = target.bigHalfword(at: start + 4)
            target.setBigHalfword(identification &+ UInt16(truncatingIfNeeded: index), at: start + 4)
            target.setBigHalfword(0, at: start + 10)
            let sum = InternetChecksum.sum(target, start..<headerEnd)
            target.setBigHalfword(InternetChecksum.fold(sum), at: start + 10)
        case .ipv6: target.setBigHalfword(UInt16(truncatingIfNeeded: end - start - 40), at: start + 4)
        }
    }

    /// Bits of TCP's byte 13.
    private static let finAndPush: UInt8 = 0x09
    private static let congestionWindowReduced: UInt8 = 0x80

    private func writeTransportHeader(
        _ target: inout [UInt8], _ start: Int, _ bytes: [UInt8], _ end: Int, _ index: Int
    ) {
        let field: Int
        switch transport {
        case .tcp:
            let sequence = target.bigWord(at: start + 4)
            target.setBigWord(sequence &+ UInt32(truncatingIfNeeded: index * size), at: start + 4)
            if index < count - 1 { target[start + 13] &= ~Self.finAndPush }
            if index > 0 { target[start + 13] &= ~Self.congestionWindowReduced }
            field = start + 16
        case .udp:
            target.setBigHalfword(UInt16(truncatingIfNeeded: end - start), at: start + 4)
            field = start + 6
        }
        target.setBigHalfword(0, at: field)
        let pseudo = InternetChecksum.pseudoHeader(bytes, layout, transport, length: end - start)
        let value = InternetChecksum.fold(pseudo + InternetChecksum.sum(target, start..<end))
        target.setBigHalfword(value == 0 && transport == .udp ? 0xFFFF : value, at: field)
    }
}
