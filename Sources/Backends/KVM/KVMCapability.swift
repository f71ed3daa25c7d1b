internal import KVMBridge

/// What a KVM may offer and swvmm uses or tells about. Source: Linux Documentation/virt/kvm/api.rst, "KVM_CHECK_EXTENSION".
package enum KVMCapability: String, Hashable, Sendable, CaseIterable {
    case userMemory = "KVM_CAP_USER_MEMORY"
    case destroyMemoryRegion = "KVM_CAP_DESTROY_MEMORY_REGION_WORKS"
    case inKernelIRQChip = "KVM_CAP_IRQCHIP"
    case pit2 = "KVM_CAP_PIT2"
    case setTSSAddress = "KVM_CAP_SET_TSS_ADDR"
    case setIdentityMapAddress = "KVM_CAP_SET_IDENTITY_MAP_ADDR"
    case extendedCPUID = "KVM_CAP_EXT_CPUID"
    case immediateExit = "KVM_CAP_IMMEDIATE_EXIT"
    case signalMSI = "KVM_CAP_SIGNAL_MSI"
    case irqfd = "KVM_CAP_IRQFD"
    case ioeventfd = "KVM_CAP_IOEVENTFD"
    case irqRouting = "KVM_CAP_IRQ_ROUTING"
    case internalErrorData = "KVM_CAP_INTERNAL_ERROR_DATA"
    case guestDebug = "KVM_CAP_SET_GUEST_DEBUG"
    case guestDebugFlags = "KVM_CAP_SET_GUEST_DEBUG2"
    case hardwareBreakpoints = "KVM_CAP_GUEST_DEBUG_HW_BPS"
    case hardwareWatchpoints = "KVM_CAP_GUEST_DEBUG_HW_WPS"
    case tscDeadlineTimer = "KVM_CAP_TSC_DEADLINE_TIMER"
    case getTSCFrequency = "KVM_CAP_GET_TSC_KHZ"
    case tscControl = "KVM_CAP_TSC_CONTROL"
    case readOnlyMemory = "KVM_CAP_READONLY_MEM"
    case splitIRQChip = "KVM_CAP_SPLIT_IRQCHIP"
    case x2APICAPI = "KVM_CAP_X2APIC_API"
    case userSpaceMSR = "KVM_CAP_X86_USER_SPACE_MSR"
    case syncRegisters = "KVM_CAP_SYNC_REGS"
    case dirtyRing = "KVM_CAP_DIRTY_LOG_RING"
    case deviceControl = "KVM_CAP_DEVICE_CTRL"
    case oneRegister = "KVM_CAP_ONE_REG"
    case psci02 = "KVM_CAP_ARM_PSCI_0_2"
    case ipaSize = "KVM_CAP_ARM_VM_IPA_SIZE"
    case pmuV3 = "KVM_CAP_ARM_PMU_V3"
    case sve = "KVM_CAP_ARM_SVE"
    case addressAuthentication = "KVM_CAP_ARM_PTRAUTH_ADDRESS"
    case genericAuthentication = "KVM_CAP_ARM_PTRAUTH_GENERIC"
    case el2 = "KVM_CAP_ARM_EL2"
    case systemSuspend = "KVM_CAP_ARM_SYSTEM_SUSPEND"

    /// Whether KVM on this host's architecture can have it at all.
    package var isForHost: Bool {
        switch self {
        case .pit2, .setTSSAddress, .setIdentityMapAddress, .extendedCPUID, .tscDeadlineTimer, .getTSCFrequency,
            .tscControl,
            .splitIRQChip, .x2APICAPI, .syncRegisters, .internalErrorData, .userSpaceMSR:
            Self.hostIsX86
        case .psci02, .ipaSize, .pmuV3, .sve, .addressAuthentication, .genericAuthentication, .el2, .systemSuspend,
            .hardwareBreakpoints, .hardwareWatchpoints:
            !Self.hostIsX86
        case .userMemory, .destroyMemoryRegion, .inKernelIRQChip, .immediateExit, .signalMSI, .irqfd, .ioeventfd,
            .irqRouting,
            .guestDebug, .guestDebugFlags, .readOnlyMemory, .dirtyRing, .deviceControl, .oneRegister:
            true
        }
    }

    /// Told of as features of the CPU.
    package var isOfCPU: Bool {
        switch self {
        case .pmuV3, .sve, .addressAuthentication, .genericAuthentication, .el2: true
        default: false
        }
    }

    /// True for what swvmm cannot do without: a KVM that lacks one is refused.
    package var isRequired: Bool {
        switch self {
        case .userMemory, .destroyMemoryRegion, .inKernelIRQChip, .immediateExit, .irqfd, .ioeventfd,
            .signalMSI:
            true
        case .pit2, .setTSSAddress, .setIdentityMapAddress, .extendedCPUID:
            Self.hostIsX86
        case .deviceControl, .oneRegister, .psci02:
            !Self.hostIsX86
        case .ipaSize, .pmuV3, .sve, .addressAuthentication, .genericAuthentication, .el2, .systemSuspend,
            .hardwareBreakpoints, .hardwareWatchpoints:
            false
        case .irqRouting, .internalErrorData, .guestDebug, .guestDebugFlags, .tscDeadlineTimer, .getTSCFrequency,
            .tscControl,
            .readOnlyMemory, .splitIRQChip, .x2APICAPI, .syncRegisters, .dirtyRing, .userSpaceMSR:
            false
        }
    }

    private static var hostIsX86: Bool {
        #if arch(x86_64)
            true
        #else
            false
        #endif
    }

    /// The argument of KVM_CHECK_EXTENSION.
    var number: UInt32 {
        let value: Int32 =
            switch self {
            case .userMemory: KVM_CAP_USER_MEMORY
            case .destroyMemoryRegion: KVM_CAP_DESTROY_MEMORY_REGION_WORKS
            case .inKernelIRQChip: KVM_CAP_IRQCHIP
            case .pit2: KVM_CAP_PIT2
            case .setTSSAddress: KVM_CAP_SET_TSS_ADDR
            case .setIdentityMapAddress: KVM_CAP_SET_IDENTITY_MAP_ADDR
            case .extendedCPUID: KVM_CAP_EXT_CPUID
            case .immediateExit: KVM_CAP_IMMEDIATE_EXIT
            case .signalMSI: KVM_CAP_SIGNAL_MSI
            case .irqfd: KVM_CAP_IRQFD
            case .ioeventfd: KVM_CAP_IOEVENTFD
            case .irqRouting: KVM_CAP_IRQ_ROUTING
            case .internalErrorData: KVM_CAP_INTERNAL_ERROR_DATA
            case .guestDebug: KVM_CAP_SET_GUEST_DEBUG
            case .guestDebugFlags: KVM_CAP_SET_GUEST_DEBUG2
            case .hardwareBreakpoints: KVM_CAP_GUEST_DEBUG_HW_BPS
            case .hardwareWatchpoints: KVM_CAP_GUEST_DEBUG_HW_WPS
            case .tscDeadlineTimer: KVM_CAP_TSC_DEADLINE_TIMER
            case .getTSCFrequency: KVM_CAP_GET_TSC_KHZ
            case .tscControl: KVM_CAP_TSC_CONTROL
            case .readOnlyMemory: KVM_CAP_READONLY_MEM
            case .splitIRQChip: KVM_CAP_SPLIT_IRQCHIP
            case .x2APICAPI: KVM_CAP_X2APIC_API
            case .userSpaceMSR: KVM_CAP_X86_USER_SPACE_MSR
            case .syncRegisters: KVM_CAP_SYNC_REGS
            case .dirtyRing: KVM_CAP_DIRTY_LOG_RING
            case .deviceControl: KVM_CAP_DEVICE_CTRL
            case .oneRegister: KVM_CAP_ONE_REG
            case .psci02: KVM_CAP_ARM_PSCI_0_2
            case .ipaSize: KVM_CAP_ARM_VM_IPA_SIZE
            case .pmuV3: KVM_CAP_ARM_PMU_V3
            case .sve: KVM_CAP_ARM_SVE
            case .addressAuthentication: KVM_CAP_ARM_PTRAUTH_ADDRESS
            case .genericAuthentication: KVM_CAP_ARM_PTRAUTH_GENERIC
            case .el2: KVM_CAP_ARM_EL2
            case .systemSuspend: KVM_CAP_ARM_SYSTEM_SUSPEND
            }
        return UInt32(value)
    }
}
