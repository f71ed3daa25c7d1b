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

    /// A message of a device, which the ITS knows by its DeviceID.
    struct DeviceMessage: Hashable, Sendable {
        let message: MSI
        let device: UInt32
    }

    extension KVMVirtualMachine {
        /// As many messages as one machine can have bound.
        private static let messageLimit = 512

        /// Has each signal of `eventfd` send a device's message to the ITS, without a thread of swvmm's. Returns the number to unbind it by.
        package func bindIRQFD(_ eventfd: Int32, to message: MSI, from device: UInt32) throws(KVMError) -> UInt32 {
            try completePlatform()
            let number = try setMessageRoute(DeviceMessage(message: message, device: device), at: nil)
            do throws(KVMError) { try setIRQFD(eventfd, number, flags: 0) } catch {
                _ = try? setMessageRoute(nil, at: number)
                throw error
            }
            return number
        }

        package func unbindIRQFD(_ eventfd: Int32, fromMessage number: UInt32) throws(KVMError) {
            try setIRQFD(eventfd, number, flags: UInt32(KVM_IRQFD_FLAG_DEASSIGN))
            _ = try setMessageRoute(nil, at: number)
        }

        /// Replaces KVM's table of routes by one with, or without, a message.
        ///
        /// - Returns: the message's global system interrupt, behind those of the SPIs.
        private func setMessageRoute(_ route: DeviceMessage?, at number: UInt32?) throws(KVMError) -> UInt32 {
            try state.withLock { (state) throws(KVMError) in
                let old = state.messageRoutes
                let index: Int
                if let number {
                    index = Int(number) - Int(Self.interruptInputCount)
                    guard old.indices.contains(index) else {
                        throw .noSuchInterruptInput(number, count: Self.interruptInputCount)
                    }
                } else {
                    index = old.firstIndex(of: nil) ?? old.count
                    guard index < Self.messageLimit else { throw .refused(.setGSIRouting, errno: ENOSPC) }
                    if index == old.count { state.messageRoutes.append(nil) }
                }
                state.messageRoutes[index] = route
                let table = Self.routes(state.messageRoutes)
                // SAFETY: the buffer lives through the call.
                let result = unsafe table.withUnsafeBufferPointer { buffer in
                    unsafe swvmm_kvm_set_gsi_routing(
                        descriptor.number, buffer.baseAddress, UInt32(buffer.count))
                }
                do throws(KVMError) { try checked(result, .setGSIRouting) } catch {
                    state.messageRoutes = old
                    throw error
                }
                return Self.interruptInputCount + UInt32(index)
            }
        }

        /// The SPIs' routes, as KVM has them from the start, and the messages'.
        private static func routes(_ messages: [DeviceMessage?]) -> [kvm_irq_routing_entry] {
            var table: [kvm_irq_routing_entry] = []
            for input in 0..<interruptInputCount {
                var entry = kvm_irq_routing_entry()
                entry.gsi = input
                entry.type = UInt32(KVM_IRQ_ROUTING_IRQCHIP)
                // SAFETY: the union's member of this type.
                unsafe entry.u.irqchip.pin = input
                table.append(entry)
            }
            for (index, route) in messages.enumerated() {
                guard let route else { continue }
                var entry = kvm_irq_routing_entry()
                entry.gsi = interruptInputCount + UInt32(index)
                entry.type = UInt32(KVM_IRQ_ROUTING_MSI)
                entry.flags = UInt32(KVM_MSI_VALID_DEVID)
                // SAFETY: the union's member of this type.
                unsafe entry.u.msi.address_lo = UInt32(truncatingIfNeeded: route.message.address.rawValue)
                unsafe entry.u.msi.address_hi = UInt32(truncatingIfNeeded: route.message.address.rawValue >> 32)
                unsafe entry.u.msi.data = route.message.data
                unsafe entry.u.msi.devid = route.device
                table.append(entry)
            }
            return table
        }
    }
#endif
