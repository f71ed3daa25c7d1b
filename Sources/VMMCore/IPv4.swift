/// An IPv4 address.
public struct IPv4Address: Hashable, Sendable, CustomStringConvertible {
    /// The first of its four numbers in the highest byte.
    public var rawValue: UInt32

    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// Four decimal numbers with dots; nil: it is something else. Numbers with a leading zero, which some read as octal, are refused.
    public init?(_ text: String) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        rawValue = 0
        for part in parts {
            guard part.utf8.allSatisfy({ (0x30...0x39).contains($0) }), part.count == 1 || part.first != "0",
                let number = UInt8(part)
            else { return nil }
            rawValue = rawValue << 8 | UInt32(number)
        }
    }

    public var description: String {
        [24, 16, 8, 0].map { String(rawValue >> UInt32($0) & 0xFF) }.joined(separator: ".")
    }

    public static let loopback = IPv4Address(rawValue: 0x7F00_0001)
}

/// A range of IPv4 addresses that share their first bits: `10.0.2.0/24`.
public struct IPv4Network: Hashable, Sendable, CustomStringConvertible {
    /// All bits behind the prefix are 0.
    public let address: IPv4Address
    /// How many bits are shared: 0 to 32.
    public let prefixLength: Int

    /// Nil: there are not so many bits, or the address has others set.
    public init?(_ address: IPv4Address, prefixLength: Int) {
        guard (0...32).contains(prefixLength) else { return nil }
        self.init(checked: address, prefixLength)
        guard address.rawValue & ~mask.rawValue == 0 else { return nil }
    }

    private init(checked address: IPv4Address, _ prefixLength: Int) {
        self.address = address
        self.prefixLength = prefixLength
    }

    /// 10.0.2.0/24: what guests of user networks are used to.
    public static let usual = IPv4Network(checked: IPv4Address(rawValue: 0x0A00_0200), 24)

    public init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 2, let address = IPv4Address(parts[0]), let length = UInt8(parts[1]) else { return nil }
        self.init(address, prefixLength: Int(length))
    }

    public var mask: IPv4Address { IPv4Address(rawValue: prefixLength == 0 ? 0 : ~0 << UInt32(32 - prefixLength)) }

    public func contains(_ other: IPv4Address) -> Bool { other.rawValue & mask.rawValue == address.rawValue }

    /// The address of this number in the network; nil: it is not that large.
    public func host(_ number: UInt32) -> IPv4Address? {
        let host = IPv4Address(rawValue: address.rawValue | number)
        return number & mask.rawValue == 0 ? host : nil
    }

    public var description: String { "\(address)/\(prefixLength)" }
}
