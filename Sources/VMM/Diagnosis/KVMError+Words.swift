internal import Glibc
internal import HostIO
package import KVMBackend
internal import VMMCore

extension KVMError {
    /// What is wrong, in one line.
    package func words(path: String = KVMHost.devicePath) -> String {
        switch self {
        case .missing: "\(path) does not exist"
        case .permissionDenied: "no permission to open \(path)"
        case .busy: "another hypervisor holds the CPU's virtualisation extension"
        case .notKVM: "\(path) is not KVM's device"
        case .cannotOpen(let code): "\(path) cannot be opened: \(HostFacts.describe(errno: code))"
        case .unknownAPIVersion(let version): "\(path) has API version \(version), swvmm knows 12"
        case .lacksCapability(let capability): "this kernel's KVM is too old: it lacks \(capability.rawValue)"
        case .tooManyVCPUs(let limit): "--cpus: this host's KVM allows at most \(limit) vCPUs in a machine"
        case .vcpuOutOfOrder(let index, let expected):
            "vCPU \(index.rawValue) was created before vCPU \(expected.rawValue)"
        case .memoryMappedTwice: "guest memory was mapped twice"
        case .memoryNotMapped: "no guest memory is mapped"
        case .noSuchInterruptInput(let input, let count): "the interrupt controller has \(count) inputs, not \(input)"
        case .lacksGICv3(offersGICv2: true):
            "this host's KVM gives guests a GICv2 only, for its own interrupt controller is one; swvmm's arm64 guests have a GICv3"
        case .lacksGICv3(offersGICv2: false): "this host's KVM gives guests no GICv3"
        case .lacksITS: "this host's KVM gives guests a GICv3 without an ITS"
        case .memoryBeyondIPA(let end, let bits):
            "guest memory ends at \(hexadecimal(end)), but guest physical addresses have \(bits) bits on this host's KVM"
        case .lacksFeatures(let features):
            "--cpu: this host's KVM has no \(features.map(\.rawValue).joined(separator: ", "))"
        case .lacksARM64Features(let features, let offered):
            "--cpu: this host's KVM gives guests no \(features.map(\.rawValue).joined(separator: ", "))"
                + (offered.isEmpty ? "" : ", but \(offered.sorted().map(\.rawValue).joined(separator: ", "))")
        case .stateOfOtherMachine(let register):
            "the saved state is another machine's, or another host's: it differs in \(register.words)"
        case .signalRefused(let code): "the kick signal's handler: \(HostFacts.describe(errno: code))"
        // Source: Linux api.rst 4.10 "KVM_RUN", ENOSYS on arm64.
        case .refused(.run, ENOSYS) where MachineConfiguration.Architecture.host == .arm64:
            "the guest reached for a device with an instruction that the CPU does not describe to KVM: a pair, a vector, or one with writeback"
        case .refused(let operation, let code): "\(operation.rawValue): \(HostFacts.describe(errno: code))"
        }
    }

    /// What the user can do about it; nil where nothing is known.
    package func remedy(path: String = KVMHost.devicePath) -> String? {
        switch self {
        case .missing:
            MachineConfiguration.Architecture.host == .arm64
                ? "boot a kernel with KVM where it starts at EL2: this one has no KVM, or runs in a virtual machine (use --accel software)"
                : "load the module (modprobe kvm_intel or kvm_amd), turn on virtualisation in the firmware, or give this machine nested virtualisation"
        case .permissionDenied:
            "add yourself to the device's group (sudo usermod -aG kvm $USER, then log in again), or: sudo chmod 666 \(path)"
        case .busy: "stop the other hypervisor (VirtualBox, for example)"
        case .unknownAPIVersion, .lacksCapability: "boot a newer Linux kernel (5.10 or later)"
        case .notKVM, .cannotOpen, .tooManyVCPUs, .vcpuOutOfOrder, .memoryMappedTwice, .memoryNotMapped,
            .noSuchInterruptInput, .stateOfOtherMachine, .signalRefused, .refused:
            nil
        case .lacksGICv3, .lacksITS: "use --accel software, or a host with a GICv3"
        case .lacksFeatures, .lacksARM64Features: "--cpu host takes what it has"
        case .memoryBeyondIPA: "ask for less with --memory"
        }
    }
}

/// Why a backend's vCPU could not run, in one line.
func backendWords(_ error: some Error) -> String { (error as? KVMError)?.words() ?? "\(error)" }
