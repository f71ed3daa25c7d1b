#if arch(x86_64)
    internal import KVMBridge
    package import VMMCore

    extension KVMVirtualMachine {
        /// Four pages of guest address space that Intel's VMX takes for itself: an identity map for a CPU without paging
        /// and a task state segment. No RAM and no device may lie there; QEMU has them at the same place, so that 16 MiB
        /// under 4 GiB stay free for firmware. Source: Linux api.rst 4.35 "KVM_SET_TSS_ADDR", 4.41.
        package static let reservedAddress = GuestAddress(0xFEFF_C000)
        package static let reservedSize: UInt64 = 4 * 4096

        /// An xAPIC identifier has 8 bits and 0xFF is the broadcast.
        static let architecturalVCPULimit = 255

        /// Inputs of the in-kernel I/O APIC (KVM_IOAPIC_NUM_PINS); the first 16 reach the 8259s too. None where the I/O APIC is not KVM's.
        var interruptInputCount: UInt32 { configuration.hasLocalAPICsOnly ? 0 : 24 }

        /// The host's CPUID, without what `model` has not.
        static func cpuid(of model: X86CPUModel, on host: KVMHost) throws(KVMError) -> CPUIDTable {
            var table = host.supportedCPUID
            let lacking = table.lacking(model)
            guard lacking.isEmpty else { throw .lacksFeatures(lacking) }
            table.restrict(to: model)
            return table
        }

        /// KVM_CREATE_VM's argument.
        static func machineType(on host: KVMHost) -> UInt { 0 }

        /// Throws when `memory` lies where KVM cannot have it: x86 finds out when the slot is set.
        func checkAddresses(of memory: GuestMemory) throws(KVMError) {}

        /// What must be there after the last vCPU: nothing on x86.
        func completePlatform() throws(KVMError) {}

        /// What must be there before the first vCPU.
        func setUpPlatform(_ state: inout State) throws(KVMError) {
            let vm = descriptor.number
            // What the CPU has not, KVM refuses; with this it says so first. Source: api.rst 7.21 "KVM_CAP_X86_USER_SPACE_MSR".
            if host.probe.has(.userSpaceMSR) {
                let reasons = UInt64(KVM_MSR_EXIT_REASON_UNKNOWN | KVM_MSR_EXIT_REASON_INVAL)
                try checked(swvmm_kvm_enable_user_space_msr(vm, reasons), .enableUserSpaceMSR)
            }
            try checked(
                swvmm_kvm_set_identity_map_addr(vm, Self.reservedAddress.rawValue), .setIdentityMapAddress)
            try checked(swvmm_kvm_set_tss_addr(vm, Self.reservedAddress.rawValue + 4096), .setTSSAddress)
            guard !configuration.hasLocalAPICsOnly else { return try setUpLocalAPICs() }
            try checked(swvmm_kvm_create_irqchip(vm), .createIRQChip)
            if configuration.hasTimer8254 {
                var timer = kvm_pit_config()
                // Port 0x61 answers reads of channel 2's output, which guests calibrate their clocks with.
                timer.flags = UInt32(KVM_PIT_SPEAKER_DUMMY)
                // SAFETY: the struct lives through the call.
                try checked(unsafe swvmm_kvm_create_pit2(vm, &timer), .createPIT)
            }
        }

        /// Global system interrupts that are wires: the inputs of the I/O APIC, KVM's or not.
        static var wireCount: UInt32 { ioAPICInputCount }

        /// The wires' routes as KVM has them from the start, where the I/O APIC is its own; else they are messages.
        /// Source: Linux arch/x86/kvm, the default routing.
        static func controllerPins(of configuration: Configuration) -> [ControllerPin] {
            guard !configuration.hasLocalAPICsOnly else { return [] }
            var pins: [ControllerPin] = []
            for wire in 0..<wireCount {
                if wire < 16 {
                    let pair = wire < 8 ? KVM_IRQCHIP_PIC_MASTER : KVM_IRQCHIP_PIC_SLAVE
                    pins.append(ControllerPin(wire: wire, controller: UInt32(pair), pin: wire % 8))
                }
                pins.append(ControllerPin(wire: wire, controller: UInt32(KVM_IRQCHIP_IOAPIC), pin: wire))
            }
            return pins
        }

        static var messageRouteFlags: UInt32 { 0 }

        func requireMessages() throws(KVMError) { try requirePlatform() }

        /// Whether a write of `message` is an interrupt: bits 31:20 of its address. Source: Intel SDM vol. 3A §11.11.1.
        func takes(_ message: MSI) -> Bool { message.address.rawValue >> 20 == 0xFEE }

        /// The number by which KVM_IRQ_LINE knows an input.
        static func lineNumber(ofInput input: UInt32) -> UInt32 { input }
    }
#endif
