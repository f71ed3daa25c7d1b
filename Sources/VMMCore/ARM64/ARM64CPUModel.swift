/// What an arm64 CPU may have beyond what each has, and a host may give to guests. Raw values: what users call it.
public enum ARM64Feature: String, CaseIterable, Comparable, Sendable {
    /// Performance monitors, PMUv3.
    case pmu
    /// The Scalable Vector Extension.
    case sve
    /// Pointer authentication.
    case pauth
    /// The exception level of hypervisors: the guest may be one itself.
    case el2

    package init?(name: String) { self.init(rawValue: name) }

    public static func < (left: ARM64Feature, right: ARM64Feature) -> Bool {
        allCases.firstIndex(of: left) ?? 0 < allCases.firstIndex(of: right) ?? 0
    }

    /// What a guest gets unasked where the host has it. EL2 is no such feature: with it a guest starts at EL2, where not all are made to
    /// start, and each of its exits costs more.
    package static let usual: Set<ARM64Feature> = [.pmu, .sve, .pauth]
}

/// What features an arm64 guest's CPUs have: the host's, and what is asked for besides and taken away.
public struct ARM64CPUModel: Hashable, Sendable {
    /// Features that must be there.
    public let added: Set<ARM64Feature>
    /// Features that are hidden.
    public let removed: Set<ARM64Feature>

    public static let host = ARM64CPUModel()

    private init() {
        added = []
        removed = []
    }

    public init(
        adding: Set<ARM64Feature> = [], removing: Set<ARM64Feature> = []
    ) throws(ARM64CPUModelError) {
        if let both = adding.intersection(removing).min() { throw .contradiction(both) }
        added = adding
        removed = removing
    }

    /// What is asked for and not among the `offered`, in a fixed order.
    package func lacking(_ offered: Set<ARM64Feature>) -> [ARM64Feature] { added.subtracting(offered).sorted() }

    /// What a CPU has where these are `offered`, and nothing is lacking.
    package func features(of offered: Set<ARM64Feature>) -> Set<ARM64Feature> {
        offered.intersection(ARM64Feature.usual.union(added)).subtracting(removed)
    }
}

public enum ARM64CPUModelError: Error, Hashable, Sendable {
    /// A feature is added and taken away.
    case contradiction(ARM64Feature)
}
