internal import KVMBackend

/// What executes a session's guests, decided once, and why.
struct AcceleratorChoice: Sendable {
    enum Accelerator: Sendable {
        case kvm(KVMHost)
    }

    let accelerator: Accelerator
    /// For the line that tells the user: what it is, and the reason.
    let words: String

    /// Opens what `wanted` and the guest's architecture ask for.
    init(
        _ wanted: MachineConfiguration.Accelerator, for architecture: MachineConfiguration.Architecture
    ) throws(BootError) {
        guard wanted != .software else { throw .noSoftwareCPU }
        guard architecture == .host else { throw .foreignGuest(architecture) }
        do throws(KVMError) { accelerator = .kvm(try KVMHost()) } catch { throw .kvm(error) }
        let reason = wanted == .kvm ? "as told" : "the guest's architecture is the host's, and it opens"
        words = "\(KVMHost.devicePath) (\(reason))"
    }
}
