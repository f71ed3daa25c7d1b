internal import VMMCore

/// Where a CPU is to stop before it executes or accesses something: the points of whoever debugs the machine from outside, and
/// those of the guest's own debug registers. There is one mechanism for both.
///
/// A breakpoint is looked at when a block is decoded: an instruction whose place within its page is a point's becomes a
/// block of its own that asks before it is executed. (Blocks are known by physical address, points by virtual: hence the place
/// within a page.) A watchpoint's page is kept out of the soft TLB, and the slow way of an access asks.
struct DebugPoints {
    var hostBreakpoints: Set<UInt64> = []
    var hostWatchpoints: [Watchpoint] = []
    /// The enabled ones among DBGBCR<n>_EL1 and DBGWCR<n>_EL1; empty while debug exceptions are off.
    var guestBreakpoints: [GuestBreakpoint] = []
    var guestWatchpoints: [GuestWatchpoint] = []

    var hasBreakpoints: Bool { !hostBreakpoints.isEmpty || !guestBreakpoints.isEmpty }
    /// Asked on the slow way of each access.
    private(set) var hasWatchpoints = false

    /// After a change of the watchpoints.
    mutating func refresh() { hasWatchpoints = !hostWatchpoints.isEmpty || !guestWatchpoints.isEmpty }

    /// An instruction at this place within its page may have a breakpoint.
    func concernsInstruction(at address: UInt64) -> Bool {
        func isSamePlace(_ other: UInt64) -> Bool { (other ^ address) & ~SoftTLB.pageMask == 0 }
        return hostBreakpoints.contains(where: isSamePlace)
            || guestBreakpoints.contains { $0.address.map(isSamePlace) ?? true }
    }

    /// Accesses to the page that holds `address` must be asked for.
    func concernsPage(of address: UInt64) -> Bool {
        let page = Self.canonical(address) & SoftTLB.pageMask
        return hostWatchpoints.contains {
            Self.overlap(page, SoftTLB.pageSize, Self.canonical($0.address.rawValue), $0.size) != nil
        }
            || guestWatchpoints.contains { Self.overlap(page, SoftTLB.pageSize, $0.address, $0.size) != nil }
    }

    /// The first byte of the watched range that `size` bytes from `address` touch, by somebody outside.
    func hostWatch(_ address: UInt64, _ size: UInt64, isWrite: Bool) -> UInt64? {
        for point in hostWatchpoints where isWrite ? point.isOnWrites : point.isOnReads {
            if let byte = Self.overlap(address, size, Self.canonical(point.address.rawValue), point.size) {
                return byte
            }
        }
        return nil
    }

    /// The address without its tag: bit 55 says which half it is in.
    static func canonical(_ address: UInt64) -> UInt64 { UInt64(bitPattern: Int64(bitPattern: address << 8) >> 8) }

    /// The first byte that two ranges share. Ranges may wrap.
    static func overlap(_ first: UInt64, _ firstSize: UInt64, _ second: UInt64, _ secondSize: UInt64) -> UInt64? {
        if first &- second < secondSize { return first }
        return second &- first < firstSize ? second : nil
    }
}
