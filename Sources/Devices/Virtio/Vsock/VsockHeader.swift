internal import VMMCore

/// The header of a packet between guest and host, read once. Pure; what it says is not checked yet.
///
/// Source: virtio 1.2 §5.10.6, struct virtio_vsock_hdr: 44 bytes, little endian, no padding.
package struct VsockHeader: Hashable, Sendable {
    package static let size = 44

    /// Source: virtio 1.2 §5.10.6, enum virtio_vsock_op. 0 is invalid.
    package enum Operation: UInt16, Sendable {
        case request = 1
        case response = 2
        case reset = 3
        case shutdown = 4
        case data = 5
        case creditUpdate = 6
        case creditRequest = 7
    }

    /// VIRTIO_VSOCK_TYPE_STREAM: the one type that has no feature bit.
    package static let stream: UInt16 = 1
    /// The host's own CID. Source: virtio 1.2 §5.10.4.
    package static let hostCID: UInt64 = 2
    /// VIRTIO_VSOCK_SHUTDOWN_F_RECEIVE: who sends it will not receive any more.
    package static let noMoreReceives: UInt32 = 1
    /// VIRTIO_VSOCK_SHUTDOWN_F_SEND: who sends it will not send any more.
    package static let noMoreSends: UInt32 = 2

    package var sourceCID: UInt64
    package var destinationCID: UInt64
    package var sourcePort: UInt32
    package var destinationPort: UInt32
    /// Of the payload, in bytes.
    package var length: UInt32
    package var type: UInt16
    package var operation: UInt16
    package var flags: UInt32
    /// The sender's whole buffer for this connection, in bytes.
    package var bufferSize: UInt32
    /// Bytes that the sender has taken out of that buffer; wraps.
    package var forwarded: UInt32

    package init(
        from source: (cid: UInt64, port: UInt32), to destination: (cid: UInt64, port: UInt32), _ operation: Operation,
        length: UInt32 = 0, flags: UInt32 = 0, type: UInt16 = stream
    ) {
        (sourceCID, sourcePort) = source
        (destinationCID, destinationPort) = destination
        self.length = length
        self.type = type
        self.operation = operation.rawValue
        self.flags = flags
        (bufferSize, forwarded) = (0, 0)
    }

    /// Reads the first `size` bytes; nil: there are fewer.
    package init?(_ bytes: [UInt8]) {
        guard bytes.count >= Self.size else { return nil }
        sourceCID = Self.integer(bytes, at: 0, size: 8)
        destinationCID = Self.integer(bytes, at: 8, size: 8)
        sourcePort = UInt32(truncatingIfNeeded: Self.integer(bytes, at: 16, size: 4))
        destinationPort = UInt32(truncatingIfNeeded: Self.integer(bytes, at: 20, size: 4))
        length = UInt32(truncatingIfNeeded: Self.integer(bytes, at: 24, size: 4))
        type = UInt16(truncatingIfNeeded: Self.integer(bytes, at: 28, size: 2))
        operation = UInt16(truncatingIfNeeded: Self.integer(bytes, at: 30, size: 2))
        flags = UInt32(truncatingIfNeeded: Self.integer(bytes, at: 32, size: 4))
        bufferSize = UInt32(truncatingIfNeeded: Self.integer(bytes, at: 36, size: 4))
        forwarded = UInt32(truncatingIfNeeded: Self.integer(bytes, at: 40, size: 4))
    }

    /// Appends the `size` bytes. With room reserved in `bytes` nothing is allocated.
    package func encode(to bytes: inout [UInt8]) {
        Self.append(sourceCID, size: 8, to: &bytes)
        Self.append(destinationCID, size: 8, to: &bytes)
        Self.append(UInt64(sourcePort), size: 4, to: &bytes)
        Self.append(UInt64(destinationPort), size: 4, to: &bytes)
        Self.append(UInt64(length), size: 4, to: &bytes)
        Self.append(UInt64(type), size: 2, to: &bytes)
        Self.append(UInt64(operation), size: 2, to: &bytes)
        Self.append(UInt64(flags), size: 4, to: &bytes)
        Self.append(UInt64(bufferSize), size: 4, to: &bytes)
        Self.append(UInt64(forwarded), size: 4, to: &bytes)
    }

    /// VIRTIO_VSOCK_OP_RST to who sent this one, from where it was sent to, of the same type.
    package var refusal: VsockHeader {
        VsockHeader(
            from: (destinationCID, destinationPort), to: (sourceCID, sourcePort), .reset, type: type)
    }

    /// What a VIRTIO_VSOCK_OP_SHUTDOWN's flags say.
    static func halves(_ flags: UInt32) -> VsockHalves {
        var halves: VsockHalves = []
        if flags & noMoreSends != 0 { halves.insert(.sends) }
        if flags & noMoreReceives != 0 { halves.insert(.receives) }
        return halves
    }

    static func flags(_ halves: VsockHalves) -> UInt32 {
        (halves.contains(.sends) ? noMoreSends : 0) | (halves.contains(.receives) ? noMoreReceives : 0)
    }

    private static func integer(_ bytes: [UInt8], at offset: Int, size: Int) -> UInt64 {
        var value: UInt64 = 0
        for index in (offset..<offset + size).reversed() { value = value << 8 | UInt64(bytes[index]) }
        return value
    }

    private static func append(_ value: UInt64, size: Int, to bytes: inout [UInt8]) {
        for index in 0..<size { bytes.append(UInt8(truncatingIfNeeded: value >> UInt64(index * 8))) }
    }
}
