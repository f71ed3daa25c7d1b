internal import Glibc
internal import KVMBridge
internal import Synchronization
package import VMMCore

extension KVMVirtualMachine: InKernelInterruptController {
    package typealias Line = KVMInterruptLine

    /// The wire to a global system interrupt, `0 ..< 24`, on x86; to a shared peripheral interrupt, counted from 0, on arm64.
    package func interruptLine(_ input: UInt32) throws(KVMError) -> KVMInterruptLine {
        try checkInput(input)
        return KVMInterruptLine(machine: descriptor, input: input)
    }

    /// Delivers `msi`. One that no local APIC accepts is lost, as on a bus: the guest wrote that address.
    package func signal(_ msi: MSI) throws(KVMError) {
        try requirePlatform()
        var message = kvm_msi(msi)
        // SAFETY: the struct lives through the call.
        let result = unsafe swvmm_kvm_signal_msi(descriptor.number, &message)
        // KVM passes "no destination" (-1) on as it is, which reads as EPERM, and says EINVAL to a malformed address.
        if result == -EPERM || result == -EINVAL { return }
        try checked(result, .signalMSI)
    }

    /// Throws when the controller, which exists afterwards, has no such input.
    func checkInput(_ input: UInt32) throws(KVMError) {
        guard input < interruptInputCount else {
            throw .noSuchInterruptInput(input, count: interruptInputCount)
        }
        try requirePlatform()
    }
}

extension kvm_msi {
    init(_ message: MSI) {
        self.init()
        address_lo = UInt32(truncatingIfNeeded: message.address.rawValue)
        address_hi = UInt32(truncatingIfNeeded: message.address.rawValue >> 32)
        data = message.data
    }
}

/// A wire to an input of KVM's interrupt controllers.
package final class KVMInterruptLine: InterruptLine {
    private let machine: Descriptor
    /// As KVM_IRQ_LINE knows the input.
    private let number: UInt32
    /// The level that KVM was told last. Held over the ioctl: two threads must not reach KVM in the other order.
    private let level = Mutex(false)

    init(machine: Descriptor, input: UInt32) {
        self.machine = machine
        number = KVMVirtualMachine.lineNumber(ofInput: input)
    }

    package func setLevel(_ asserted: Bool) {
        level.withLock { level in
            guard level != asserted else { return }
            level = asserted
            // Fails only without an interrupt controller or with an unrouted input: neither is constructible.
            _ = swvmm_kvm_irq_line(machine.number, number, asserted ? 1 : 0)
        }
    }
}

// MARK: - Event descriptors

extension KVMVirtualMachine: IRQFDCapable {
    package func bindIRQFD(_ eventfd: Int32, toInput input: UInt32) throws(KVMError) {
        try checkInput(input)
        try setIRQFD(eventfd, input, flags: 0)
    }

    package func unbindIRQFD(_ eventfd: Int32, fromInput input: UInt32) throws(KVMError) {
        try checkInput(input)
        try setIRQFD(eventfd, input, flags: UInt32(KVM_IRQFD_FLAG_DEASSIGN))
    }

    /// - Parameter input: a global system interrupt that has a route.
    func setIRQFD(_ eventfd: Int32, _ input: UInt32, flags: UInt32) throws(KVMError) {
        guard let number = UInt32(exactly: eventfd) else { throw .refused(.irqfd, errno: EBADF) }
        var binding = kvm_irqfd()
        binding.fd = number
        binding.gsi = input
        binding.flags = flags
        // SAFETY: the struct lives through the call; KVM takes its own reference to the eventfd.
        try checked(unsafe swvmm_kvm_irqfd(descriptor.number, &binding), .irqfd)
    }
}

extension KVMVirtualMachine: MessageIRQFDCapable {
    package func bindIRQFD(_ eventfd: Int32, to message: MSI, from device: UInt32) throws(KVMError) -> UInt32 {
        try requireMessages()
        guard takes(message) else { throw .refused(.setGSIRouting, errno: EINVAL) }
        let number = try routes.add(DeviceMessage(message: message, device: device))
        do throws(KVMError) { try setIRQFD(eventfd, number, flags: 0) } catch {
            try routes.remove(number)
            throw error
        }
        return number
    }

    package func unbindIRQFD(_ eventfd: Int32, fromMessage number: UInt32) throws(KVMError) {
        try setIRQFD(eventfd, number, flags: UInt32(KVM_IRQFD_FLAG_DEASSIGN))
        try routes.remove(number)
    }
}

extension KVMVirtualMachine: IOEventFDCapable {
    package func bindIOEventFD(_ eventfd: Int32, to trigger: IOEventTrigger) throws(KVMError) {
        try setIOEventFD(eventfd, trigger, flags: 0)
    }

    package func unbindIOEventFD(_ eventfd: Int32, from trigger: IOEventTrigger) throws(KVMError) {
        try setIOEventFD(eventfd, trigger, flags: 1 << UInt32(kvm_ioeventfd_flag_nr_deassign))
    }

    private func setIOEventFD(_ eventfd: Int32, _ trigger: IOEventTrigger, flags: UInt32) throws(KVMError) {
        var binding = kvm_ioeventfd()
        binding.fd = eventfd
        binding.flags = flags
        let value: UInt64?
        switch trigger {
        case .mmio(let address, let width, let wanted):
            binding.addr = address.rawValue
            binding.len = UInt32(width.rawValue)
            value = wanted
        case .port(let port, let width, let wanted):
            binding.addr = UInt64(port)
            binding.len = UInt32(width.rawValue)
            binding.flags |= 1 << UInt32(kvm_ioeventfd_flag_nr_pio)
            value = wanted.map(UInt64.init)
        }
        if let value {
            binding.datamatch = value
            binding.flags |= 1 << UInt32(kvm_ioeventfd_flag_nr_datamatch)
        }
        // SAFETY: the struct lives through the call; KVM takes its own reference to the eventfd.
        try checked(unsafe swvmm_kvm_ioeventfd(descriptor.number, &binding), .ioeventfd)
    }
}
