package import VMMCore

/// The kinds of exits that reports and timelines count.
package enum ExitKind: Int, CaseIterable, Sendable {
    case mmioRead, mmioWrite, portRead, portWrite, halted, interrupted, shutdown, systemEvent, debug, failure
    case refusedRegister

    /// The name in reports, statistics and timelines.
    package var name: String {
        switch self {
        case .mmioRead: "mmio read"
        case .mmioWrite: "mmio write"
        case .portRead: "port read"
        case .portWrite: "port write"
        case .halted: "halt"
        case .interrupted: "kick"
        case .shutdown: "shutdown"
        case .systemEvent: "system event"
        case .debug: "debug"
        case .failure: "failure"
        case .refusedRegister: "unknown MSR"
        }
    }
}

extension VCPUExit {
    @inline(__always)
    var kind: ExitKind {
        switch self {
        case .mmioRead: .mmioRead
        case .mmioWrite: .mmioWrite
        case .portRead: .portRead
        case .portWrite: .portWrite
        case .halted: .halted
        case .interrupted: .interrupted
        case .shutdown: .shutdown
        case .systemEvent: .systemEvent
        case .debug: .debug
        case .failure: .failure
        case .refusedRegister: .refusedRegister
        }
    }
}

/// One vCPU's exits: a count by kind, and the last ones. Belongs to the vCPU's thread; recording allocates nothing.
package struct ExitTrace: Sendable {
    /// How many of the last exits a report can show.
    package static let capacity = 32

    private var ring = InlineArray<32, VCPUExit>(repeating: .interrupted)
    private var counts = InlineArray<11, UInt64>(repeating: 0)
    /// All exits so far.
    package private(set) var total: UInt64 = 0

    package init() {}

    /// - Parameter kind: the exit's, which the exit loop knows without another look.
    @inline(__always)
    mutating func record(_ exit: VCPUExit, _ kind: ExitKind) {
        ring[Int(truncatingIfNeeded: total) & (Self.capacity - 1)] = exit
        counts[kind.rawValue] &+= 1
        total &+= 1
    }

    /// The exit that was recorded last.
    var latest: VCPUExit { ring[Int(truncatingIfNeeded: total &- 1) & (Self.capacity - 1)] }

    package func count(of kind: ExitKind) -> UInt64 { counts[kind.rawValue] }

    /// The last exits, oldest first, at most `capacity`.
    package var last: [VCPUExit] {
        let kept = min(total, UInt64(Self.capacity))
        return (total - kept..<total).map { ring[Int(truncatingIfNeeded: $0) & (Self.capacity - 1)] }
    }
}
