#if arch(arm64)
    internal import Glibc
    internal import KVMBridge
    package import VMMCore

    // SAFETY, for this file: the values and structs given to the bridge live through the calls.

    extension KVMVCPU {
        /// The registers as the guest would see them now.
        ///
        /// KVM ends a load or store of a device on the next KVM_RUN only: after a write exit, or an answered read, it is made to do so
        /// first, without running the guest on. After a read exit without an answer these are the registers before the instruction.
        package func registers() throws(KVMError) -> ARM64Registers {
            if unsafe state.pointee.pending != .read { try settle() }
            var registers = ARM64Registers()
            for index in 0..<ARM64Registers.InlineRegisters.count { registers.x[index] = try register(.x(index)) }
            for (name, path) in KVMRegister.named() { registers[keyPath: path] = try register(name) }
            return registers
        }

        /// Sets the registers. Those that equal the vCPU's are not written. An unanswered read is completed with
        /// unspecified bytes first.
        package func setRegisters(_ registers: ARM64Registers) throws(KVMError) {
            try settle()
            let current = try self.registers()
            for index in 0..<ARM64Registers.InlineRegisters.count where registers.x[index] != current.x[index] {
                try setRegister(.x(index), registers.x[index])
            }
            for (name, path) in KVMRegister.named() where registers[keyPath: path] != current[keyPath: path] {
                try setRegister(name, registers[keyPath: path])
            }
        }

        func register(_ name: KVMRegister) throws(KVMError) -> UInt64 {
            var value: UInt64 = 0
            try checked(unsafe swvmm_kvm_get_one_reg(descriptor.number, name.identifier, &value), .getRegister)
            return value
        }

        func setRegister(_ name: KVMRegister, _ value: UInt64) throws(KVMError) {
            var value = value
            try checked(unsafe swvmm_kvm_set_one_reg(descriptor.number, name.identifier, &value), .setRegister)
        }

        /// Makes a created vCPU, or one that is to be reset, a CPU like the host's, with PSCI. vCPU 0 is on, the others wait for CPU_ON.
        /// Source: api.rst 4.82 "KVM_ARM_VCPU_INIT", 4.83 "KVM_ARM_PREFERRED_TARGET".
        static func initialize(
            _ vcpu: Descriptor, machine: KVMVirtualMachine, index: VCPUIndex, isReset: Bool = false
        ) throws(KVMError) {
            var target = kvm_vcpu_init()
            try checked(
                unsafe swvmm_kvm_arm_preferred_target(machine.descriptor.number, &target), .preferredTarget)
            target.features.0 |= 1 << UInt32(KVM_ARM_VCPU_PSCI_0_2)
            target.features.0 |= Self.featureBits(of: machine.features)
            if index.rawValue > 0 { target.features.0 |= 1 << UInt32(KVM_ARM_VCPU_POWER_OFF) }
            try checked(unsafe swvmm_kvm_arm_vcpu_init(vcpu.number, &target), .initVCPU)
            // Which is kept over resets.
            if machine.features.contains(.sve), !isReset { try finalizeVectors(of: vcpu) }
        }

        /// KVM_EXIT_IOAPIC_EOI comes on x86 only.
        func tellEndOfInterrupt() {}

        /// What a device tree names the vCPU by: the affinity fields of its MPIDR_EL1, as KVM gives them out: 16 vCPUs to an
        /// Aff1. Source: Linux arch/arm64/kvm/sys_regs.c, reset_mpidr.
        package static func affinity(of index: VCPUIndex) -> UInt64 {
            let number = UInt64(index.rawValue)
            return number & 0xF | (number >> 4 & 0xFF) << 8 | (number >> 12 & 0xFF) << 16
        }
    }
#endif
