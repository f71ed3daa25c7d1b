internal import ArgumentParser

/// An option's value that is one of a few words: the raw values of an enumeration.
///
/// ArgumentParser finds the words by key paths and casts, at each start and for each option: that is a tenth of the instructions of
/// a start. Here they are said.
protocol WordArgument: ExpressibleByArgument, CaseIterable, RawRepresentable where RawValue == String {}

extension WordArgument {
    static var allValueStrings: [String] { allCases.map { $0.rawValue } }
    /// None has more to say than its word.
    static var allValueDescriptions: [String: String] { [:] }
    static var defaultCompletionKind: CompletionKind { .list(allValueStrings) }
    var defaultValueDescription: String { rawValue }
}
