internal import VMMCore

/// The value of `--cpu`: a model, and features that are added or taken away behind commas. The features tell the architecture.
enum CPUModelArgument: Hashable {
    case x86_64(X86CPUModel)
    case arm64(ARM64CPUModel)

    /// The best that there is: what QEMU's users call `max`, too.
    private static let hostNames = [X86CPUModel.Base.host.rawValue, "max"]
    /// The names of the models that are no host's.
    static let levels = X86CPUModel.Base.allCases.filter { $0 != .host }.map(\.rawValue).joined(separator: ", ")

    /// The names of what arm64 CPUs may have.
    static let arm64Features = ARM64Feature.allCases.map(\.rawValue).joined(separator: ", ")

    /// Of a host's model without features it is the x86_64 one: the same as none.
    init(_ argument: String) throws(CPUModelArgumentError) {
        let parts = argument.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        let name = parts[0]
        let base = Self.hostNames.contains(name) ? X86CPUModel.Base.host : X86CPUModel.Base(rawValue: name)
        guard let base else { throw .unknownModel(argument, name) }
        var (x86, arm64) = (Wishes<X86Feature>(), Wishes<ARM64Feature>())
        for part in parts.dropFirst() {
            let name = String(part.dropFirst())
            guard let sign = part.first, sign == "+" || sign == "-" else { throw .noSign(argument, part) }
            if let feature = X86Feature(name: name) {
                x86.note(feature, isAdded: sign == "+")
            } else if let feature = ARM64Feature(name: name) {
                arm64.note(feature, isAdded: sign == "+")
            } else {
                let known = X86Feature.allCases.map(\.rawValue) + ARM64Feature.allCases.map(\.rawValue)
                throw .unknownFeature(argument, name, suggestion: Suggestion.nearest(to: name, among: known))
            }
        }
        guard !arm64.isEmpty else {
            do throws(X86CPUModelError) {
                self = .x86_64(try X86CPUModel(base: base, adding: x86.added, removing: x86.removed))
            } catch {
                throw .contradiction(argument, error)
            }
            return
        }
        guard x86.isEmpty, base == .host else { throw .twoArchitectures(argument) }
        do throws(ARM64CPUModelError) {
            self = .arm64(try ARM64CPUModel(adding: arm64.added, removing: arm64.removed))
        } catch {
            throw .arm64Contradiction(argument, error)
        }
    }

    /// Features of one architecture.
    private struct Wishes<Feature: Hashable> {
        var added: Set<Feature> = []
        var removed: Set<Feature> = []

        var isEmpty: Bool { added.isEmpty && removed.isEmpty }

        mutating func note(_ feature: Feature, isAdded: Bool) {
            if isAdded { added.insert(feature) } else { removed.insert(feature) }
        }
    }
}

/// What is wrong with a `--cpu`.
enum CPUModelArgumentError: Error, Hashable {
    case unknownModel(String, String)
    case noSign(String, String)
    case unknownFeature(String, String, suggestion: String?)
    case contradiction(String, X86CPUModelError)
    case arm64Contradiction(String, ARM64CPUModelError)
    /// Features or models of both.
    case twoArchitectures(String)
}
