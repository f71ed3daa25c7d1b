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
        with accelerator: MachineConfiguration.Accelerator, hasDebugger: Bool, guest: MachineConfiguration
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
        for (isThere, what, remedy) in [
            (!guest.networks.isEmpty, "what comes over a network", "leave --net out"),
            (!guest.ports.isEmpty, "what a program sends", "leave --port out"),
            (guest.balloonSocket != nil, "what a program sends", "leave --balloon's socket= out"),
            (guest.vsock != nil, "what programs send to a vsock", "leave --vsock out"),
            (guest.sharesMemory, "what virtiofsd answers", "share by 9P, without virtiofsd"),
        ] where isThere {
            throw ValidationError("--deterministic: \(what), and when, cannot be repeated; \(remedy)")
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
