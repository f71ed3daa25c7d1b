package import VMM

/// The results of a suite in words, for JUnit and JSON.
package struct SuiteReport: Sendable {
    package enum Status: String, Sendable { case passed, failed, skipped }

    package struct Case: Sendable {
        package var name: String
        /// The suite's line on which the case stands.
        package var line: Int
        package var status: Status
        /// From 1; more where a failed case was run again.
        package var tries: Int
        /// Why it failed or was skipped, in one line.
        package var reason: String?
        /// All that is known about a failure.
        package var details: String
        package var milliseconds: UInt64
        /// How the process ended.
        package var ending: String?
        package var consoleLines: [String]
        /// Kind and path of what was written.
        package var files: [(kind: String, path: String)]

        package init(
            name: String, line: Int, status: Status, tries: Int, reason: String?, details: String,
            milliseconds: UInt64, ending: String?, consoleLines: [String], files: [(kind: String, path: String)]
        ) {
            self.name = name
            self.line = line
            self.status = status
            self.tries = tries
            self.reason = reason
            self.details = details
            self.milliseconds = milliseconds
            self.ending = ending
            self.consoleLines = consoleLines
            self.files = files
        }
    }

    package let suite: String
    package let milliseconds: UInt64
    package let seed: UInt64?
    package let cases: [Case]

    package init(suite: String, milliseconds: UInt64, seed: UInt64?, cases: [Case]) {
        self.suite = suite
        self.milliseconds = milliseconds
        self.seed = seed
        self.cases = cases
    }

    package func count(_ status: Status) -> Int { cases.count { $0.status == status } }

    /// Those that passed only when they were run again.
    package var flakyCount: Int { cases.count { $0.status == .passed && $0.tries > 1 } }

    package var json: JSON {
        .object([
            ("suite", .string(suite)), ("milliseconds", .unsigned(milliseconds)),
            ("seed", seed.map { .string(String($0)) } ?? .null),
            ("passed", .integer(Int64(count(.passed)))), ("failed", .integer(Int64(count(.failed)))),
            ("skipped", .integer(Int64(count(.skipped)))), ("flaky", .integer(Int64(flakyCount))),
            (
                "cases",
                .array(
                    cases.map { item in
                        .object([
                            ("name", .string(item.name)), ("line", .integer(Int64(item.line))),
                            ("status", .string(item.status.rawValue)), ("tries", .integer(Int64(item.tries))),
                            ("reason", item.reason.map(JSON.string) ?? .null),
                            ("milliseconds", .unsigned(item.milliseconds)),
                            ("ending", item.ending.map(JSON.string) ?? .null),
                            ("details", item.details.isEmpty ? .null : .string(item.details)),
                            ("console", .array(item.consoleLines.map(JSON.string))),
                            ("files", .object(item.files.map { ($0.kind, .string($0.path)) })),
                        ])
                    })
            ),
        ])
    }
}
