/// The exception level of an arm64 host's kernel, which decides how much entering and leaving a guest costs. No interface tells it: it is
/// concluded, or unknown.
enum ARM64KernelLevel: Hashable, Sendable {
    /// EL2: with the virtualisation host extensions.
    case vhe
    /// EL1, with KVM's own code at EL2.
    case nVHE
    /// As nVHE, with guests out of the kernel's reach.
    case protected
    case unknown

    /// A kernel takes its timer of its own level: the physical one of EL2, INTID 26, or, having started at EL2 and gone to EL1, that of EL1, 30.
    /// Source: Arm DEN0094, "PPI assignments"; Linux drivers/clocksource/arm_arch_timer.c, arch_timer_select_ppi.
    ///
    /// - Parameters:
    ///   - interrupts: /proc/interrupts.
    ///   - commandLine: /proc/cmdline.
    ///   - offersEL2: KVM gives guests an EL2 of their own, which it can at EL2 only.
    init(interrupts: String, commandLine: String, offersEL2: Bool) {
        let parameters = commandLine.split(whereSeparator: \.isWhitespace)
        if parameters.contains("kvm-arm.mode=protected") {
            self = .protected
            return
        }
        if offersEL2 {
            self = .vhe
            return
        }
        let timer = interrupts.split(separator: "\n").lazy.map { $0.split(whereSeparator: \.isWhitespace) }
            .first { $0.last == "arch_timer" }
        guard let timer, let controller = timer.firstIndex(where: { $0.hasPrefix("GIC") }) else {
            self = .unknown
            return
        }
        switch timer[controller...].dropFirst().first {
        case "26": self = .vhe
        case "30": self = .nVHE
        default: self = .unknown
        }
    }

    var words: String {
        switch self {
        case .vhe: "at EL2 (VHE)"
        case .nVHE: "at EL1, with KVM at EL2 (nVHE)"
        case .protected: "at EL1, with protected KVM at EL2 (nVHE)"
        case .unknown: "unknown whether at EL2 (VHE) or at EL1 (nVHE)"
        }
    }
}
