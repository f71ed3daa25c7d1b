package import KVMBackend

/// Why guests cannot be executed on this host, told without booting one.
package enum AcceleratorRefusal: Hashable, Sendable {
    /// KVM runs guests of the host's architecture only.
    case foreignGuest(MachineConfiguration.Architecture)
    /// The software CPU executes no guests of this architecture.
    case noSoftwareCPU(MachineConfiguration.Architecture)
    case kvm(KVMError)

    /// Nil when there is something that executes them. Opens `/dev/kvm` where a boot would.
    package init?(
        _ accelerator: MachineConfiguration.Accelerator, for architecture: MachineConfiguration.Architecture?
    ) {
        do throws(BootError) {
            _ = try AcceleratorChoice(accelerator, for: architecture)
            return nil
        } catch {
            switch error {
            case .foreignGuest(let architecture): self = .foreignGuest(architecture)
            case .noSoftwareCPU(let architecture): self = .noSoftwareCPU(architecture)
            case .kvm(let error): self = .kvm(error)
            default: return nil
            }
        }
    }

    package var words: String {
        switch self {
        case .foreignGuest(let architecture):
            "no accelerator for \(architecture.rawValue) guests here: KVM runs "
                + "\(MachineConfiguration.Architecture.host.rawValue) guests only on this host"
        case .noSoftwareCPU(let architecture): "the software CPU executes no \(architecture.rawValue) guests"
        case .kvm(let error): error.words()
        }
    }
}
