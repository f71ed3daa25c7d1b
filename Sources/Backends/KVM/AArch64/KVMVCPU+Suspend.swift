#if arch(arm64)
    internal import KVMBridge
    internal import VMMCore

    // PSCI SYSTEM_SUSPEND. KVM leaves it to us: the vCPU that calls waits in KVM for an interrupt that is enabled, then starts anew where
    // the call says. The other CPUs are off by then: that is the caller's to see to, and what still runs goes on.
    // Source: Linux api.rst 5, "KVM_EXIT_SYSTEM_EVENT"; Arm DEN0022, 5.19 "SYSTEM_SUSPEND".

    // SAFETY, for this file: the caller is the one thread that runs this vCPU; structs given to the bridge live through the calls.

    extension KVMVirtualMachine {
        /// Has guests' SYSTEM_SUSPEND lead here, where this KVM can; else it is a function that guests are told not to have.
        static func enableSystemSuspend(_ machine: Descriptor, on host: KVMHost) throws(KVMError) {
            guard host.probe.has(.systemSuspend) else { return }
            try checked(swvmm_kvm_arm_enable_system_suspend(machine.number), .enableSystemSuspend)
        }
    }

    extension KVMVCPU {
        /// The guest called SYSTEM_SUSPEND: the next KVM_RUN waits.
        func suspendSystem() throws(KVMError) -> VCPUExit {
            try checked(
                swvmm_kvm_set_mp_state(descriptor.number, UInt32(KVM_MP_STATE_SUSPENDED)), .setPowerState)
            return .interrupted
        }

        /// An interrupt came: the CPU starts as after a reset, at the address that the call had in x1, with its x2 as x0.
        func wakeSystem() throws(KVMError) -> VCPUExit {
            let (entry, context) = (try register(.x(1)), try register(.x(2)))
            try Self.initialize(descriptor, machine: machine, index: index, isReset: true)
            try checked(
                swvmm_kvm_set_mp_state(descriptor.number, UInt32(KVM_MP_STATE_RUNNABLE)), .setPowerState)
            try setRegister(.pc, entry)
            try setRegister(.x(0), context)
            return .interrupted
        }
    }
#endif
