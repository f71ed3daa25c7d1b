internal import KVMBridge
internal import VMMCore

// What a debugger wants of a vCPU, as KVM is told: always all of it. Source: KVM API 4.87 "KVM_SET_GUEST_DEBUG".

// SAFETY, for this file: as for KVMVCPU+Run.swift.

extension KVMVCPU: SingleStepping {
    package func setSingleStep(_ enabled: Bool) throws(KVMError) {
        unsafe state.pointee.isSingleStepping = enabled
        try applyDebugControl()
    }
}

extension KVMVCPU {
    func setDebugRegisters(_ registers: DebugRegisters) throws(KVMError) {
        unsafe state.pointee.debugRegisters = registers
        try applyDebugControl()
    }

    private func applyDebugControl() throws(KVMError) {
        var debug = kvm_guest_debug()
        let registers = unsafe state.pointee.debugRegisters
        if unsafe state.pointee.isSingleStepping { debug.control |= singleStepControl }
        if !registers.isEmpty { registers.put(into: &debug) }
        if debug.control != 0 { debug.control |= UInt32(KVM_GUESTDBG_ENABLE) }
        try checked(unsafe swvmm_kvm_set_guest_debug(descriptor.number, &debug), .setGuestDebug)
    }
}
