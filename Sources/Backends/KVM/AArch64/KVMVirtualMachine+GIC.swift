#if arch(arm64)
    internal import KVMBridge
    internal import Synchronization
    internal import VMMCore

    extension KVMVirtualMachine {
        static let architecturalVCPULimit = ARM64HostFacts.architecturalVCPULimit

        /// SPIs of the in-kernel GICv3. With the 32 private interrupts 256 INTIDs; KVM takes 64 to 1024, in steps of 32.
        /// Source: Linux Documentation/virt/kvm/devices/arm-vgic-v3.rst, "KVM_DEV_ARM_VGIC_GRP_NR_IRQS".
        static let interruptInputCount: UInt32 = 256 - privateInterruptCount
        var interruptInputCount: UInt32 { Self.interruptInputCount }
        /// SGIs and PPIs: INTIDs below the SPIs. Source: Arm IHI 0069, 2.2.
        private static let privateInterruptCount: UInt32 = 32

        /// KVM_CREATE_VM's argument: 0 for 40 bits of guest physical address, else how many.
        static func machineType(on host: KVMHost) -> UInt {
            let bits = ARM64HostFacts.machineAddressBits(ofHost: ARM64HostFacts.addressBits(of: host.probe))
            return bits == ARM64HostFacts.usualAddressBits ? 0 : UInt(bits)
        }

        /// Throws when `memory` ends beyond what stage 2 translates.
        func checkAddresses(of memory: GuestMemory) throws(KVMError) {
            try host.arm64Facts().checkMemory(memory.regions.map(\.range))
        }

        /// Creates the GICv3: before the first vCPU, since a vCPU takes its redistributor as it is created.
        func setUpPlatform(_ state: inout State) throws(KVMError) {
            let created = swvmm_kvm_create_device(descriptor.number, UInt32(KVM_DEV_TYPE_ARM_VGIC_V3.rawValue))
            let gic = Descriptor(try checked(created, .createDevice))
            let frames = configuration.gicFrames
            try setAttribute(
                of: gic, UInt32(KVM_DEV_ARM_VGIC_GRP_ADDR), UInt64(KVM_VGIC_V3_ADDR_TYPE_DIST),
                frames.distributor.rawValue)
            try setAttribute(
                of: gic, UInt32(KVM_DEV_ARM_VGIC_GRP_ADDR), UInt64(KVM_VGIC_V3_ADDR_TYPE_REDIST),
                frames.redistributors.rawValue)
            try setAttribute(
                of: gic, UInt32(KVM_DEV_ARM_VGIC_GRP_NR_IRQS), 0,
                Self.interruptInputCount + Self.privateInterruptCount)
            if features.contains(.el2) { try setMaintenanceInterrupt(of: gic) }
            state.gic = gic
            state.its = try makeITS(at: frames.its)
        }

        /// - Parameter value: of 32 or 64 bits, as the group says.
        func setAttribute<Value: FixedWidthInteger & BitwiseCopyable>(
            of device: Descriptor, _ group: UInt32, _ attribute: UInt64, _ value: Value
        ) throws(KVMError) {
            var value = value
            // SAFETY: the value is as large as the attribute, and lives through the call.
            try checked(
                unsafe swvmm_kvm_set_device_attr(device.number, group, attribute, &value), .setDeviceAttribute)
        }

        /// Has the GICv3 or its ITS do something as a whole.
        func control(_ device: Descriptor, _ attribute: Int32) throws(KVMError) {
            try checked(
                swvmm_kvm_do_device_attr(device.number, UInt32(KVM_DEV_ARM_VGIC_GRP_CTRL), UInt64(attribute)),
                .setDeviceAttribute)
        }

        /// Initialises the GICv3 and its ITS, once: after the last vCPU was created and before one runs.
        func completePlatform() throws(KVMError) {
            try state.withLock { (state) throws(KVMError) in
                guard let gic = state.gic, !state.isGICInitialized else { return }
                for device in [gic, state.its].compactMap(\.self) {
                    try control(device, KVM_DEV_ARM_VGIC_CTRL_INIT)
                }
                for vcpu in state.vcpus { try completeMonitors(of: vcpu) }
                state.isGICInitialized = true
            }
        }

        /// What the GIC's own hypervisor interface interrupts a guest hypervisor by: before the GIC is initialised.
        private func setMaintenanceInterrupt(of gic: Descriptor) throws(KVMError) {
            try setAttribute(of: gic, UInt32(KVM_DEV_ARM_VGIC_GRP_MAINT_IRQ), 0, Self.maintenanceInterrupt)
        }

        /// The INTID that a guest's device tree names. Source: Arm DEN0094, "PPI assignments": 25.
        private static let maintenanceInterrupt: UInt32 = 25

        /// The number by which KVM_IRQ_LINE knows an SPI: type in 27:24, INTID in 15:0.
        /// Source: api.rst 4.25 "KVM_IRQ_LINE".
        static func lineNumber(ofInput input: UInt32) -> UInt32 {
            UInt32(KVM_ARM_IRQ_TYPE_SPI) << UInt32(KVM_ARM_IRQ_TYPE_SHIFT) | (input + privateInterruptCount)
        }
    }
#endif
