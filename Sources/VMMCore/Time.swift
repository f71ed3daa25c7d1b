/// A duration or a point of a `Clock`, in nanoseconds.
package struct Nanoseconds: RawRepresentable, Hashable, Comparable, Sendable {
    package var rawValue: UInt64

    package init(rawValue: UInt64) { self.rawValue = rawValue }
    package init(_ rawValue: UInt64) { self.rawValue = rawValue }

    package static let zero = Nanoseconds(0)
    package static func microseconds(_ count: UInt64) -> Nanoseconds { scaled(count, by: 1_000) }
    package static func milliseconds(_ count: UInt64) -> Nanoseconds { scaled(count, by: 1_000_000) }
    package static func seconds(_ count: UInt64) -> Nanoseconds { scaled(count, by: 1_000_000_000) }

    package static func < (left: Nanoseconds, right: Nanoseconds) -> Bool { left.rawValue < right.rawValue }

    /// The sum, or the last representable time when that is past it.
    package static func + (left: Nanoseconds, right: Nanoseconds) -> Nanoseconds {
        let (sum, overflow) = left.rawValue.addingReportingOverflow(right.rawValue)
        return Nanoseconds(overflow ? .max : sum)
    }

    /// The difference, or zero when `right` is later.
    package static func - (left: Nanoseconds, right: Nanoseconds) -> Nanoseconds {
        Nanoseconds(left.rawValue > right.rawValue ? left.rawValue - right.rawValue : 0)
    }

    /// Seconds with six decimals, for messages.
    package var inSeconds: String {
        let digits = String(rawValue / 1_000 % 1_000_000)
        return "\(rawValue / 1_000_000_000).\(String(repeating: "0", count: 6 - digits.count))\(digits)"
    }

    private static func scaled(_ count: UInt64, by factor: UInt64) -> Nanoseconds {
        let (product, overflow) = count.multipliedReportingOverflow(by: factor)
        return Nanoseconds(overflow ? .max : product)
    }
}

/// Where time comes from: real (monotonic), or virtual so that a run can be repeated exactly.
package protocol Clock: Sendable {
    /// Monotonic time since an arbitrary start.
    var now: Nanoseconds { get }
    /// Wall-clock time since 1970-01-01 00:00:00 UTC, for real-time clocks.
    var realTime: Nanoseconds { get }
}
