internal import HostIO
internal import VMM

/// Which cases run, how often, in which order, and why some do not.
package struct JobList: Sendable {
    package struct Selection {
        /// On the names; nil: all.
        package var filter: String?
        package var repetitions = 1
        /// Nil: in the order of the suite.
        package var shuffleSeed: UInt64?
        /// Where logs go; nil: nowhere.
        package var directory: String?

        package init() {}
    }

    package let jobs: [CaseJob]

    /// - Throws: when the filter is no regular expression.
    package init(_ suite: Suite, _ selection: Selection) throws(BadFilter) {
        var cases = suite.cases
        if let filter = selection.filter {
            let pattern: ConsolePattern
            do { pattern = try ConsolePattern(filter) } catch { throw BadFilter() }
            cases = cases.filter { pattern.firstMatch(in: $0.name[...]) != nil }
        }
        var host = HostChoice()
        var files = FileNames()
        var jobs: [CaseJob] = []
        for repetition in 1...max(1, selection.repetitions) {
            for testCase in cases {
                let name =
                    selection.repetitions > 1
                    ? "\(testCase.name) (\(repetition)/\(selection.repetitions))" : testCase.name
                let skip = testCase.skip ?? host.refusal(testCase).map { .accelerator($0) }
                jobs.append(
                    CaseJob(
                        testCase: testCase, repetition: repetition, name: name,
                        filePrefix: selection.directory.map { files.prefix($0, name) }, skip: skip))
            }
        }
        if let seed = selection.shuffleSeed {
            var generator = SeededShuffle(seed: seed)
            jobs.shuffle(using: &generator)
        }
        self.jobs = jobs
    }
}

package struct BadFilter: Error {}

/// Asks the host once for each kind of guest.
private struct HostChoice {
    private struct Key: Hashable {
        let accelerator: MachineConfiguration.Accelerator
        let architecture: MachineConfiguration.Architecture?
    }

    private var refusals: [Key: AcceleratorRefusal?] = [:]
    private var architectures: [String: MachineConfiguration.Architecture?] = [:]

    mutating func refusal(_ testCase: TestCase) -> AcceleratorRefusal? {
        let architecture = testCase.architecture ?? testCase.image.flatMap { self.architecture($0) }
        // An image of an unknown kind: its boot will tell.
        guard architecture != nil || testCase.image == nil else { return nil }
        let key = Key(accelerator: testCase.accelerator, architecture: architecture)
        if let known = refusals[key] { return known }
        let refusal = AcceleratorRefusal(testCase.accelerator, for: architecture)
        refusals[key] = .some(refusal)
        return refusal
    }

    private mutating func architecture(_ image: String) -> MachineConfiguration.Architecture? {
        if let known = architectures[image] { return known }
        var configuration = MachineConfiguration()
        configuration.image = .file(path: image)
        let architecture = (try? Inspection(configuration))?.architecture
        architectures[image] = .some(architecture)
        return architecture
    }
}

/// Names of files that any file system takes, no two the same.
private struct FileNames {
    private static let maximumLength = 120
    private var used: Set<String> = []

    mutating func prefix(_ directory: String, _ name: String) -> String {
        let safe = String(
            name.unicodeScalars.map { scalar in
                let isFine = scalar.isASCII && (scalar.properties.isAlphabetic || scalar.properties.numericType != nil)
                return isFine || "=-_.".unicodeScalars.contains(scalar) ? Character(scalar) : "_"
            }.prefix(Self.maximumLength))
        let stem = safe.hasPrefix(".") ? "_" + safe : safe
        var candidate = stem
        var number = 2
        while !used.insert(candidate).inserted {
            candidate = "\(stem)-\(number)"
            number += 1
        }
        return "\(directory)/\(candidate)"
    }
}
