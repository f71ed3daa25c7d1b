internal import SuiteRunner
internal import YAML

/// Suites from texts.
enum Suites {
    static let path = "suites/test.yaml"

    static func read(
        _ text: String, define: [String: String] = [:], environment: [String: String] = [:]
    ) throws(SuiteError) -> Suite {
        try Suite(text: Array(text.utf8), path: path, definitions: define) { environment[$0] }
    }

    /// A suite of one case with these lines behind its name.
    static func one(_ lines: String..., define: [String: String] = [:]) throws(SuiteError) -> TestCase {
        let suite = try read("cases:\n- name: a\n" + lines.map { "  \($0)\n" }.joined(), define: define)
        return suite.cases[0]
    }

    /// The error of a suite, with its line and column.
    static func error(_ text: String) -> (problem: SuiteError.Problem, line: Int, column: Int)? {
        do throws(SuiteError) {
            _ = try read(text)
            return nil
        } catch {
            return (error.problem, error.mark?.line ?? 0, error.mark?.column ?? 0)
        }
    }
}
