package import VMMCore

/// What can go wrong between swvmm and the host's KVM. Values only: the command line finds the words.
package enum KVMError: Error, Hashable, Sendable {
    /// There is no such device: no KVM in the kernel, its module is not loaded, or virtualisation is off in firmware.
    case missing
    /// The device is there, but this user may not open it.
    case permissionDenied
    /// Another hypervisor holds the CPU's virtualisation extension.
    case busy
    /// The path leads to something else than KVM's device.
    case notKVM
    /// The device exists and cannot be opened for another reason.
    case cannotOpen(errno: Int32)
    /// The API's version is not 12, the only one there has been since Linux 2.6.22.
    case unknownAPIVersion(Int32)
    /// The kernel's KVM is too old: it lacks something that swvmm needs.
    case lacksCapability(KVMCapability)
    /// More vCPUs were asked for than this KVM allows.
    case tooManyVCPUs(limit: Int)
    /// vCPUs are created once each, from 0 in order.
    case vcpuOutOfOrder(VCPUIndex, expected: VCPUIndex)
    /// `map(_:)` was called twice, or the dirty log was asked for before it.
    case memoryMappedTwice
    case memoryNotMapped
    /// The controller has inputs `0 ..< count` only.
    case noSuchInterruptInput(UInt32, count: UInt32)
    /// arm64: the host's interrupt controller is no GICv3, so that KVM cannot offer one to a guest; it may offer a GICv2.
    case lacksGICv3(offersGICv2: Bool)
    /// arm64: KVM offers a GICv3 without its interrupt translation service.
    case lacksITS
    /// arm64: the host's second stage translates `bits` bits of a guest's physical address, and the memory ends beyond them.
    case memoryBeyondIPA(end: UInt64, bits: Int)
    /// x86: the CPU's model has features that the host, or its KVM, has not.
    case lacksFeatures([X86Feature])
    /// arm64: the CPU's model has features that the host, or its KVM, cannot give to a guest; these it can.
    case lacksARM64Features([ARM64Feature], offered: Set<ARM64Feature>)
    /// arm64: a saved state has another value of a register that is the same in all of a machine's life.
    case stateOfOtherMachine(KVMRegisterIdentifier)
    /// The kick signal's handler could not be installed.
    case signalRefused(errno: Int32)
    /// KVM refused an operation; `errno` is the ioctl's.
    case refused(KVMOperation, errno: Int32)
}

/// The operations that KVM can refuse, named after their ioctls.
package enum KVMOperation: String, Hashable, Sendable, CaseIterable {
    case getAPIVersion = "KVM_GET_API_VERSION"
    case createVM = "KVM_CREATE_VM"
    case getVCPUMmapSize = "KVM_GET_VCPU_MMAP_SIZE"
    case getSupportedCPUID = "KVM_GET_SUPPORTED_CPUID"
    case setTSSAddress = "KVM_SET_TSS_ADDR"
    case setIdentityMapAddress = "KVM_SET_IDENTITY_MAP_ADDR"
    case createDevice = "KVM_CREATE_DEVICE"
    case setDeviceAttribute = "KVM_SET_DEVICE_ATTR"
    case preferredTarget = "KVM_ARM_PREFERRED_TARGET"
    case initVCPU = "KVM_ARM_VCPU_INIT"
    case getRegister = "KVM_GET_ONE_REG"
    case setRegister = "KVM_SET_ONE_REG"
    case getRegisterList = "KVM_GET_REG_LIST"
    case enableSystemSuspend = "KVM_ENABLE_CAP(KVM_CAP_ARM_SYSTEM_SUSPEND)"
    case setCallFilter = "KVM_SET_DEVICE_ATTR(KVM_ARM_VM_SMCCC_FILTER)"
    case finalizeVCPU = "KVM_ARM_VCPU_FINALIZE"
    case getDeviceAttribute = "KVM_GET_DEVICE_ATTR"
    case getPowerState = "KVM_GET_MP_STATE"
    case setPowerState = "KVM_SET_MP_STATE"
    case getEvents = "KVM_GET_VCPU_EVENTS"
    case setEvents = "KVM_SET_VCPU_EVENTS"
    case createIRQChip = "KVM_CREATE_IRQCHIP"
    case enableSplitIRQChip = "KVM_ENABLE_CAP(KVM_CAP_SPLIT_IRQCHIP)"
    case enableUserSpaceMSR = "KVM_ENABLE_CAP(KVM_CAP_X86_USER_SPACE_MSR)"
    case setGSIRouting = "KVM_SET_GSI_ROUTING"
    case interrupt = "KVM_INTERRUPT"
    case createPIT = "KVM_CREATE_PIT2"
    case setUserMemoryRegion = "KVM_SET_USER_MEMORY_REGION"
    case getDirtyLog = "KVM_GET_DIRTY_LOG"
    case createVCPU = "KVM_CREATE_VCPU"
    case mapVCPU = "mmap"
    case setCPUID = "KVM_SET_CPUID2"
    case run = "KVM_RUN"
    case getRegisters = "KVM_GET_REGS"
    case setRegisters = "KVM_SET_REGS"
    case getSystemRegisters = "KVM_GET_SREGS"
    case setSystemRegisters = "KVM_SET_SREGS"
    case setGuestDebug = "KVM_SET_GUEST_DEBUG"
    case signalMSI = "KVM_SIGNAL_MSI"
    case irqfd = "KVM_IRQFD"
    case ioeventfd = "KVM_IOEVENTFD"
}

/// The value of an ioctl, or a throw when it is a negated errno.
@discardableResult
func checked(_ result: Int32, _ operation: KVMOperation) throws(KVMError) -> Int32 {
    guard result >= 0 else { throw .refused(operation, errno: -result) }
    return result
}
