internal import ArgumentParser
internal import HostIO
internal import VMM

struct BootCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "boot",
        abstract: "Boots an image, or without one the bundled unikernel, and connects the terminal to its console.",
        discussion: """
            In the terminal: Ctrl-a x leaves, Ctrl-a i shows the vCPUs and devices, Ctrl-a h helps, Ctrl-a a sends Ctrl-a.
            With a pipe as standard input, the guest gets its bytes and goes on running after its end.

            Exit codes: 0 the guest powered off, 1 host or configuration error, 2 usage, 3 the guest crashed, \
            124 --timeout or --max-instructions ran out, 128+n ended by signal n; a write of v to the debug-exit port gives (v << 1) | 1, \
            a semihosting exit its own code.
            """
    )

    @OptionGroup(title: "Guest") var guest: GuestOptions

    @Option(help: "What executes the guest: auto, kvm or software.")
    var accel = MachineConfiguration.Accelerator.auto

    @Option(help: ArgumentHelp("Stop after this time, with exit code 124.", valueName: "seconds"))
    var timeout: Double?

    @OptionGroup(title: "Repeatable runs") var repeatability: RepeatabilityOptions

    @Flag(help: "Ask the host to back guest memory with huge pages.")
    var hugePages = false

    @Flag(help: "Treat a reset of the guest as its end.")
    var noReboot = false

    @Flag(help: "Answer Arm semihosting calls of an arm64 guest: console, time and an exit code; no host files.")
    var semihosting = false

    @Option(help: ArgumentHelp("Serve the bvmdebug port on this TCP port of 127.0.0.1.", valueName: "port"))
    var bvmdebug: UInt16?

    @Option(
        help: ArgumentHelp(
            "Serve gdb at this TCP port of 127.0.0.1, or at a Unix socket: `target remote` in gdb.",
            valueName: "port|unix:path"))
    var gdb: DebuggerAddressOption?

    @Flag(help: "With --gdb: the guest executes nothing before gdb lets it go.")
    var wait = false

    @OptionGroup(title: "Trace") var trace: TraceOptions

    @Option(help: ArgumentHelp("Write the boot as a picture: a self-contained HTML page.", valueName: "file"))
    var timeline: String?

    @Option(help: "At the end, print what each vCPU and device did to standard error: table or json.")
    var stats: StatisticsFormat?

    @Flag(name: .shortAndLong, help: "Tell what swvmm does, and what the guest does wrong.")
    var verbose = false

    func validate() throws {
        if let timeout, !(timeout > 0 && timeout <= 1_000_000_000) {
            throw ValidationError("--timeout \(timeout): seconds above 0 are wanted")
        }
        try repeatability.validate(with: accel, hasDebugger: gdb != nil, guest: guest.configuration)
        if wait && gdb == nil { throw ValidationError("--wait: needs --gdb, without which nobody lets the guest go") }
    }

    func run() throws {
        var configuration = guest.configuration
        configuration.accelerator = accel
        configuration.timeout = timeout
        configuration.repeatability = repeatability.repeatability
        configuration.hugePages = hugePages
        configuration.noReboot = noReboot
        configuration.debugPort = bvmdebug
        configuration.debugger = gdb?.address
        configuration.waitsForDebugger = wait
        configuration.trace = trace.configuration
        configuration.timelinePath = timeline
        configuration.semihosting = semihosting

        if let path = guest.dumpDtb {
            do throws(BootError) {
                try BootPreparation(configuration).writeDeviceTree(to: path)
            } catch {
                StandardError.print("swvmm: error: \(error.words)")
                throw ExitCode(ProcessExitCode.hostError)
            }
            return
        }

        let isVerbose = verbose
        let outcome: BootOutcome
        do throws(BootError) {
            outcome = try BootSession(
                configuration, exitCode: \.exitCode, diagnose: { StandardError.print("\n\($0.text)") }
            ) { message in
                guard isVerbose || message.level != .detail else { return }
                // An answer to a key comes in the middle of the guest's line.
                StandardError.print("\(message.level == .answer ? "\n" : "")swvmm: \(message.text)")
            }.run()
        } catch {
            StandardError.print("swvmm: error: \(error.words)")
            throw ExitCode(ProcessExitCode.hostError)
        }
        if let report = outcome.report { StandardError.print(report.text) }
        if outcome.reason.isWorthTelling { StandardError.print("swvmm: \(outcome.reason.words)") }
        if let diagnosis = outcome.diagnosis { StandardError.print(diagnosis.text) }
        if let stats, let statistics = outcome.statistics { StandardError.print(stats.text(of: statistics)) }
        var code = outcome.reason.exitCode
        for failure in [outcome.traceFailure, outcome.timelineFailure].compactMap(\.self) {
            StandardError.print("swvmm: error: \(failure.words)")
            if code == ProcessExitCode.success { code = ProcessExitCode.hostError }
        }
        if code != ProcessExitCode.success { throw ExitCode(code) }
    }
}
