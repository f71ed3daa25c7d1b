internal import ArgumentParser
internal import VMM

/// The options of runs that repeat exactly.
struct RepeatabilityOptions: ParsableArguments {
    @Flag(
        help: """
            Run so that the same command gives the same console output and instruction counts: all vCPUs on one thread of the \
            software CPU, on virtual time. (--timeout still counts the host's time.)
            """)
    var deterministic = false

    @Option(help: ArgumentHelp("What all randomness for the guest comes from. Default: 0.", valueName: "n"))
    var seed: UInt64?

    @Option(
        help: ArgumentHelp(
            "The time of day at the start, in seconds since 1970. Default: 1767225600, 2026-01-01 00:00 UTC.",
            valueName: "seconds"))
    var startOfDay: UInt64?

    @Option(
        help: ArgumentHelp("Stop after so many instructions of all vCPUs, with exit code 124.", valueName: "n"))
    var maxInstructions: UInt64?

    func validate(
        with accelerator: MachineConfiguration.Accelerator, hasDebugger: Bool, hasNetwork: Bool, hasPort: Bool,
        hasBalloonSocket: Bool, hasVsock: Bool
    ) throws {
        guard deterministic else {
            for (name, value) in [("seed", seed), ("start-of-day", startOfDay), ("max-instructions", maxInstructions)]
            where value != nil {
                throw ValidationError("--\(name) needs --deterministic")
            }
            return
        }
        guard accelerator != .kvm else {
            throw ValidationError(
                "--deterministic runs on the software CPU: a hypervisor does not count instructions; leave --accel kvm out"
            )
        }
        guard !hasDebugger else {
            throw ValidationError("--deterministic runs all vCPUs on one thread, which --gdb cannot stop yet")
        }
        guard !hasNetwork else {
            throw ValidationError(
                "--deterministic: what comes over a network, and when, cannot be repeated; leave --net out")
        }
        guard !hasPort else {
            throw ValidationError(
                "--deterministic: what a program sends, and when, cannot be repeated; leave --port out")
        }
        guard !hasBalloonSocket else {
            throw ValidationError(
                "--deterministic: what a program sends, and when, cannot be repeated; leave --balloon's socket= out")
        }
        guard !hasVsock else {
            throw ValidationError(
                "--deterministic: what programs send to a vsock, and when, cannot be repeated; leave --vsock out")
        }
        if maxInstructions == 0 { throw ValidationError("--max-instructions 0: at least 1 is wanted") }
        // The clock counts nanoseconds in 64 bits.
        if let startOfDay, startOfDay > 10_000_000_000 {
            throw ValidationError("--start-of-day \(startOfDay): seconds since 1970 are wanted, up to 10000000000")
        }
    }

    var repeatability: MachineConfiguration.Repeatability? {
        guard deterministic else { return nil }
        var wanted = MachineConfiguration.Repeatability()
        wanted.seed = seed ?? 0
        wanted.startOfDay = startOfDay
        wanted.instructionLimit = maxInstructions
        return wanted
    }
}
