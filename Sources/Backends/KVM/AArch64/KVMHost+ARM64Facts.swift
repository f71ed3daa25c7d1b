#if arch(arm64)
    internal import KVMBridge
    internal import Synchronization
    internal import VMMCore

    extension KVMHost {
        /// What this KVM gives to guests. Asked once, of an empty machine besides the capabilities.
        package func arm64Facts() throws(KVMError) -> ARM64HostFacts {
            try facts.withLock { (known) throws(KVMError) in
                if let known { return known }
                let facts = ARM64HostFacts(
                    interruptController: try interruptController(),
                    addressBits: ARM64HostFacts.addressBits(of: probe), vcpuLimit: probe.maximumVCPUs,
                    features: ARM64HostFacts.features(of: probe))
                known = facts
                return facts
            }
        }

        /// What a vCPU with all that guests get unasked looks like. It makes a machine to find out.
        package func arm64CPUDetails() throws(KVMError) -> ARM64CPUDetails {
            let machine = try KVMVirtualMachine(host: self)
            let cpu = try machine.makeVCPU(VCPUIndex(0))
            // PMCR_EL0.N, bits 15:11.
            let monitors = machine.features.contains(.pmu) ? try cpu.register(.pmcr_el0) : nil
            var details = ARM64CPUDetails(
                vectorLengths: try cpu.vectorLengths(), eventCounters: monitors.map { Int($0 >> 11 & 0x1F) },
                breakpoints: debugRegisterCounts.breakpoints, watchpoints: debugRegisterCounts.watchpoints)
            details.registers = try? cpu.checkRegisterList()
            return details
        }

        private func interruptController() throws(KVMError) -> ARM64HostFacts.InterruptController {
            let machine = Descriptor(
                try checked(
                    swvmm_kvm_create_vm(device.number, KVMVirtualMachine.machineType(on: self)), .createVM))
            defer { askedMachine.withLock { $0 = machine } }
            func offers(_ type: kvm_device_type) -> Bool {
                swvmm_kvm_test_device(machine.number, UInt32(type.rawValue)) == 0
            }
            if offers(KVM_DEV_TYPE_ARM_VGIC_V3) { return .gicV3(hasITS: offers(KVM_DEV_TYPE_ARM_VGIC_ITS)) }
            return offers(KVM_DEV_TYPE_ARM_VGIC_V2) ? .gicV2 : .none
        }
    }
#endif
