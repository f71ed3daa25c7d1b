/// A rate that something may have in the long run, and how much of it may come at once.
package struct RateLimit: Hashable, Sendable {
    /// A second, at least 1.
    package let rate: UInt64
    /// At least 1.
    package let burst: UInt64

    /// - Parameter burst: nil: what the rate allows in a tenth of a second.
    package init(rate: UInt64, burst: UInt64? = nil) {
        self.rate = max(rate, 1)
        self.burst = max(burst ?? rate / 10, 1)
    }
}

/// A bucket that fills with tokens at a limit's rate, up to its burst; what passes takes tokens out. Pure.
///
/// More than a burst at once passes when the bucket is full, and leaves a debt: nothing is refused for ever, and the rate is
/// held. Instead of tokens it keeps the time at which it will be full, so that nothing happens while it fills.
package struct TokenBucket: Hashable, Sendable {
    private let limit: RateLimit
    /// Time that an empty bucket takes to fill.
    private let depth: Nanoseconds
    /// When it will be full.
    private var fullTime = Nanoseconds.zero
    /// Of divisions, in 1/rate ns: small amounts add up exactly.
    private var remainder: UInt64 = 0

    package init(_ limit: RateLimit) {
        self.limit = limit
        depth = Self.time(limit.burst, limit, remainder: 0).0
    }

    /// When `amount` may pass: `now`, or later.
    package func readyTime(_ amount: UInt64, at now: Nanoseconds) -> Nanoseconds {
        // A full bucket lets anything pass.
        let wanted = Self.time(min(amount, limit.burst), limit, remainder: 0).0
        return max(now, fullTime + wanted - depth)
    }

    /// `amount` passes. Ask `readyTime` before.
    package mutating func take(_ amount: UInt64, at now: Nanoseconds) {
        if fullTime < now {
            fullTime = now
            remainder = 0
        }
        let (duration, rest) = Self.time(amount, limit, remainder: remainder)
        fullTime = fullTime + duration
        remainder = rest
    }

    /// How long `amount` tokens take to come, with the division's remainder; saturated.
    private static func time(
        _ amount: UInt64, _ limit: RateLimit, remainder: UInt64
    ) -> (Nanoseconds, UInt64) {
        var product = amount.multipliedFullWidth(by: 1_000_000_000)
        let (low, carry) = product.low.addingReportingOverflow(remainder)
        product = (product.high + (carry ? 1 : 0), low)
        guard product.high < limit.rate else { return (Nanoseconds(.max), 0) }
        let (quotient, rest) = limit.rate.dividingFullWidth(product)
        return (Nanoseconds(quotient), rest)
    }
}
