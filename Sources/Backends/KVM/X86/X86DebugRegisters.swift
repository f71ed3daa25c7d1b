internal import VMMCore

/// DR0 to DR3 and DR7 for a set of points. Source: Intel SDM vol. 3B, 18.2.4 "Debug Control Register (DR7)".
struct X86DebugRegisters: Hashable, Sendable {
    /// The R/W field.
    enum Kind: UInt64 {
        case execute = 0
        case write = 1
        case access = 3
    }

    private(set) var addresses: InlineArray<4, UInt64> = InlineArray(repeating: 0)
    /// DR7. Bit 10 is always 1.
    private(set) var control: UInt64 = 1 << 10
    private var count = 0

    init() {}

    /// Nil: more than four registers would be needed, or a watchpoint on reads alone, which x86 does not have.
    init?(_ points: DebugPointSet) {
        for address in points.breakpoints.sorted(by: { $0.rawValue < $1.rawValue }) {
            guard add(address.rawValue, size: 1, .execute) else { return nil }
        }
        for point in points.watchpoints {
            guard point.isOnWrites else { return nil }
            var (address, rest) = (point.address.rawValue, point.size)
            guard rest <= 32 else { return nil }
            while rest > 0 {
                // The largest naturally aligned piece of 1, 2, 4 or 8 bytes.
                var size: UInt64 = 8
                while size > rest || address % size != 0 { size /= 2 }
                guard add(address, size: size, point.isOnReads ? .access : .write) else { return nil }
                address &+= size
                rest -= size
            }
        }
    }

    var isEmpty: Bool { count == 0 }

    /// What register `index` looks for; nil: it is not used.
    func kind(of index: Int) -> Kind? {
        index < count ? Kind(rawValue: control >> UInt64(16 + index * 4) & 3) : nil
    }

    private mutating func add(_ address: UInt64, size: UInt64, _ kind: Kind) -> Bool {
        guard count < 4 else { return false }
        addresses[count] = address
        // LEN: 0 for 1 byte and for instructions, 1 for 2, 3 for 4, 2 for 8.
        let length: UInt64 =
            switch size {
            case 2: 1
            case 4: 3
            case 8: 2
            default: 0
            }
        // G<n>, and the field of four bits.
        control |= 1 << UInt64(count * 2 + 1)
        control |= (length << 2 | kind.rawValue) << UInt64(16 + count * 4)
        count += 1
        return true
    }

    static func == (left: Self, right: Self) -> Bool {
        left.control == right.control && (0..<4).allSatisfy { left.addresses[$0] == right.addresses[$0] }
    }

    func hash(into hasher: inout Hasher) {
        hasher.combine(control)
        for index in 0..<4 { hasher.combine(addresses[index]) }
    }
}
