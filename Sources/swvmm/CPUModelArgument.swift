internal import VMMCore

/// The value of `--cpu`: a model, and features that are added or taken away behind commas.
enum CPUModelArgument {
    /// The best that there is: what QEMU's users call `max`, too.
    private static let hostNames = [X86CPUModel.Base.host.rawValue, "max"]
    /// The names of the models that are no host's.
    static let levels = X86CPUModel.Base.allCases.filter { $0 != .host }.map(\.rawValue).joined(separator: ", ")

    static func model(_ argument: String) throws(CPUModelArgumentError) -> X86CPUModel {
        let parts = argument.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        let name = parts[0]
        let base = hostNames.contains(name) ? X86CPUModel.Base.host : X86CPUModel.Base(rawValue: name)
        guard let base else { throw .unknownModel(argument, name) }
        var added: Set<X86Feature> = []
        var removed: Set<X86Feature> = []
        for part in parts.dropFirst() {
            let name = String(part.dropFirst())
            guard part.hasPrefix("+") || part.hasPrefix("-") else { throw .noSign(argument, part) }
            guard let feature = X86Feature(name: name) else {
                let known = X86Feature.allCases.map(\.rawValue)
                throw .unknownFeature(argument, name, suggestion: Suggestion.nearest(to: name, among: known))
            }
            if part.hasPrefix("+") { added.insert(feature) } else { removed.insert(feature) }
        }
        do throws(X86CPUModelError) {
            return try X86CPUModel(base: base, adding: added, removing: removed)
        } catch {
            throw .contradiction(argument, error)
        }
    }
}

/// What is wrong with a `--cpu`.
enum CPUModelArgumentError: Error, Hashable {
    case unknownModel(String, String)
    case noSign(String, String)
    case unknownFeature(String, String, suggestion: String?)
    case contradiction(String, X86CPUModelError)
}
