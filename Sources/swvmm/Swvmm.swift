internal import ArgumentParser
internal import Glibc
internal import HostIO

/// The command line: parses, prints, maps errors to words and exit codes (docs/exit-codes.md). No logic.
@main
struct Swvmm: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "swvmm",
        abstract: "Boots x86_64 and arm64 guests; without an image, its own unikernel.",
        version: "0.1.0",
        subcommands: [BootCommand.self, InspectCommand.self, TestCommand.self, DoctorCommand.self]
    )

    /// ArgumentParser makes the list of a command's options anew at each step from the root to it. A command that is named first is
    /// parsed by itself, therefore; what fails that way, or is a call for help, goes the whole way, which has the words for it.
    private static func parseCommand() throws -> any ParsableCommand {
        let arguments = CommandLine.arguments.dropFirst()
        if let command = configuration.subcommands.first(where: { $0._commandName == arguments.first }),
            let parsed = try? command.parseAsRoot(Array(arguments.dropFirst())), type(of: parsed) == command
        {
            return parsed
        }
        return try parseAsRoot()
    }

    /// ArgumentParser's own entry, but with 2 as the exit code of a usage error.
    static func main() {
        StandardError.openMissingDescriptors()
        do {
            var command = try parseCommand()
            try command.run()
            try StandardDescriptors.flushOutput()
        } catch let code as ExitCode {
            Glibc.exit(code.rawValue)
        } catch {
            let code = exitCode(for: error)
            let message = fullMessage(for: error)
            if code.isSuccess {
                print(message)
                let isWritten: Void? = try? StandardDescriptors.flushOutput()
                Glibc.exit(isWritten == nil ? ProcessExitCode.hostError : ProcessExitCode.success)
            }
            StandardError.print(message)
            Glibc.exit(code == .validationFailure ? ProcessExitCode.usage : ProcessExitCode.hostError)
        }
    }
}

/// Standard output at the end of the process.
enum StandardDescriptors {
    /// Writes out what was printed; a full disk must not pass for success.
    static func flushOutput() throws(ExitCode) {
        // Nil: every stream of this process.
        guard fflush(nil) != 0 else { return }
        StandardError.print("swvmm: error: standard output: \(HostFacts.describe(errno: errno))")
        throw ExitCode(ProcessExitCode.hostError)
    }
}

/// The exit codes of every command.
enum ProcessExitCode {
    static let success: Int32 = 0
    static let hostError: Int32 = 1
    static let usage: Int32 = 2
    static let guestCrashed: Int32 = 3
    static let timedOut: Int32 = 124
    /// Added to the number of a signal that ended swvmm.
    static let signalBase: Int32 = 128
}
