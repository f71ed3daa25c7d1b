internal import VMM
internal import VMMCore

extension Diagnosis {
    /// Lines: what happened, where the CPUs are, what to try.
    var text: String {
        let head: [String] =
            switch occasion {
            case .silence(let seconds): ["nothing came from the guest's console in \(seconds) s"]
            case .standstill: ["all vCPUs are halted with interrupts off: the guest will not go on"]
            // The reason was told.
            case .end: []
            }
        let unstarted = cpus.filter { $0.activity == .notStarted }
        let started = cpus.filter { $0.activity != .notStarted }
        var lines = head + started.prefix(Self.shownCPUs).map { "  \($0.words)" }
        if started.count > Self.shownCPUs { lines.append("  and \(started.count - Self.shownCPUs) more vCPUs") }
        if !unstarted.isEmpty {
            lines.append(
                "  not started by the guest: vCPU \(unstarted.map { "\($0.index.rawValue)" }.joined(separator: ", "))")
        }
        lines += advice.map { "  \($0.words)" }
        return lines.map { "swvmm: \($0)" }.joined(separator: "\n")
    }

    private static let shownCPUs = 4
}

extension CPUSituation {
    /// One line: mode, place, instruction, last exit.
    var words: String {
        let place = "\(mode.words) at \(hexadecimal(programCounter))"
        let next = instruction.map { ": \($0)" } ?? ", where no instruction is"
        var parts = ["vCPU \(index.rawValue), \(place)\(next)"]
        if activity == .waiting { parts.append("it waits for an interrupt") }
        parts.append("interrupts are \(takesInterrupts ? "on" : "off")")
        if !hasHandlers { parts.append("no exception handlers are set up") }
        if let exception {
            let words = ExceptionWords.text(esr: exception.esr, far: exception.far)
            parts.append("last exception at \(hexadecimal(exception.elr)): \(words)")
        }
        parts.append(lastExit.map { "last exit: \($0.text)" } ?? "no exit yet")
        return parts.joined(separator: "; ")
    }
}

extension CPUSituation.Mode {
    var words: String {
        switch self {
        case .x86Real: "16-bit mode"
        case .x86Protected: "32-bit mode"
        case .x86Long: "64-bit mode"
        case .arm64(let level): "EL\(level)"
        }
    }
}

extension Diagnosis.Advice {
    var words: String {
        switch self {
        case .earlyConsole: "Linux prints nothing before its console's driver is there: try --earlycon"
        case .quiet: "--cmdline has 'quiet', which keeps the kernel's messages back: try without"
        case .noSuchConsole(let name, let instead):
            "console=\(name): this machine has none; it has \(instead.joined(separator: " and "))"
                + (instead.contains("hvc0") ? "" : ", and with --console virtio hvc0")
        case .root(let problem): problem.words
        case .noHandlers: "an exception before the guest had set up its handlers: see the instruction"
        case .slowKVM:
            "this host's KVM interprets a guest's kernel (`swvmm doctor` measures it): the guest may be slow, and not dead"
        case .interpretingKVM:
            "this host's KVM interprets the guest's code and does not know the instruction (`swvmm doctor` measures it): Linux for x86_64 wants another "
                + "host, or an emulated one (docs/x86-hosts.md)"
        case .entryRefused:
            "the CPU's state is one that the hardware does not enter: `swvmm doctor` tells what this host's KVM can do"
        case .verbose: "--verbose tells what the guest accesses that is not there"
        case .debugger: "--gdb PORT --wait lets gdb follow the guest from its first instruction"
        }
    }
}

extension Diagnosis.RootProblem {
    var words: String {
        switch self {
        case .missing(let root, 0): "root=\(root): the machine has no such disk: attach it by --disk (or --pmem)"
        case .missing(let root, let count):
            "root=\(root): the machine has only \(count) of these, counted from the first --disk (or --pmem)"
        case .foreign(let root):
            "root=\(root): no device of this machine is called so; disks are /dev/vda, /dev/vdb and so on"
        case .needsBuiltInDriver(let root):
            "root=\(root) without --initrd: only a kernel with the drivers built in (virtio_blk, and virtio_pci or virtio_mmio) finds it; "
                + "distributions' kernels have them as modules in their initrd"
        case .none: "neither --initrd nor root= is given: Linux has nothing to start"
        }
    }
}
