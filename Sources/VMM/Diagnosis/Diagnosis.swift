package import Boot
internal import VMMCore

/// What can be said of a guest that shows no sign of life, or came to a bad end. The command line finds the words.
package struct Diagnosis: Hashable, Sendable {
    package enum Occasion: Hashable, Sendable {
        /// Nothing came from any console in so many seconds.
        case silence(seconds: UInt64)
        /// All CPUs that were started wait with interrupts off.
        case standstill
        case end(StopReason)
    }

    /// What to try, or what cannot work.
    package enum Advice: Hashable, Sendable {
        /// Linux prints nothing before its console's driver is there.
        case earlyConsole
        /// `quiet` keeps Linux's messages from every console.
        case quiet
        /// `console=` names what the machine has not; those that it has are named too.
        case noSuchConsole(String, instead: [String])
        case root(RootProblem)
        /// An exception before the guest has said where its handlers are.
        case noHandlers
        /// KVM interprets the guest's kernel: it may be slow, and not dead.
        case slowKVM
        /// KVM interprets the guest, and does not know an instruction.
        case interpretingKVM
        /// The hardware refuses the state that the guest, or swvmm, has put the CPU into.
        case entryRefused
        /// Accesses to what is not there are told by `--verbose`.
        case verbose
        case debugger
    }

    /// Why Linux will not find its root file system.
    package enum RootProblem: Hashable, Sendable {
        /// The device's driver is there, the device is not: so many of its kind are.
        case missing(String, count: Int)
        /// No machine of swvmm has such devices.
        case foreign(String)
        /// The device can only be found by a kernel with its driver built in.
        case needsBuiltInDriver(String)
        /// Neither a root file system nor an initial ramdisk is named.
        case none
    }

    package let occasion: Occasion
    /// Those that matter for the occasion.
    package let cpus: [CPUSituation]
    package var advice: [Advice]
}

/// What is known of a guest before it starts.
package struct GuestFacts: Hashable, Sendable {
    package var architecture: MachineConfiguration.Architecture
    package var isLinux = true
    package var commandLine = LinuxCommandLine("")
    package var console = MachineConfiguration.Console.serial
    package var hasInitrd = false
    package var diskCount = 0
    package var persistentMemoryCount = 0

    package init(architecture: MachineConfiguration.Architecture) { self.architecture = architecture }

    init(_ preparation: BootPreparation) {
        architecture = preparation.architecture
        isLinux = preparation.image.isLinux(on: preparation.architecture.ofImages)
        commandLine = LinuxCommandLine(preparation.boot.commandLine)
        console = preparation.console
        hasInitrd = preparation.boot.initrd != nil
        for device in preparation.virtioDevices {
            switch device {
            case .block: diskCount += 1
            case .persistentMemory: persistentMemoryCount += 1
            default: break
            }
        }
    }

    /// What Linux calls the consoles that the machine has.
    private var consoles: [String] {
        (architecture == .arm64 ? ["ttyAMA0"] : ["ttyS0"]) + (console == .virtio ? ["hvc0"] : [])
    }
}

// MARK: - Decisions

extension Diagnosis {
    /// Nil: there is nothing to say that the end does not say itself.
    ///
    /// - Parameters:
    ///   - hasPrinted: anything came from a console.
    ///   - isInterpreted: a KVM that interprets a guest's kernel mode executes it.
    ///   - said: advice that was given before.
    package init?(
        _ occasion: Occasion, of guest: GuestFacts, cpus: [CPUSituation], hasPrinted: Bool,
        isInterpreted: Bool = false, saidBefore said: [Advice] = []
    ) {
        self.occasion = occasion
        var advice: [Advice] = []
        switch occasion {
        case .silence, .standstill:
            self.cpus = cpus
        case .end(.vcpuStopped(let index, let cause)):
            self.cpus = cpus.filter { $0.index == index }
            advice = Self.advice(on: cause, self.cpus)
        case .end:
            self.cpus = []
        }
        if isInterpreted { advice.append(.slowKVM) }
        if !hasPrinted { advice += guest.consoleAdvice }
        if guest.isLinux, let problem = guest.rootProblem { advice.append(.root(problem)) }
        if !self.cpus.isEmpty { advice.append(.debugger) }
        self.advice = advice.filter { !said.contains($0) }
        guard !self.advice.isEmpty else { return nil }
    }

    private static func advice(on cause: VCPUStopCause, _ cpus: [CPUSituation]) -> [Advice] {
        switch cause {
        case .tripleFault: cpus.contains { !$0.hasHandlers } ? [.noHandlers] : []
        case .runFailure(.internalError(let suberror, _)) where suberror == 1: [.interpretingKVM]
        case .runFailure(.entryRefused): [.entryRefused]
        case .runFailure, .haltedForever, .systemCrash, .unexpectedDebugExit, .hostFailure: []
        }
    }
}

extension GuestFacts {
    /// Why nothing may have come from a console.
    fileprivate var consoleAdvice: [Diagnosis.Advice] {
        guard isLinux else { return [.verbose] }
        var advice: [Diagnosis.Advice] = []
        let wanted = commandLine.values(of: "console").map { String($0.prefix { $0 != "," }) }
        if let last = wanted.last, !wanted.contains(where: consoles.contains) {
            advice.append(.noSuchConsole(last, instead: consoles))
        }
        if commandLine.contains("quiet") { advice.append(.quiet) }
        if !commandLine.hasEarlyConsole { advice.append(.earlyConsole) }
        return advice
    }

    /// What is wrong with `root=`, as far as the machine's devices tell. File systems that need no disk are not judged.
    fileprivate var rootProblem: Diagnosis.RootProblem? {
        let types = commandLine.values(of: "rootfstype")
        guard !types.contains(where: ["9p", "virtiofs", "nfs"].contains), !commandLine.contains("nfsroot") else {
            return nil
        }
        guard let root = commandLine.values(of: "root").last else {
            return hasInitrd ? nil : Diagnosis.RootProblem.none
        }
        if let (index, count) = place(of: root) {
            guard index < count else { return .missing(root, count: count) }
        } else if ["/dev/sd", "/dev/hd", "/dev/nvme", "/dev/mmcblk", "/dev/xvd"].contains(where: root.hasPrefix) {
            return .foreign(root)
        } else if ["UUID=", "PARTUUID=", "LABEL=", "PARTLABEL="].contains(where: root.hasPrefix) {
            guard diskCount + persistentMemoryCount > 0 else { return .missing(root, count: 0) }
        } else {
            return nil
        }
        return hasInitrd ? nil : .needsBuiltInDriver(root)
    }

    /// Which device of how many of its kind: `/dev/vdb2` is disk 1.
    private func place(of root: String) -> (index: Int, count: Int)? {
        if root.hasPrefix("/dev/vd") {
            let letters = root.dropFirst(7).utf8.prefix { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) }
            // vda to vdz, then vdaa: three letters are more disks than a machine can have.
            guard (1...3).contains(letters.count) else { return nil }
            let number = letters.reduce(0) { $0 * 26 + Int($1 - UInt8(ascii: "a")) + 1 }
            return (number - 1, diskCount)
        }
        guard root.hasPrefix("/dev/pmem") else { return nil }
        return Int(root.dropFirst(9).prefix { $0.isNumber }).map { ($0, persistentMemoryCount) }
    }
}
