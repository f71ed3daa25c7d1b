#if arch(arm64)
    internal import Glibc
    internal import KVMBridge
    internal import Synchronization
    package import VMMCore

    extension KVMVirtualMachine {
        /// Creates the ITS, which gets its address before the first vCPU runs, and is initialised with the GICv3.
        /// Source: Linux Documentation/virt/kvm/devices/arm-vgic-its.rst.
        func makeITS(at address: GuestAddress) throws(KVMError) -> Descriptor {
            let its = Descriptor(
                try checked(
                    swvmm_kvm_create_device(descriptor.number, UInt32(KVM_DEV_TYPE_ARM_VGIC_ITS.rawValue)),
                    .createDevice))
            try setAttribute(
                of: its, UInt32(KVM_DEV_ARM_VGIC_GRP_ADDR), UInt64(KVM_VGIC_ITS_ADDR_TYPE), address.rawValue)
            return its
        }

        /// GITS_TRANSLATER in the ITS's frames. Source: Arm IHI 0069, 12.18.
        private static let translaterOffset: UInt64 = 0x1_0040

        /// Where devices' messages go: to the ITS, which exists afterwards.
        package func messageInput() throws(KVMError) -> some MSITarget {
            try requirePlatform()
            let its = configuration.gicFrames.its
            return KVMMessageInput(machine: descriptor, translater: its.advanced(by: Self.translaterOffset))
        }
    }

    /// KVM's ITS as what takes messages. KVM itself takes any address in the ITS's frames for GITS_TRANSLATER's.
    private final class KVMMessageInput: MSITarget {
        private let machine: Descriptor
        private let translater: GuestAddress?

        init(machine: Descriptor, translater: GuestAddress?) {
            self.machine = machine
            self.translater = translater
        }

        func send(_ message: MSI, from device: UInt32) {
            guard message.address == translater else { return }
            var signal = kvm_msi()
            signal.address_lo = UInt32(truncatingIfNeeded: message.address.rawValue)
            signal.address_hi = UInt32(truncatingIfNeeded: message.address.rawValue >> 32)
            signal.data = message.data
            signal.flags = UInt32(KVM_MSI_VALID_DEVID)
            signal.devid = device
            // An event that the guest has not mapped is lost, as on a bus.
            // SAFETY: the struct lives through the call.
            _ = unsafe swvmm_kvm_signal_msi(machine.number, &signal)
        }
    }

    // MARK: - Messages by eventfds

    extension KVMVirtualMachine {
        /// Global system interrupts that are wires: the SPIs.
        static var wireCount: UInt32 { interruptInputCount }

        /// The wires' routes as KVM has them from the start.
        static func controllerPins(of configuration: Configuration) -> [ControllerPin] {
            (0..<wireCount).map { ControllerPin(wire: $0, controller: 0, pin: $0) }
        }

        /// The ITS finds the event's interrupt by the device.
        static var messageRouteFlags: UInt32 { UInt32(KVM_MSI_VALID_DEVID) }

        func requireMessages() throws(KVMError) { try completePlatform() }

        /// Whether a write of `message` is an interrupt.
        func takes(_ message: MSI) -> Bool {
            message.address == configuration.gicFrames.its.advanced(by: Self.translaterOffset)
        }
    }
#endif
