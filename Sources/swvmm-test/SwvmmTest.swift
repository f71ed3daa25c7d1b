internal import ArgumentParser
internal import Glibc
internal import HostIO
internal import SuiteRunner
internal import VMM
internal import VMMCore

/// The command line of `swvmm test`, which is a program of its own (docs/adr/0007-suites-in-a-second-program.md).
@main
struct SwvmmTest: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "swvmm test",
        abstract: "Runs a suite of boots: each to its shell, through its dialogue, to its end.",
        discussion: """
            The format of suites is described in docs/testing-guests.md.

            Exit codes: 0 all passed, 1 something failed, 2 usage or a mistake in the suite, 128+n ended by signal n.
            """
    )

    @Argument(help: "The suite, a YAML file.")
    var suite: String

    @Option(help: ArgumentHelp("A value for ${NAME} in the suite; may be repeated.", valueName: "name=value"))
    var define: [String] = []

    @Option(help: ArgumentHelp("Run only cases whose name matches.", valueName: "regex"))
    var filter: String?

    @Option(
        name: [.short, .long],
        help: ArgumentHelp("Cases at the same time. Default: as cores and memory allow.", valueName: "n"))
    var jobs: Int?

    @Option(help: ArgumentHelp("Run each case this often.", valueName: "n"))
    var `repeat` = 1

    @Option(
        help: ArgumentHelp("Run a case that fails again, up to n times; it passes when one run does.", valueName: "n"))
    var retries = 0

    @Option(
        help: ArgumentHelp(
            "Run in random order; --shuffle=SEED repeats an order (the seed is printed).", valueName: "seed"))
    var shuffle: String?

    @Flag(help: "Begin no further case after a failure.")
    var failFast = false

    @Flag(help: "A case that cannot run here fails, unless the suite itself skips it.")
    var noSkip = false

    @Flag(help: "Print the names of the cases, and run nothing.")
    var list = false

    @Option(
        name: [.short, .long],
        help: ArgumentHelp(
            "Write console logs, timelines, junit.xml and results.json there.", valueName: "directory"))
    var output: String?

    @Option(help: ArgumentHelp("Write the results as JUnit XML.", valueName: "file"))
    var junit: String?

    @Option(help: ArgumentHelp("Write the results as JSON.", valueName: "file"))
    var json: String?

    @Option(
        help: ArgumentHelp("The swvmm that boots the cases. Default: the one beside this program.", valueName: "path"))
    var swvmm: String?

    func validate() throws {
        guard `repeat` >= 1, `repeat` <= 100_000 else {
            throw ValidationError("--repeat \(`repeat`): 1 or more is wanted")
        }
        guard retries >= 0, retries <= 100 else {
            throw ValidationError("--retries \(retries): a number from 0 to 100 is wanted")
        }
        if let jobs, jobs < 1 { throw ValidationError("--jobs \(jobs): 1 or more is wanted") }
        if let shuffle, shuffle != Self.anySeed, UInt64(shuffle) == nil {
            throw ValidationError("--shuffle=\(shuffle): a number is wanted")
        }
        for definition in define where !definition.contains("=") || definition.hasPrefix("=") {
            throw ValidationError("--define \(definition): name=value is wanted")
        }
    }

    /// `--shuffle` without a seed.
    private static let anySeed = "any"

    static func main() {
        StandardError.openMissingDescriptors()
        // An option with an optional value is more than ArgumentParser knows.
        let arguments = CommandLine.arguments.dropFirst().map { $0 == "--shuffle" ? "--shuffle=\(anySeed)" : $0 }
        do {
            var command = try parseAsRoot(Array(arguments))
            try command.run()
        } catch let code as ExitCode {
            Glibc.exit(code.rawValue)
        } catch {
            let isHelp = exitCode(for: error).isSuccess
            if isHelp { print(fullMessage(for: error)) } else { StandardError.print(fullMessage(for: error)) }
            Glibc.exit(isHelp ? TestExit.passed : TestExit.usage)
        }
    }

    func run() throws {
        var definitions: [String: String] = [:]
        for definition in define {
            let parts = definition.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            definitions[String(parts[0])] = String(parts[1])
        }
        let suite: Suite
        do throws(SuiteError) {
            suite = try Suite(path: self.suite, definitions: definitions, environment: HostFacts.environment)
        } catch {
            StandardError.print("swvmm: error: \(error.words)")
            throw ExitCode(TestExit.usage)
        }
        let seed = shuffle.map { UInt64($0) ?? UInt64.random(in: 0...UInt64(UInt32.max)) }
        var selection = JobList.Selection()
        selection.filter = filter
        selection.repetitions = list ? 1 : `repeat`
        selection.shuffleSeed = seed
        selection.directory = list ? nil : output
        let jobs: [CaseJob]
        do throws(BadFilter) { jobs = try JobList(suite, selection).jobs } catch {
            StandardError.print("swvmm: error: --filter \(filter ?? ""): not a regular expression")
            throw ExitCode(TestExit.usage)
        }
        guard !jobs.isEmpty else {
            StandardError.print("swvmm: error: no case of \(self.suite) matches --filter \(filter ?? "")")
            throw ExitCode(TestExit.usage)
        }
        if list {
            for job in jobs { print(job.name) }
            return
        }
        if let seed { print("shuffled: --shuffle=\(seed) repeats this order") }
        let code = try SuiteSession(jobs, try options(), reports: reports, seed: seed, suitePath: self.suite).run()
        if code != TestExit.passed { throw ExitCode(code) }
    }

    private func options() throws -> SuiteRunOptions {
        let program = swvmm ?? (HostFacts.programDirectory ?? ".") + "/swvmm"
        guard HostFile.exists(program) else {
            StandardError.print("swvmm: error: there is no \(program) to boot the cases with; try --swvmm PATH")
            throw ExitCode(TestExit.usage)
        }
        var options = SuiteRunOptions(program: program)
        options.jobs = jobs
        options.failFast = failFast
        options.retries = retries
        options.noSkip = noSkip
        return options
    }

    /// Where reports go. What cannot be written is told before anything runs.
    private var reports: ReportFiles {
        get throws {
            do throws(HostFileError) {
                if let output { try HostFile.makeDirectory(output) }
                let files = ReportFiles(
                    junit: junit ?? output.map { $0 + "/junit.xml" }, json: json ?? output.map { $0 + "/results.json" })
                for path in [files.junit, files.json] {
                    if let path { try HostFile.checkWritable(path) }
                }
                return files
            } catch {
                StandardError.print("swvmm: error: \(error.words)")
                throw ExitCode(TestExit.usage)
            }
        }
    }
}

/// The exit codes of `swvmm test`.
enum TestExit {
    static let passed: Int32 = 0
    static let failed: Int32 = 1
    static let usage: Int32 = 2
    /// Added to the number of a signal.
    static let signalBase: Int32 = 128
}

struct ReportFiles {
    var junit: String?
    var json: String?
}
