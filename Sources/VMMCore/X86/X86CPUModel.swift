/// What features an x86 guest's CPUs have: the host's or a level's, and what is added to those and taken away.
public struct X86CPUModel: Hashable, Sendable {
    public enum Base: String, CaseIterable, Sendable {
        /// All that the host has and its KVM can give.
        case host
        /// A level is the same on each host: nothing but it, whatever else the host has.
        /// Source: x86-64 psABI 1.0 §3.1.1, "Micro-Architecture Levels".
        case v2 = "x86-64-v2"
        case v3 = "x86-64-v3"
        case v4 = "x86-64-v4"

        /// What a level has above each x86-64 CPU; nil: it is no level.
        package var features: Set<X86Feature>? {
            let second: Set<X86Feature> = [.cx16, .lahf, .popcnt, .sse3, .sse41, .sse42, .ssse3]
            let third: Set<X86Feature> = [.avx, .avx2, .bmi1, .bmi2, .f16c, .fma, .lzcnt, .movbe, .xsave]
            let fourth: Set<X86Feature> = [.avx512f, .avx512bw, .avx512cd, .avx512dq, .avx512vl]
            return switch self {
            case .host: nil
            case .v2: second
            case .v3: second.union(third)
            case .v4: second.union(third).union(fourth)
            }
        }
    }

    public let base: Base
    /// Features that must be there besides, with what they need.
    public let added: Set<X86Feature>
    /// Features that are hidden, with what needs them.
    public let removed: Set<X86Feature>

    public static let host = X86CPUModel()

    private init() {
        base = .host
        added = []
        removed = []
    }

    public init(
        base: Base, adding: Set<X86Feature> = [], removing: Set<X86Feature> = []
    ) throws(X86CPUModelError) {
        self.base = base
        added = adding.reduce(into: []) { $0.formUnion($1.foundations) }
        removed = Set(X86Feature.allCases.filter { !$0.foundations.isDisjoint(with: removing) })
        // In the order of CPUID, so that it is the same one each time.
        for feature in X86Feature.allCases where adding.contains(feature) && removed.contains(feature) {
            let missing = X86Feature.allCases.first { feature.foundations.contains($0) && removing.contains($0) }
            throw .contradiction(feature, needs: missing ?? feature)
        }
    }

    /// What the CPUs must have.
    package var required: Set<X86Feature> { (base.features ?? []).subtracting(removed).union(added) }
}

public enum X86CPUModelError: Error, Hashable, Sendable {
    /// A feature is wanted, and what it needs, or itself, is not.
    case contradiction(X86Feature, needs: X86Feature)
}
