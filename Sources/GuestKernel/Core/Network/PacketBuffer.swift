/// A piece of memory for one Ethernet frame, handed on and never copied: from the device to whoever handles the frame, and back.
///
/// Whoever holds it owns it. Reads beyond the frame give 0, writes there are ignored: what a frame says of its own lengths may
/// be anything. Numbers are big-endian, as networks' are.
package final class PacketBuffer {
    /// Room before a frame, for a device's header.
    package static var headroom: Int { 64 }
    package static var memorySize: Int { 2048 }
    /// The longest frame.
    package static var capacity: Int { memorySize - headroom }

    package let memory: DMAMemory
    /// Length of the frame in bytes.
    package private(set) var count = 0
    /// The next in a list of buffers: the owner's.
    package var next: PacketBuffer?

    /// - Parameter memory: `memorySize` bytes.
    package init(_ memory: DMAMemory) {
        precondition(memory.count >= Self.memorySize)
        self.memory = memory
    }

    /// Sets the frame's length; 0 to `capacity`. The bytes are what they were.
    package func setCount(_ count: Int) { self.count = min(max(count, 0), Self.capacity) }

    package subscript(offset: Int) -> UInt8 {
        get { offset >= 0 && offset < count ? memory.storage[Self.headroom + offset] : 0 }
        set { if offset >= 0, offset < count { memory.storage[Self.headroom + offset] = newValue } }
    }

    package func load16(_ offset: Int) -> UInt16 { UInt16(self[offset]) << 8 | UInt16(self[offset + 1]) }
    package func load32(_ offset: Int) -> UInt32 { UInt32(load16(offset)) << 16 | UInt32(load16(offset + 2)) }

    package func store16(_ value: UInt16, _ offset: Int) {
        self[offset] = UInt8(value >> 8)
        self[offset + 1] = UInt8(truncatingIfNeeded: value)
    }

    package func store32(_ value: UInt32, _ offset: Int) {
        store16(UInt16(value >> 16), offset)
        store16(UInt16(truncatingIfNeeded: value), offset + 2)
    }

    package func loadHardwareAddress(_ offset: Int) -> HardwareAddress {
        HardwareAddress(UInt64(load16(offset)) << 32 | UInt64(load32(offset + 2)))
    }

    package func store(_ address: HardwareAddress, _ offset: Int) {
        store16(UInt16(truncatingIfNeeded: address.rawValue >> 32), offset)
        store32(UInt32(truncatingIfNeeded: address.rawValue), offset + 2)
    }

    package func clear(_ range: Range<Int>) { for offset in range { self[offset] = 0 } }

    /// The checksum of `count` bytes, as it stands in a header. Over a header with its checksum: 0. Source: RFC 1071.
    package func checksum(_ start: Int, count: Int) -> UInt16 {
        var sum: UInt64 = 0
        for offset in stride(from: 0, to: count & ~1, by: 2) { sum += UInt64(load16(start + offset)) }
        if count & 1 != 0 { sum += UInt64(self[start + count - 1]) << 8 }
        while sum >> 16 != 0 { sum = sum & 0xFFFF + sum >> 16 }
        return ~UInt16(sum)
    }
}

/// An Ethernet address, in the low 48 bits.
package struct HardwareAddress: Equatable, Sendable {
    package let rawValue: UInt64

    package init(_ rawValue: UInt64) { self.rawValue = rawValue & 0xFFFF_FFFF_FFFF }

    package static var broadcast: HardwareAddress { HardwareAddress(.max) }
}

/// An IPv4 address, first byte highest.
package struct IPv4Address: Equatable, Sendable {
    package let rawValue: UInt32

    package init(_ rawValue: UInt32) { self.rawValue = rawValue }

    package static var any: IPv4Address { IPv4Address(0) }
    package static var broadcast: IPv4Address { IPv4Address(.max) }

    /// Reads `a.b.c.d`; nil for anything else.
    package init?(_ text: [UInt8]) {
        var value: UInt32 = 0
        var part: UInt32?
        var parts = 0
        for byte in text {
            if byte == 0x2E {
                guard let done = part, parts < 3 else { return nil }
                value = value << 8 | done
                parts += 1
                part = nil
            } else {
                let digit = byte &- 0x30
                guard digit < 10 else { return nil }
                let next = (part ?? 0) * 10 + UInt32(digit)
                guard next < 256 else { return nil }
                part = next
            }
        }
        guard parts == 3, let last = part else { return nil }
        rawValue = value << 8 | last
    }
}

extension TextOutput {
    package final func write(_ address: IPv4Address) {
        for shift: UInt32 in [24, 16, 8, 0] {
            write(decimal: UInt64(address.rawValue >> shift & 0xFF))
            if shift > 0 { put(0x2E) }
        }
    }

    package final func write(_ address: HardwareAddress) {
        for shift: UInt64 in [40, 32, 24, 16, 8, 0] {
            write(hex: address.rawValue >> shift & 0xFF, digits: 2)
            if shift > 0 { put(0x3A) }
        }
    }
}
