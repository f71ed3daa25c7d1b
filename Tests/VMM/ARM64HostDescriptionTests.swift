import KVMBackend
import Testing
import VMMCore

@testable import VMM

/// What the doctor tells of arm64 hosts, on any host.
@Suite("Descriptions of arm64 hosts") struct ARM64HostDescriptionTests {
    private func checks(
        _ change: (inout ARM64HostFacts) -> Void = { _ in }, cpu: ARM64CPUDetails? = nil,
        level: ARM64KernelLevel = .vhe
    ) -> [String: HostReport.Check] {
        var facts = ARM64HostFacts(
            interruptController: .gicV3(hasITS: true), addressBits: 44, vcpuLimit: 512,
            features: Set(ARM64Feature.allCases))
        change(&facts)
        let description = ARM64HostDescription(
            facts: facts, cpu: cpu, pageSize: 16384, counterFrequency: 62_500_000, kernelLevel: level)
        return Dictionary(uniqueKeysWithValues: description.checks.map { ($0.name, $0) })
    }

    @Test("a host with everything")
    func everything() {
        let cpu = ARM64CPUDetails(vectorLengths: [128, 256], eventCounters: 6, breakpoints: 6, watchpoints: 4)
        let checks = checks(cpu: cpu)
        #expect(checks.values.allSatisfy { $0.outcome == .good && $0.remedy == nil })
        #expect(checks["interrupt controller"]?.finding == "GICv3 with ITS for guests")
        #expect(checks["guest addresses"]?.finding == "44 bits, host pages of 16 KiB")
        #expect(
            checks["CPU features"]?.finding
                == "pmu with 6 event counters, sve of 128, 256 bits, pauth, el2 (with --cpu host,+el2)")
        #expect(checks["host kernel"]?.finding == "at EL2 (VHE); counter of 62.5 MHz")
        #expect(checks["debug registers"]?.finding == "6 for breakpoints, 4 for watchpoints")
    }

    @Test("many vector lengths are told by the first and the last")
    func lengths() {
        let cpu = ARM64CPUDetails(
            vectorLengths: (1...16).map { $0 * 128 }, eventCounters: nil, breakpoints: 2, watchpoints: 2)
        let check = checks({ $0.features = [.sve] }, cpu: cpu)["CPU features"]
        #expect(check?.finding == "sve of 128 to 2048 bits; not pmu, pauth, el2")
    }

    @Test("a GICv2 is missing something, with what to do; features that are not there are named")
    func little() {
        let checks = checks({
            $0.interruptController = .gicV2
            $0.features = []
        })
        #expect(checks["interrupt controller"]?.outcome == .missing)
        #expect(checks["interrupt controller"]?.finding.contains("GICv2 only") == true)
        #expect(checks["interrupt controller"]?.remedy?.contains("--accel software") == true)
        #expect(checks["CPU features"]?.finding == "not pmu, sve, pauth, el2")
        #expect(checks["debug registers"] == nil)
    }

    @Test("few bits of guest addresses are a limit, in terms of memory")
    func addresses() {
        let check = checks({ $0.addressBits = 36 })["guest addresses"]
        #expect(check?.outcome == .limited)
        #expect(
            check?.finding == "36 bits, host pages of 16 KiB: up to 63 GiB of memory, and no window for PCI above them")
        #expect(checks({ $0.addressBits = 40 })["guest addresses"]?.outcome == .good)
    }

    private func level(timer: String, commandLine: String = "quiet", offersEL2: Bool = false) -> ARM64KernelLevel {
        ARM64KernelLevel(
            interrupts:
                "           CPU0       CPU1\n 13:       1       2     GICv3  23 Level     arm-pmu\n\(timer)\nIPI0: 1 2  x\n",
            commandLine: commandLine, offersEL2: offersEL2)
    }

    @Test("the kernel's level follows from its timer, its command line and KVM; else it is unknown")
    func levels() {
        #expect(level(timer: " 11:       1242       7     GICv3  26 Level     arch_timer") == .vhe)
        #expect(level(timer: " 11:       1242       7     GICv3  30 Level     arch_timer") == .nVHE)
        #expect(level(timer: " 26:       30       30     GICv3  27 Level     arch_timer") == .unknown)
        #expect(level(timer: " 11:       1     GICv3  27 Level     kvm guest vtimer") == .unknown)
        #expect(level(timer: " 11:       1     26     arch_timer") == .unknown)
        #expect(ARM64KernelLevel(interrupts: "", commandLine: "", offersEL2: false) == .unknown)
        #expect(level(timer: "", offersEL2: true) == .vhe)
        #expect(
            level(timer: " 11:  1  GICv3  30 Level     arch_timer", commandLine: "quiet kvm-arm.mode=protected")
                == .protected)
    }
}
