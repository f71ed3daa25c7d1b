/// What stands before a frame and says what is still to be done to it: struct virtio_net_hdr, which Linux's tap has too.
///
/// A value of this type fits its frame: offsets lie in it, and what is asked for can be done. `init` reads each byte once.
/// Source: virtio 1.2 §5.1.6, §5.1.6.2.1; GSO_UDP_L4 as in §5.1.6.
package struct OffloadHeader: Hashable, Sendable {
    package static let byteCount = 12

    /// A checksum that was begun: the field holds the sum of the pseudo header.
    package struct PartialChecksum: Hashable, Sendable {
        /// Where the sum begins, from the start of the frame.
        package var start: UInt16
        /// Where its field is, from `start`.
        package var offset: UInt16

        package init(start: UInt16, offset: UInt16) {
            self.start = start
            self.offset = offset
        }
    }

    /// A frame that stands for several.
    package struct Segmentation: Hashable, Sendable {
        package enum Kind: UInt8, Hashable, Sendable {
            case tcp4 = 1
            case tcp6 = 4
            /// UDP over either IP, each piece with a header of its own.
            case udp = 5
        }

        package var kind: Kind
        /// Bytes of payload in each piece but the last, at least 1.
        package var size: UInt16
        /// The TCP header has CWR set, which only the first piece keeps.
        package var hasCWR: Bool

        package init(kind: Kind, size: UInt16, hasCWR: Bool = false) {
            self.kind = kind
            self.size = size
            self.hasCWR = hasCWR
        }
    }

    /// Nil: it is complete, or nobody looks at it.
    package var checksum: PartialChecksum?
    /// Nil: the frame is one.
    package var segmentation: Segmentation?
    /// The checksum has been looked at and is right.
    package var isVerified: Bool
    /// How long all headers may be. Only a hint, and often wrong.
    package var headerLength: UInt16

    package init(
        checksum: PartialChecksum? = nil, segmentation: Segmentation? = nil, isVerified: Bool = false,
        headerLength: UInt16 = 0
    ) {
        self.checksum = checksum
        self.segmentation = segmentation
        self.isVerified = isVerified
        self.headerLength = headerLength
    }

    private static let needsChecksumBit: UInt8 = 1
    private static let dataValidBit: UInt8 = 2
    private static let ecnBit: UInt8 = 0x80

    /// The header at `bytes[offset...]`, of a frame of `frameLength` bytes behind it. Unknown flags are ignored.
    package init(_ bytes: [UInt8], at offset: Int, frameLength: Int) throws(OffloadFault) {
        let flags = bytes[offset]
        let kind = bytes[offset + 1]
        let size = bytes.littleHalfword(at: offset + 4)
        isVerified = flags & Self.dataValidBit != 0
        headerLength = UInt16(clamping: min(Int(bytes.littleHalfword(at: offset + 2)), frameLength))
        if flags & Self.needsChecksumBit != 0 {
            let partial = PartialChecksum(
                start: bytes.littleHalfword(at: offset + 6), offset: bytes.littleHalfword(at: offset + 8))
            guard Int(partial.start) + Int(partial.offset) + 2 <= frameLength else {
                throw .checksumOutsideFrame(partial, frameLength: frameLength)
            }
            checksum = partial
        }
        guard kind & ~Self.ecnBit != 0 else { return }
        guard let known = Segmentation.Kind(rawValue: kind & ~Self.ecnBit) else { throw .unknownSegmentation(kind) }
        guard checksum != nil else { throw .segmentationWithoutChecksum }
        guard size > 0 else { throw .emptySegments }
        segmentation = Segmentation(kind: known, size: size, hasCWR: kind & Self.ecnBit != 0)
    }

    /// Writes it to `bytes[offset...]`; `bufferCount` is what a driver of virtio wants to know besides.
    package func write(into bytes: inout [UInt8], at offset: Int, bufferCount: UInt16 = 0) {
        bytes[offset] = (checksum != nil ? Self.needsChecksumBit : 0) | (isVerified ? Self.dataValidBit : 0)
        bytes[offset + 1] = segmentation.map { $0.kind.rawValue | ($0.hasCWR ? Self.ecnBit : 0) } ?? 0
        bytes.setLittleHalfword(headerLength, at: offset + 2)
        bytes.setLittleHalfword(segmentation?.size ?? 0, at: offset + 4)
        bytes.setLittleHalfword(checksum?.start ?? 0, at: offset + 6)
        bytes.setLittleHalfword(checksum?.offset ?? 0, at: offset + 8)
        bytes.setLittleHalfword(bufferCount, at: offset + 10)
    }
}

/// What is wrong with the header of a frame. The frame is worth nothing then.
package enum OffloadFault: Error, Hashable, Sendable {
    case checksumOutsideFrame(OffloadHeader.PartialChecksum, frameLength: Int)
    case unknownSegmentation(UInt8)
    case segmentationWithoutChecksum
    case emptySegments
}
