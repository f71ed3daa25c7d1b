#if arch(arm64)
    internal import KVMBridge
    internal import VMMCore

    // What a vCPU has beyond each: asked for as it is initialised, and set up after.
    // Source: Linux api.rst 4.82 "KVM_ARM_VCPU_INIT", 4.119 "KVM_ARM_VCPU_FINALIZE"; devices/vcpu.rst, "KVM_ARM_VCPU_PMU_V3_CTRL".

    // SAFETY, for this file: the values given to the bridge live through the calls, and are as large as their registers or attributes.

    extension KVMVCPU {
        /// Bits of `kvm_vcpu_init.features`.
        static func featureBits(of features: Set<ARM64Feature>) -> UInt32 {
            features.reduce(0) { bits, feature in
                switch feature {
                case .pmu: bits | 1 << UInt32(KVM_ARM_VCPU_PMU_V3)
                case .sve: bits | 1 << UInt32(KVM_ARM_VCPU_SVE)
                case .pauth:
                    bits | 1 << UInt32(KVM_ARM_VCPU_PTRAUTH_ADDRESS) | 1 << UInt32(KVM_ARM_VCPU_PTRAUTH_GENERIC)
                case .el2: bits | 1 << UInt32(KVM_ARM_VCPU_HAS_EL2)
                }
            }
        }

        /// Settles on the vector lengths that KVM offers, all of them: no other register of SVE is there before.
        static func finalizeVectors(of vcpu: Descriptor) throws(KVMError) {
            try checked(swvmm_kvm_arm_vcpu_finalize(vcpu.number, Int32(KVM_ARM_VCPU_SVE)), .finalizeVCPU)
        }

        /// Lengths of SVE's vectors in bits, ascending; none without SVE.
        package func vectorLengths() throws(KVMError) -> [Int] {
            guard machine.features.contains(.sve) else { return [] }
            var lengths: SVEVectorLengths.Bitmap = (0, 0, 0, 0, 0, 0, 0, 0)
            try checked(
                unsafe swvmm_kvm_get_one_reg(descriptor.number, SVEVectorLengths.register, &lengths), .getRegister)
            return SVEVectorLengths.bits(of: lengths)
        }
    }

    extension KVMVirtualMachine {
        /// The performance monitors' overflow interrupt, and their start: after the vCPU's initialisation and the GIC's.
        func completeMonitors(of vcpu: Descriptor) throws(KVMError) {
            guard features.contains(.pmu) else { return }
            var interrupt = Self.monitorsInterrupt
            try checked(
                unsafe swvmm_kvm_set_device_attr(
                    vcpu.number, UInt32(KVM_ARM_VCPU_PMU_V3_CTRL), UInt64(KVM_ARM_VCPU_PMU_V3_IRQ), &interrupt),
                .setDeviceAttribute)
            try checked(
                swvmm_kvm_do_device_attr(
                    vcpu.number, UInt32(KVM_ARM_VCPU_PMU_V3_CTRL), UInt64(KVM_ARM_VCPU_PMU_V3_INIT)),
                .setDeviceAttribute)
        }

        /// The INTID that a guest's device tree names. Source: Arm DEN0094, "PPI assignments": 23.
        private static let monitorsInterrupt: Int32 = 23
    }
#endif
