internal import Glibc
internal import KVMBridge
internal import Synchronization
internal import VMMCore

/// The host's KVM: an open `/dev/kvm`, checked to be one that swvmm can work with.
///
/// Threading: any thread. Virtual machines hold what they need of it and outlive it.
package final class KVMHost: Sendable {
    package static let devicePath = "/dev/kvm"
    /// The only version there has been since Linux 2.6.22.
    static let apiVersion: Int32 = 12

    /// What this KVM offers.
    package let probe: KVMProbe
    let device: Descriptor
    /// Size of the pages that a vCPU shares with us, in bytes.
    let vcpuMappingSize: Int
    #if arch(x86_64)
        /// What KVM_GET_SUPPORTED_CPUID says: asked once, since it costs as much as the rest of a machine's creation.
        let supportedCPUID: CPUIDTable
    #else
        /// What `arm64Facts()` found.
        let facts = Mutex<ARM64HostFacts?>(nil)
        /// The empty machine that it asked. The first `KVMVirtualMachine` becomes of it: to give one back, and to make another, takes the
        /// kernel longer than all other questions.
        let askedMachine = Mutex<Descriptor?>(nil)
    #endif

    /// Opens KVM and checks its API version and the required capabilities.
    package init(path: String = KVMHost.devicePath) throws(KVMError) {
        let device = try Self.openDevice(path)
        let probe = try KVMProbe(device: device.number)
        if let lacking = probe.missingRequired.first { throw .lacksCapability(lacking) }
        self.device = device
        self.probe = probe
        vcpuMappingSize = Int(try checked(swvmm_kvm_get_vcpu_mmap_size(device.number), .getVCPUMmapSize))
        #if arch(x86_64)
            supportedCPUID = try KVMCPUID.supported(by: device.number)
        #endif
    }

    #if arch(arm64)
        /// In Hz: of the host's generic timer, and of every guest's.
        package static var counterFrequency: UInt64 { swvmm_counter_frequency() }
    #endif

    /// What the KVM at `path` offers, also when it lacks something that swvmm needs.
    package static func probe(path: String = KVMHost.devicePath) throws(KVMError) -> KVMProbe {
        let device = try openDevice(path)
        // A descriptor closes with its last reference, which may be before the number's last use.
        defer { withExtendedLifetime(device) {} }
        return try KVMProbe(device: device.number)
    }

    private static func openDevice(_ path: String) throws(KVMError) -> Descriptor {
        // SAFETY: the path is passed as a null-terminated copy that lives through the call.
        let number = unsafe open(path, O_RDWR | O_CLOEXEC)
        let reason = errno
        guard number < 0 else { return Descriptor(number) }
        switch reason {
        case ENOENT, ENODEV, ENXIO, ENOTDIR: throw .missing
        case EACCES, EPERM: throw .permissionDenied
        case EBUSY: throw .busy
        default: throw .cannotOpen(errno: reason)
        }
    }
}

/// What a KVM offers, as values for `swvmm doctor`.
package struct KVMProbe: Hashable, Sendable {
    package struct Entry: Hashable, Sendable {
        package let capability: KVMCapability
        /// What KVM_CHECK_EXTENSION gives: 0 is absent, 1 is present, some capabilities answer with a count or flags.
        package let value: Int32
        package var isPresent: Bool { value > 0 }
    }

    package let apiVersion: Int32
    /// One entry for each `KVMCapability`, in declaration order.
    package let capabilities: [Entry]
    /// How many vCPUs the kernel recommends (KVM_CAP_NR_VCPUS) and allows (KVM_CAP_MAX_VCPUS) in one machine.
    package let recommendedVCPUs: Int
    package let maximumVCPUs: Int

    package var missingRequired: [KVMCapability] {
        capabilities.filter { $0.capability.isRequired && !$0.isPresent }.map(\.capability)
    }

    package func value(of capability: KVMCapability) -> Int32 {
        capabilities.first { $0.capability == capability }?.value ?? 0
    }

    package func has(_ capability: KVMCapability) -> Bool { value(of: capability) > 0 }

    init(device: Int32) throws(KVMError) {
        let version = swvmm_kvm_get_api_version(device)
        guard version != -ENOTTY, version != -EINVAL else { throw .notKVM }
        guard try checked(version, .getAPIVersion) == KVMHost.apiVersion else { throw .unknownAPIVersion(version) }
        apiVersion = version
        capabilities = KVMCapability.allCases.map {
            Entry(capability: $0, value: max(0, swvmm_kvm_check_extension(device, $0.number)))
        }
        // Source: api.rst 4.7 "KVM_CREATE_VCPU": 4 where NR_VCPUS is absent, NR_VCPUS where MAX_VCPUS is.
        let recommended = swvmm_kvm_check_extension(device, UInt32(KVM_CAP_NR_VCPUS))
        let maximum = swvmm_kvm_check_extension(device, UInt32(KVM_CAP_MAX_VCPUS))
        recommendedVCPUs = recommended > 0 ? Int(recommended) : 4
        maximumVCPUs = maximum > 0 ? Int(maximum) : recommendedVCPUs
    }
}
