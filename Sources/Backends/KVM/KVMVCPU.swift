internal import Glibc
internal import KVMBridge
internal import Synchronization
package import VMMCore

/// A vCPU of the host's KVM.
///
/// `run()`, `completeRead(_:)`, the registers, `translate(_:)` and stepping belong to one thread at a time, `kick()` to any.
///
/// How a kick is not lost. KVM looks at `kvm_run.immediate_exit` once, on the way into KVM_RUN, and at pending signals
/// from then on. `kick()` notes the kick, raises immediate_exit, then signals the thread that `runner` names; `run()` writes
/// `runner` before KVM_RUN reads immediate_exit. Both are sequentially consistent, so either the kicker sees the runner and the
/// signal ends KVM_RUN, or KVM_RUN sees immediate_exit. What is left:
/// - a kick that comes between the return of KVM_RUN and the next call waits in immediate_exit for it;
/// - the signal may arrive after KVM_RUN has returned: then it interrupts some other system call of that thread (the handler
///   is installed with SA_RESTART), or the next KVM_RUN, which finds no kick noted and goes on;
/// - several kicks before `run()` sees the first are one.
@safe
package final class KVMVCPU: VCPU {
    package typealias Failure = KVMError

    /// What the last exit still wants of KVM: it completes an instruction's input or output on the next KVM_RUN.
    enum Pending: UInt8 {
        case nothing
        case read
        case answeredRead
        case write
    }

    /// What only the running thread touches. It lives outside the object: a class's stored properties pay for exclusivity
    /// checks at each access, and these are accessed at each exit.
    struct RunState {
        /// The number of the thread that ran last, or -1.
        var threadNumber: Int32 = -1
        var pending = Pending.nothing
        /// The current piece of data: where it is in the shared mapping, and its bytes.
        var offset = 0
        var width = AccessWidth.byte
        /// Bytes of the same exit after the current piece: more elements of a string instruction, or what an access of
        /// 3, 5, 6 or 7 bytes has left. -1: the shared page holds a whole exit that `run()` has not returned yet.
        var rest = 0
        /// Address or port of the current piece, and which of the two: valid while `rest` is above 0.
        var address: UInt64 = 0
        var isMemory = false
        /// What KVM_SET_GUEST_DEBUG was told last.
        var debugRegisters = DebugRegisters()
        var isSingleStepping = false
    }

    package let index: VCPUIndex
    /// The frequency of the guest's time stamp counter in Hz, or nil when KVM cannot tell and on arm64.
    package let tscFrequency: UInt64?
    let machine: KVMVirtualMachine
    let descriptor: Descriptor
    // SAFETY: both pointers are immutable and valid until deinit. `page` is shared with the kernel and, for immediate_exit,
    // which only the bridge's atomics touch, with kicking threads; the rest of both belongs to the running thread.
    nonisolated(unsafe) let page: UnsafeMutablePointer<kvm_run>
    nonisolated(unsafe) let state: UnsafeMutablePointer<RunState>
    /// The thread that is inside KVM_RUN or about to enter it, or 0.
    let runner = Atomic<Int32>(0)
    let kickPending = Atomic<Bool>(false)
    #if arch(x86_64)
        /// INT of the 8259s, where those are not KVM's. Only vCPU 0 has that wire.
        let externalRequest = Atomic<Bool>(false)
    #endif

    init(machine: KVMVirtualMachine, index: VCPUIndex) throws(KVMError) {
        guard KickSignal.isInstalled else { throw .signalRefused(errno: EINVAL) }
        let descriptor = Descriptor(
            try checked(swvmm_kvm_create_vcpu(machine.descriptor.number, UInt32(index.rawValue)), .createVCPU))
        #if arch(x86_64)
            tscFrequency = try Self.setUpCPUID(of: descriptor, machine: machine, index: index)
        #else
            tscFrequency = nil
            try Self.initialize(descriptor, machine: machine, index: index)
        #endif
        let size = machine.host.vcpuMappingSize
        // SAFETY: a new mapping at an address of the kernel's choice.
        guard let mapped = unsafe mmap(nil, size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor.number, 0),
            unsafe mapped != MAP_FAILED
        else { throw .refused(.mapVCPU, errno: errno) }
        self.machine = machine
        self.index = index
        self.descriptor = descriptor
        unsafe page = mapped.assumingMemoryBound(to: kvm_run.self)
        unsafe state = UnsafeMutablePointer.allocate(capacity: 1)
        unsafe state.initialize(to: RunState())
    }

    deinit {
        // SAFETY: nobody runs or kicks a vCPU without a reference to it.
        unsafe state.deallocate()
        unsafe _ = munmap(page, machine.host.vcpuMappingSize)
    }

    package func kick() {
        kickPending.store(true, ordering: .sequentiallyConsistent)
        // SAFETY: the mapping lives as long as this object.
        unsafe swvmm_kvm_raise_immediate_exit(page)
        let thread = runner.load(ordering: .sequentiallyConsistent)
        // A thread that ended since is no error: it left `run()`, and immediate_exit holds the kick.
        if thread != 0 { _ = swvmm_signal_thread(thread, KickSignal.number) }
    }
}

/// The signal that brings a thread out of KVM_RUN.
enum KickSignal {
    /// The first signal that neither the kernel nor the C library uses.
    static let number = __libc_current_sigrtmin()

    /// Installs the empty handler on first use: without one the signal would end the process.
    static let isInstalled: Bool = {
        var action = sigaction()
        // SAFETY: an empty handler touches nothing. The structs live through the calls.
        unsafe action.__sigaction_handler.sa_handler = { _ in }
        action.sa_flags = SA_RESTART
        return unsafe sigaction(number, &action, nil) == 0
    }()

    /// Lets the signal through to the calling thread, which may have inherited a mask that blocks everything.
    static func unblock() {
        var set = sigset_t()
        // SAFETY: the set lives through the calls.
        unsafe sigemptyset(&set)
        unsafe sigaddset(&set, number)
        unsafe pthread_sigmask(SIG_UNBLOCK, &set, nil)
    }
}
