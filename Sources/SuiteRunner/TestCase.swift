package import VMM
package import YAML

/// One boot of a suite, ready to run: everything checked, the matrix expanded.
package struct TestCase: Sendable {
    /// Unique in the suite.
    package var name: String
    /// Where it stands in the suite.
    package var mark: YAMLMark
    /// Options of `swvmm boot`, without those that the runner adds, and the image last.
    package var arguments: [String]
    package var architecture: MachineConfiguration.Architecture?
    package var accelerator: MachineConfiguration.Accelerator
    /// The path of the image; nil: the bundled unikernel.
    package var image: String?
    package var cpuCount: Int
    /// In bytes.
    package var memorySize: UInt64
    /// Seconds until `swvmm boot` gives up.
    package var timeout: Double
    package var steps: [TestStep]
    package var ending: ExpectedEnding
    /// Patterns that must not appear on the console.
    package var rejected: [Pattern]
    /// The values that captures do not change: the matrix, definitions.
    package var variables: [String: String]
    /// Why it must not run here; nil when nothing is known against it.
    package var skip: SkipReason?
}

/// How a case is expected to end.
package enum ExpectedEnding: Hashable, Sendable {
    /// With this exit code of `swvmm boot`.
    case exit(Int32)
    /// By the runner, when the last step is done.
    case stop
}

/// Why a case does not run.
package enum SkipReason: Hashable, Sendable {
    /// `skip:` in the suite: deliberate, and so kept under `--no-skip`.
    case told(String)
    case missingFile(String, hint: String?)
    case missingEnvironment(String, hint: String?)
    case otherHost(wanted: String)
    case accelerator(AcceleratorRefusal)

    package var isDeliberate: Bool { if case .told = self { true } else { false } }
}

/// A regular expression as it stands in the suite. `Regex` itself cannot be shared between threads.
package struct Pattern: Hashable, Sendable {
    package let text: Template
    package let mark: YAMLMark
}

package struct TestStep: Sendable {
    package enum Action: Sendable {
        /// Waits for a pattern on the console, and keeps what its groups matched under these names.
        case expect(Pattern, captures: [String])
        /// Types a line.
        case send(Template)
        /// Types bytes as they are.
        case type(Template)
    }

    package let action: Action
    package let mark: YAMLMark
    /// Seconds for an `expect`; nil: as long as the case has.
    package let timeout: Double?
}
