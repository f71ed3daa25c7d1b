#if arch(x86_64)
    internal import Glibc
    internal import KVMBridge
    package import VMMCore

    // SAFETY, for this file: the structs given to the bridge live through the calls.

    extension KVMVCPU {
        /// The registers as the guest would see them now.
        ///
        /// KVM ends an instruction's input or output on the next KVM_RUN only: after a write exit, or an answered read, it is
        /// made to do so first, without running the guest on. While a string instruction's elements are left to deliver,
        /// and after a read exit without an answer, these are the registers before the instruction.
        package func registers() throws(KVMError) -> X86Registers {
            if unsafe state.pointee.pending != .read { try settle() }
            var general = kvm_regs()
            var system = kvm_sregs()
            try checked(unsafe swvmm_kvm_get_regs(descriptor.number, &general), .getRegisters)
            try checked(unsafe swvmm_kvm_get_sregs(descriptor.number, &system), .getSystemRegisters)
            var registers = X86Registers()
            registers.load(general)
            registers.load(system)
            return registers
        }

        /// Sets the registers; KVM refuses system registers that the vCPU's CPUID does not allow.
        ///
        /// System registers that equal the vCPU's are not written, pending interrupts stay. EFER.LMA follows from LME and
        /// CR0.PG, as in hardware. An `apicBase` of 0, which no APIC has, leaves it alone. An unanswered read is completed with
        /// unspecified bytes first.
        package func setRegisters(_ registers: X86Registers) throws(KVMError) {
            try settle()
            var system = kvm_sregs()
            try checked(unsafe swvmm_kvm_get_sregs(descriptor.number, &system), .getSystemRegisters)
            var current = X86Registers()
            current.load(system)
            let wanted = registers.normalized(apicBase: system.apic_base)
            if !wanted.hasSystemRegisters(of: current) {
                wanted.store(to: &system)
                try checked(unsafe swvmm_kvm_set_sregs(descriptor.number, &system), .setSystemRegisters)
            }
            var general = wanted.generalRegisters
            try checked(unsafe swvmm_kvm_set_regs(descriptor.number, &general), .setRegisters)
        }

        /// Gives the vCPU its CPUID; returns its TSC frequency in Hz.
        static func setUpCPUID(
            of vcpu: Descriptor, machine: KVMVirtualMachine, index: VCPUIndex
        ) throws(KVMError) -> UInt64? {
            let answer = swvmm_kvm_get_tsc_khz(vcpu.number)
            let kilohertz = answer > 0 ? UInt32(answer) : nil
            let table = machine.cpuid.tailored(
                apicID: UInt32(index.rawValue), topology: machine.configuration.topology, tscKilohertz: kilohertz,
                hasTSCDeadline: machine.host.probe.has(.tscDeadlineTimer))
            try KVMCPUID.set(table, of: vcpu.number)
            return kilohertz.map { UInt64($0) * 1000 }
        }
    }

    extension KVMVCPU: AddressTranslating {
        /// Where the guest's page tables lead `address`, or nil when they do not, or KVM cannot tell.
        package func translate(_ address: GuestVirtualAddress) -> GuestAddress? {
            var translation = kvm_translation()
            translation.linear_address = address.rawValue
            guard unsafe swvmm_kvm_translate(descriptor.number, &translation) == 0, translation.valid != 0 else {
                return nil
            }
            return GuestAddress(translation.physical_address)
        }
    }
#endif
