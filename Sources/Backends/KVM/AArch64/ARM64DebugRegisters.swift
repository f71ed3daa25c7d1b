internal import VMMCore

/// DBGBCR, DBGBVR, DBGWCR and DBGWVR for a set of points, all for EL1 and EL0.
/// Source: Arm DDI 0487, D23.3.3 (DBGBCR<n>_EL1), D23.3.14 (DBGWCR<n>_EL1).
struct ARM64DebugRegisters: Hashable, Sendable {
    struct Pair: Hashable, Sendable {
        let control: UInt64
        let value: UInt64
    }

    private(set) var breakpoints: [Pair] = []
    private(set) var watchpoints: [Pair] = []

    init() {}

    /// Nil: more registers would be needed than there are, or one watchpoint of more than 64 bytes, or of none.
    init?(_ points: DebugPointSet, breakpointLimit: Int, watchpointLimit: Int) {
        for address in points.breakpoints.sorted(by: { $0.rawValue < $1.rawValue }) {
            // E 0, PMC 2:1 (EL1 and EL0), BAS 8:5 (all four bytes of an instruction).
            breakpoints.append(Pair(control: 0xF << 5 | 0b11 << 1 | 1, value: address.rawValue & ~3))
        }
        for point in points.watchpoints {
            guard (1...64).contains(point.size), point.isOnReads || point.isOnWrites else { return nil }
            // LSC 4:3: bit 3 for loads, bit 4 for stores.
            let accesses: UInt64 = (point.isOnReads ? 1 : 0) | (point.isOnWrites ? 2 : 0)
            var (address, rest) = (point.address.rawValue, point.size)
            while rest > 0 {
                let first = address & 7
                let size = min(8 - first, rest)
                // E 0, PAC 2:1, BAS 12:5: a bit for each byte of the doubleword.
                let bytes = (((1 as UInt64) << size) - 1) << first
                watchpoints.append(Pair(control: bytes << 5 | accesses << 3 | 0b11 << 1 | 1, value: address & ~7))
                address &+= size
                rest -= size
            }
        }
        guard breakpoints.count <= breakpointLimit, watchpoints.count <= watchpointLimit else { return nil }
    }

    var isEmpty: Bool { breakpoints.isEmpty && watchpoints.isEmpty }
}
