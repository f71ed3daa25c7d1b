internal import HostIO
internal import KVMBackend
internal import VMMCore

extension HostReport {
    /// Looks at this host. Opens `/dev/kvm` and asks; changes nothing.
    ///
    /// - Parameter kvmPath: another path than `/dev/kvm`, for tests.
    package static func gather(kvmPath: String = KVMHost.devicePath) -> HostReport {
        let kvm: Result<KVMProbe, KVMError>
        do throws(KVMError) { kvm = .success(try KVMHost.probe(path: kvmPath)) } catch { kvm = .failure(error) }
        let checks =
            [cpuCheck(), deviceCheck(kvm, kvmPath)] + capabilityChecks(kvm) + speedChecks(kvm, kvmPath)
            + armChecks(kvm, kvmPath) + [memoryCheck()]
        let host = MachineConfiguration.Architecture.host
        let guests = MachineConfiguration.Architecture.allCases.map { architecture in
            let software = "it needs nothing of the host; "
            let isSoftware = architecture == AcceleratorChoice.softwareArchitecture
            let refusal =
                architecture == host
                ? refusal(kvm, checks, kvmPath) : "KVM runs \(host.rawValue) guests only on this host"
            guard let refusal else {
                let probe = try? kvm.get()
                let facts = "API version \(probe?.apiVersion ?? 0), up to \(probe?.maximumVCPUs ?? 0) vCPUs"
                return GuestSupport(
                    architecture: architecture, accelerator: .kvm, reason: "\(kvmPath) answers with \(facts)")
            }
            return GuestSupport(
                architecture: architecture, accelerator: isSoftware ? .software : nil,
                reason: (isSoftware ? software : "") + refusal)
        }
        return HostReport(checks: checks, guests: guests)
    }

    /// Why KVM runs no guests of the host's architecture; nil: it does.
    private static func refusal(_ kvm: Result<KVMProbe, KVMError>, _ checks: [Check], _ path: String) -> String? {
        switch kvm {
        case .success(let probe):
            if let missing = probe.missingRequired.first { return "this KVM lacks \(missing.rawValue)" }
            return checks.first { $0.name == controllerName && $0.outcome == .missing }?.finding
        case .failure(let error): return error.words(path: path)
        }
    }

    static let controllerName = "interrupt controller"

    private static func cpuCheck() -> Check {
        let name = "CPU virtualisation"
        let flags = HostFacts.cpuFlags
        if flags.contains("vmx") { return Check(name: name, outcome: .good, finding: "Intel VT-x (vmx)", remedy: nil) }
        if flags.contains("svm") { return Check(name: name, outcome: .good, finding: "AMD-V (svm)", remedy: nil) }
        if MachineConfiguration.Architecture.host == .arm64 {
            return Check(
                name: name, outcome: .good, finding: "arm64: told by \(KVMHost.devicePath) itself", remedy: nil)
        }
        if flags.contains("hypervisor") {
            return Check(
                name: name, outcome: .limited, finding: "neither vmx nor svm: this host is itself a virtual machine",
                remedy: "if KVM is missing below, turn on nested virtualisation for this machine on its own host")
        }
        return Check(
            name: name, outcome: .missing, finding: "neither vmx nor svm among the CPU's flags",
            remedy: "turn on VT-x or AMD-V in the firmware's set-up")
    }

    private static func deviceCheck(_ kvm: Result<KVMProbe, KVMError>, _ path: String) -> Check {
        switch kvm {
        case .success(let probe):
            Check(name: path, outcome: .good, finding: "opens, API version \(probe.apiVersion)", remedy: nil)
        case .failure(let error):
            Check(name: path, outcome: .missing, finding: error.words(path: path), remedy: error.remedy(path: path))
        }
    }

    private static func capabilityChecks(_ kvm: Result<KVMProbe, KVMError>) -> [Check] {
        guard case .success(let probe) = kvm else { return [] }
        let required = probe.capabilities.filter { $0.capability.isRequired }
        let missing = probe.missingRequired.map(\.rawValue)
        let optionalMissing = probe.capabilities.filter {
            $0.capability.isForHost && !$0.capability.isRequired && !$0.capability.isOfCPU && !$0.isPresent
        }
        return [
            missing.isEmpty
                ? Check(
                    name: "KVM capabilities", outcome: .good, finding: "all \(required.count) that swvmm needs",
                    remedy: nil)
                : Check(
                    name: "KVM capabilities", outcome: .missing, finding: "lacks \(missing.joined(separator: ", "))",
                    remedy: "boot a newer Linux kernel (5.10 has them all)"),
            optionalMissing.isEmpty
                ? Check(name: "KVM extras", outcome: .good, finding: "all", remedy: nil)
                : Check(
                    name: "KVM extras", outcome: .limited,
                    finding: "without " + optionalMissing.map(\.capability.rawValue).joined(separator: ", "),
                    remedy: nil),
            Check(
                name: "vCPUs", outcome: .good,
                finding: "up to \(probe.maximumVCPUs), \(probe.recommendedVCPUs) recommended", remedy: nil),
        ]
    }

    /// Whether this KVM runs a guest's kernel on the CPU or interprets it, measured. Nothing on arm64 hosts.
    private static func speedChecks(_ kvm: Result<KVMProbe, KVMError>, _ path: String) -> [Check] {
        #if arch(x86_64)
            guard case .success = kvm, path == KVMHost.devicePath,
                let rate = KVMHost.measureKernelMode(clock: HostClock())
            else { return [] }
            return [speedCheck(rate)]
        #else
            return []
        #endif
    }

    /// - Parameter rate: instructions a second.
    package static func speedCheck(_ rate: UInt64) -> Check {
        let name = "kernel-mode speed"
        // Tenths, so that slow ones differ.
        let tenths = rate / 100_000
        let words = "\(tenths / 10).\(tenths % 10) million instructions a second"
        guard rate < slowestNative else { return Check(name: name, outcome: .good, finding: words, remedy: nil) }
        return Check(
            name: name, outcome: .limited,
            finding:
                "\(words): this KVM interprets a guest's kernel; Linux would take hours, or stop at an instruction it lacks",
            remedy:
                "boot the unikernel and small guests here, Linux for x86_64 on another host or an emulated one (docs/x86-hosts.md)"
        )
    }

    /// Hardware does a thousand million and more, an emulated host hundreds of millions; a KVM that interprets kernel mode
    /// about one million, and Linux needs thousands of millions to its shell.
    private static let slowestNative: UInt64 = 20_000_000

    /// Measures it, in under a second even where it is so; a host that cannot be measured is taken for a good one.
    static var interpretsKernelMode: Bool {
        #if arch(x86_64)
            KVMHost.measureKernelMode(clock: HostClock()).map { $0 < slowestNative } ?? false
        #else
            false
        #endif
    }

    /// What arm64 hosts differ in. Nothing elsewhere.
    private static func armChecks(_ kvm: Result<KVMProbe, KVMError>, _ path: String) -> [Check] {
        #if arch(arm64)
            guard case .success = kvm, let host = try? KVMHost(path: path), let facts = try? host.arm64Facts() else {
                return []
            }
            let description = ARM64HostDescription(
                facts: facts, cpu: try? host.arm64CPUDetails(), pageSize: HostFacts.pageSize,
                counterFrequency: KVMHost.counterFrequency,
                kernelLevel: ARM64KernelLevel(
                    interrupts: HostFacts.text(of: "/proc/interrupts") ?? "",
                    commandLine: HostFacts.text(of: "/proc/cmdline") ?? "",
                    offersEL2: facts.features.contains(.el2)))
            return description.checks
        #else
            return []
        #endif
    }

    private static func memoryCheck() -> Check {
        Check(
            name: "memory", outcome: .good,
            finding: "\(HostFacts.physicalMemory >> 20) MiB; guests pay for what they touch",
            remedy: nil)
    }
}
