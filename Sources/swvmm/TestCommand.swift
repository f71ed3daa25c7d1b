internal import ArgumentParser
internal import Glibc
internal import HostIO

struct TestCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "test",
        abstract: "Runs a suite of boots: each to its shell, through its dialogue, to its end.",
        discussion: "Done by swvmm-test, the program beside this one; `swvmm test --help` shows its options."
    )

    @Argument(parsing: .captureForPassthrough, help: "What swvmm-test gets.")
    var arguments: [String] = []

    func run() throws {
        let path = (HostFacts.programDirectory ?? ".") + "/swvmm-test"
        // SAFETY: each string was made by strdup, the list ends with nil; they go with the process that exec replaces.
        let words = unsafe ([path] + arguments).map { unsafe strdup($0) } + [nil]
        unsafe _ = execv(path, words)
        StandardError.print("swvmm: error: \(path) cannot be started: \(HostFacts.describe(errno: errno))")
        throw ExitCode(ProcessExitCode.hostError)
    }
}
