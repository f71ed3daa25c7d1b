/// Sums of 16-bit words in ones' complement, in the network's order.
///
/// Source: RFC 1071; RFC 793 and RFC 8200 §8.1 for pseudo headers.
package enum InternetChecksum {
    /// Sums `bytes[range]`, at most 64 MiB; a last odd byte is the upper half of a word. Not folded.
    package static func sum(_ bytes: [UInt8], _ range: Range<Int>) -> UInt64 {
        // Two sums that need no look at the position of a byte: of all, and of those at even distances. The compiler makes
        // vectors of this loop, and proves the bounds once.
        let span = bytes.span.extracting(range)
        var all: UInt32 = 0
        var upper: UInt32 = 0
        for index in 0..<span.count {
            let byte = UInt32(span[index])
            all &+= byte
            upper &+= byte & (UInt32(truncatingIfNeeded: index & 1) &- 1)
        }
        return UInt64(upper) << 8 &+ UInt64(all &- upper)
    }

    /// What goes into a checksum field whose words sum up to `sum`.
    package static func fold(_ sum: UInt64) -> UInt16 {
        var folded = sum
        while folded > 0xFFFF { folded = folded >> 16 &+ folded & 0xFFFF }
        return ~UInt16(truncatingIfNeeded: folded)
    }

    /// The sum of the pseudo header of `length` bytes that TCP or UDP send, header included.
    package static func pseudoHeader(
        _ bytes: [UInt8], _ layout: FrameLayout, _ transport: FrameLayout.Transport, length: Int
    ) -> UInt64 {
        let addresses =
            switch layout.network {
            case .ipv4: layout.networkOffset + 12..<layout.networkOffset + 20
            case .ipv6: layout.networkOffset + 8..<layout.networkOffset + 40
            }
        return sum(bytes, addresses) + UInt64(length) + (transport == .tcp ? 6 : 17)
    }
}

extension OffloadHeader {
    /// Completes the checksum of the frame `bytes[frame]` that was begun, and gives the header of what it is then. The frame is
    /// as long as the one that the header was read for. Without a partial checksum nothing happens.
    ///
    /// A frame that stands for several gets the checksum that it has as one.
    package func completingChecksum(of bytes: inout [UInt8], _ frame: Range<Int>) -> OffloadHeader {
        guard let checksum else { return self }
        let start = frame.lowerBound + Int(checksum.start)
        let field = start + Int(checksum.offset)
        guard field + 2 <= frame.upperBound else { return self }
        let value = InternetChecksum.fold(InternetChecksum.sum(bytes, start..<frame.upperBound))
        // Zero is "none" in UDP (RFC 768), and the same number in any case.
        bytes.setBigHalfword(value == 0 ? 0xFFFF : value, at: field)
        var done = self
        done.checksum = nil
        return done
    }
}
