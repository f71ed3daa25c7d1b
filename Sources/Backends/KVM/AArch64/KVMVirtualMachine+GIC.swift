#if arch(arm64)
    internal import Glibc
    internal import KVMBridge
    internal import Synchronization
    package import VMMCore

    extension KVMVirtualMachine {
        /// KVM's own limit (KVM_MAX_VCPUS with GICv3, arch/arm64/include/asm/kvm_host.h).
        static let architecturalVCPULimit = 512

        /// SPIs of the in-kernel GICv3. With the 32 private interrupts 256 INTIDs; KVM takes 64 to 1024, in steps of 32.
        /// Source: Linux Documentation/virt/kvm/devices/arm-vgic-v3.rst, "KVM_DEV_ARM_VGIC_GRP_NR_IRQS".
        static let interruptInputCount: UInt32 = 256 - privateInterruptCount
        var interruptInputCount: UInt32 { Self.interruptInputCount }
        /// SGIs and PPIs: INTIDs below the SPIs. Source: Arm IHI 0069, 2.2.
        private static let privateInterruptCount: UInt32 = 32

        /// Bits of a guest's physical address that KVM offers where it does not tell. Source: api.rst 4.2 "KVM_CREATE_VM".
        private static let defaultIPABits = 40

        /// How many bits of a guest's physical address machines on `host` have: 40, or what the host's stage 2 has if less.
        static func ipaBits(on host: KVMHost) -> Int {
            let limit = Int(host.probe.value(of: .ipaSize))
            return limit > 0 ? min(limit, defaultIPABits) : defaultIPABits
        }

        /// KVM_CREATE_VM's argument: 0 for 40 bits of guest physical address, else how many.
        static func machineType(on host: KVMHost) -> UInt {
            let bits = ipaBits(on: host)
            return bits == defaultIPABits ? 0 : UInt(bits)
        }

        /// Throws when `memory` ends beyond what stage 2 translates.
        func checkAddresses(of memory: GuestMemory) throws(KVMError) {
            let bits = Self.ipaBits(on: host)
            for region in memory.regions where region.range.end.rawValue > 1 << UInt64(bits) {
                throw .memoryBeyondIPA(end: region.range.end.rawValue, bits: bits)
            }
        }

        /// Whether KVM on `host` gives guests a GICv3. It makes an empty machine to find out.
        package static func offersGICv3(on host: KVMHost) throws(KVMError) -> Bool {
            let machine = Descriptor(
                try checked(swvmm_kvm_create_vm(host.device.number, machineType(on: host)), .createVM))
            defer { withExtendedLifetime(machine) {} }
            return swvmm_kvm_test_device(machine.number, UInt32(KVM_DEV_TYPE_ARM_VGIC_V3.rawValue)) == 0
        }

        /// Creates the GICv3: before the first vCPU, since a vCPU takes its redistributor as it is created.
        func setUpPlatform(_ state: inout State) throws(KVMError) {
            let created = swvmm_kvm_create_device(descriptor.number, UInt32(KVM_DEV_TYPE_ARM_VGIC_V3.rawValue))
            // A host with a GICv2, or whose GICv3 cannot be virtualised. Source: api.rst 4.79 "KVM_CREATE_DEVICE".
            guard created != -ENODEV else { throw .lacksGICv3 }
            let gic = Descriptor(try checked(created, .createDevice))
            let frames = configuration.gicFrames
            try setAttribute(
                of: gic, UInt32(KVM_DEV_ARM_VGIC_GRP_ADDR), UInt64(KVM_VGIC_V3_ADDR_TYPE_DIST),
                frames.distributor.rawValue)
            try setAttribute(
                of: gic, UInt32(KVM_DEV_ARM_VGIC_GRP_ADDR), UInt64(KVM_VGIC_V3_ADDR_TYPE_REDIST),
                frames.redistributors.rawValue)
            var count = Self.interruptInputCount + Self.privateInterruptCount
            // SAFETY: the attribute is a 32-bit value, which lives through the call.
            try checked(
                unsafe swvmm_kvm_set_device_attr(gic.number, UInt32(KVM_DEV_ARM_VGIC_GRP_NR_IRQS), 0, &count),
                .setDeviceAttribute)
            state.gic = gic
            state.its = try makeITS(at: frames.its)
        }

        func setAttribute(
            of device: Descriptor, _ group: UInt32, _ attribute: UInt64, _ value: UInt64
        ) throws(KVMError) {
            var value = value
            // SAFETY: the attribute is a 64-bit value, which lives through the call.
            try checked(
                unsafe swvmm_kvm_set_device_attr(device.number, group, attribute, &value), .setDeviceAttribute)
        }

        /// Initialises the GICv3 and its ITS, once: after the last vCPU was created and before one runs.
        func completePlatform() throws(KVMError) {
            try state.withLock { (state) throws(KVMError) in
                guard let gic = state.gic, !state.isGICInitialized else { return }
                for device in [gic, state.its].compactMap(\.self) {
                    // SAFETY: the attribute has no value.
                    try checked(
                        unsafe swvmm_kvm_set_device_attr(
                            device.number, UInt32(KVM_DEV_ARM_VGIC_GRP_CTRL), UInt64(KVM_DEV_ARM_VGIC_CTRL_INIT), nil),
                        .setDeviceAttribute)
                }
                state.isGICInitialized = true
            }
        }

        /// The number by which KVM_IRQ_LINE knows an SPI: type in 27:24, INTID in 15:0.
        /// Source: api.rst 4.25 "KVM_IRQ_LINE".
        static func lineNumber(ofInput input: UInt32) -> UInt32 {
            UInt32(KVM_ARM_IRQ_TYPE_SPI) << UInt32(KVM_ARM_IRQ_TYPE_SHIFT) | (input + privateInterruptCount)
        }
    }
#endif
