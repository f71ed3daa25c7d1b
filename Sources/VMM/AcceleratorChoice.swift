internal import KVMBackend

/// What executes a session's guests, decided once, and why.
struct AcceleratorChoice: Sendable {
    enum Accelerator: Sendable {
        case kvm(KVMHost)
        case software
    }

    let accelerator: Accelerator
    /// Of the guests that it executes.
    let architecture: MachineConfiguration.Architecture
    /// For the line that tells the user: what it is, and the reason.
    let words: String

    /// What the software CPU executes.
    static let softwareArchitecture = MachineConfiguration.Architecture.arm64

    /// What `configuration` asks for; a repeatable run is on the software CPU.
    init(
        _ configuration: MachineConfiguration, for architecture: MachineConfiguration.Architecture?
    ) throws(BootError) {
        guard configuration.repeatability != nil else {
            self = try Self(configuration.accelerator, for: architecture)
            return
        }
        guard configuration.accelerator != .kvm, architecture ?? Self.softwareArchitecture == Self.softwareArchitecture
        else { throw .noSoftwareCPU(architecture ?? .host) }
        self.init(software: "its runs can be repeated")
    }

    /// Opens what `wanted` and the guest's architecture ask for.
    ///
    /// `auto` takes KVM when the guest's architecture is the host's and KVM opens, else the software CPU. A guest of no
    /// particular architecture (nil), which the bundled unikernel is, takes that of the accelerator.
    init(
        _ wanted: MachineConfiguration.Accelerator, for architecture: MachineConfiguration.Architecture?
    ) throws(BootError) {
        let isHosts = architecture.map { $0 == .host } ?? true
        let fitsSoftware = architecture.map { $0 == Self.softwareArchitecture } ?? true
        switch wanted {
        case .software:
            guard fitsSoftware else { throw .noSoftwareCPU(architecture ?? .host) }
            self.init(software: "as told")
        case .kvm:
            guard isHosts else { throw .foreignGuest(architecture ?? .host) }
            do throws(KVMError) { self.init(try Self.checkedKVM(), "as told") } catch { throw .kvm(error) }
        case .auto where isHosts:
            do throws(KVMError) {
                self.init(try Self.checkedKVM(), "the guest's architecture is the host's, and it opens")
            } catch {
                guard fitsSoftware else { throw .kvm(error) }
                self.init(software: error.words())
            }
        case .auto:
            guard fitsSoftware else { throw .foreignGuest(architecture ?? .host) }
            self.init(software: "KVM runs \(MachineConfiguration.Architecture.host.rawValue) guests only on this host")
        }
    }

    /// One that machines can be made with.
    private static func checkedKVM() throws(KVMError) -> KVMHost {
        let kvm = try KVMHost()
        #if arch(arm64)
            try kvm.arm64Facts().checkInterruptController()
        #endif
        return kvm
    }

    private init(_ kvm: KVMHost, _ reason: String) {
        accelerator = .kvm(kvm)
        architecture = .host
        words = "\(KVMHost.devicePath) (\(reason))"
    }

    private init(software reason: String) {
        accelerator = .software
        architecture = Self.softwareArchitecture
        words = "the software CPU (\(reason))"
    }
}
