/// Why KVM_RUN returned: `kvm_run.exit_reason`. For reports; `VCPUExit` is what the machine acts on.
/// Source: `<linux/kvm.h>` of Linux 6.16, the KVM_EXIT_ names.
package enum KVMExitReason: UInt32, Hashable, Sendable, CaseIterable {
    case unknown = 0
    case exception = 1
    case io = 2
    case hypercall = 3
    case debug = 4
    case hlt = 5
    case mmio = 6
    case irqWindowOpen = 7
    case shutdown = 8
    case failEntry = 9
    case intr = 10
    case setTPR = 11
    case tprAccess = 12
    case s390SIEIC = 13
    case s390Reset = 14
    case dcr = 15
    case nmi = 16
    case internalError = 17
    case osi = 18
    case paprHypercall = 19
    case s390UControl = 20
    case watchdog = 21
    case s390TSCH = 22
    case epr = 23
    case systemEvent = 24
    case s390STSI = 25
    case ioapicEOI = 26
    case hyperV = 27
    case armNISV = 28
    case x86ReadMSR = 29
    case x86WriteMSR = 30
    case dirtyRingFull = 31
    case apResetHold = 32
    case x86BusLock = 33
    case xen = 34
    case riscvSBI = 35
    case riscvCSR = 36
    case notify = 37
    case loongArchIOCSR = 38
    case memoryFault = 39
    case tdx = 40

    /// The name in `<linux/kvm.h>`.
    package var name: StaticString {
        switch self {
        case .unknown: "KVM_EXIT_UNKNOWN"
        case .exception: "KVM_EXIT_EXCEPTION"
        case .io: "KVM_EXIT_IO"
        case .hypercall: "KVM_EXIT_HYPERCALL"
        case .debug: "KVM_EXIT_DEBUG"
        case .hlt: "KVM_EXIT_HLT"
        case .mmio: "KVM_EXIT_MMIO"
        case .irqWindowOpen: "KVM_EXIT_IRQ_WINDOW_OPEN"
        case .shutdown: "KVM_EXIT_SHUTDOWN"
        case .failEntry: "KVM_EXIT_FAIL_ENTRY"
        case .intr: "KVM_EXIT_INTR"
        case .setTPR: "KVM_EXIT_SET_TPR"
        case .tprAccess: "KVM_EXIT_TPR_ACCESS"
        case .s390SIEIC: "KVM_EXIT_S390_SIEIC"
        case .s390Reset: "KVM_EXIT_S390_RESET"
        case .dcr: "KVM_EXIT_DCR"
        case .nmi: "KVM_EXIT_NMI"
        case .internalError: "KVM_EXIT_INTERNAL_ERROR"
        case .osi: "KVM_EXIT_OSI"
        case .paprHypercall: "KVM_EXIT_PAPR_HCALL"
        case .s390UControl: "KVM_EXIT_S390_UCONTROL"
        case .watchdog: "KVM_EXIT_WATCHDOG"
        case .s390TSCH: "KVM_EXIT_S390_TSCH"
        case .epr: "KVM_EXIT_EPR"
        case .systemEvent: "KVM_EXIT_SYSTEM_EVENT"
        case .s390STSI: "KVM_EXIT_S390_STSI"
        case .ioapicEOI: "KVM_EXIT_IOAPIC_EOI"
        case .hyperV: "KVM_EXIT_HYPERV"
        case .armNISV: "KVM_EXIT_ARM_NISV"
        case .x86ReadMSR: "KVM_EXIT_X86_RDMSR"
        case .x86WriteMSR: "KVM_EXIT_X86_WRMSR"
        case .dirtyRingFull: "KVM_EXIT_DIRTY_RING_FULL"
        case .apResetHold: "KVM_EXIT_AP_RESET_HOLD"
        case .x86BusLock: "KVM_EXIT_X86_BUS_LOCK"
        case .xen: "KVM_EXIT_XEN"
        case .riscvSBI: "KVM_EXIT_RISCV_SBI"
        case .riscvCSR: "KVM_EXIT_RISCV_CSR"
        case .notify: "KVM_EXIT_NOTIFY"
        case .loongArchIOCSR: "KVM_EXIT_LOONGARCH_IOCSR"
        case .memoryFault: "KVM_EXIT_MEMORY_FAULT"
        case .tdx: "KVM_EXIT_TDX"
        }
    }
}
