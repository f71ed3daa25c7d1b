internal import KVMBackend
internal import VMMCore

/// What `swvmm doctor` tells of an arm64 host, from values.
struct ARM64HostDescription: Sendable {
    let facts: ARM64HostFacts
    /// Nil: no vCPU could be made.
    let cpu: ARM64CPUDetails?
    /// In bytes.
    let pageSize: Int
    /// In Hz.
    let counterFrequency: UInt64
    let kernelLevel: ARM64KernelLevel

    var checks: [HostReport.Check] {
        [controllerCheck, addressCheck, featureCheck, kernelCheck] + (cpu.map { [debugCheck($0)] } ?? [])
            + (cpu?.registers.map { [registerCheck($0)] } ?? [])
    }

    private var controllerCheck: HostReport.Check {
        let name = HostReport.controllerName
        do throws(KVMError) {
            try facts.checkInterruptController()
            return .init(name: name, outcome: .good, finding: "GICv3 with ITS for guests", remedy: nil)
        } catch {
            return .init(name: name, outcome: .missing, finding: error.words(), remedy: error.remedy())
        }
    }

    private var addressCheck: HostReport.Check {
        let name = "guest addresses"
        let words = "\(facts.addressBits) bits, host pages of \(pageSize >> 10) KiB"
        guard facts.addressBits < ARM64HostFacts.usualAddressBits else {
            return .init(name: name, outcome: .good, finding: words, remedy: nil)
        }
        // RAM begins at 1 GiB.
        let room = (1 << UInt64(facts.addressBits) - 1 << 30) >> 30 as UInt64
        return .init(
            name: name, outcome: .limited,
            finding: "\(words): up to \(room) GiB of memory, and no window for PCI above them", remedy: nil)
    }

    private var featureCheck: HostReport.Check {
        let offered = facts.features.sorted().map(words(of:))
        let others = Set(ARM64Feature.allCases).subtracting(facts.features).sorted().map(\.rawValue)
        let finding = [
            offered.isEmpty ? nil : offered.joined(separator: ", "),
            others.isEmpty ? nil : "not \(others.joined(separator: ", "))",
        ]
        return .init(
            name: "CPU features", outcome: .good, finding: finding.compactMap(\.self).joined(separator: "; "),
            remedy: nil)
    }

    private func words(of feature: ARM64Feature) -> String {
        switch feature {
        case .pmu: cpu?.eventCounters.map { "pmu with \($0) event counters" } ?? "pmu"
        case .sve: cpu.map { "sve of \(Self.words(of: $0.vectorLengths)) bits" } ?? "sve"
        case .pauth: "pauth"
        case .el2: "el2 (with --cpu host,+el2)"
        }
    }

    /// All lengths where they are few, else the first and the last.
    private static func words(of lengths: [Int]) -> String {
        guard lengths.count > 5, let first = lengths.first, let last = lengths.last else {
            return lengths.map(String.init).joined(separator: ", ")
        }
        return "\(first) to \(last)"
    }

    private var kernelCheck: HostReport.Check {
        let frequency = "counter of \(counterFrequency / 1_000_000).\(counterFrequency / 100_000 % 10) MHz"
        return .init(
            name: "host kernel", outcome: .good, finding: "\(kernelLevel.words); \(frequency)", remedy: nil)
    }

    /// Without one that is used nothing boots; one that is not known here is a newer kernel's, and left alone.
    private func registerCheck(_ check: KVMRegisterListCheck) -> HostReport.Check {
        .init(
            name: "KVM registers", outcome: check.isComplete ? .good : .missing, finding: check.words, remedy: nil)
    }

    private func debugCheck(_ cpu: ARM64CPUDetails) -> HostReport.Check {
        .init(
            name: "debug registers", outcome: .good,
            finding: "\(cpu.breakpoints) for breakpoints, \(cpu.watchpoints) for watchpoints", remedy: nil)
    }
}
