internal import Glibc
internal import KVMBridge
internal import Synchronization
internal import VMMCore

/// A message of a device, which an ITS knows by its DeviceID.
struct DeviceMessage: Hashable, Sendable {
    let message: MSI
    let device: UInt32
}

/// A pin of one of KVM's own interrupt controllers, by KVM's numbers, and the wire that leads to it.
struct ControllerPin: Hashable, Sendable {
    let wire: UInt32
    let controller: UInt32
    let pin: UInt32
}

/// KVM's table of what each global system interrupt leads to: first the wires, behind them the messages that eventfds send.
///
/// KVM takes whole tables only. Threading: any thread; the lock is held over the call, so that the last change wins.
/// Source: api.rst 4.52 "KVM_SET_GSI_ROUTING".
final class KVMRoutes: Sendable {
    private struct State {
        /// Where the wires are the messages of an I/O APIC that is not KVM's.
        var wireMessages = InlineArray<24, MSI?>(repeating: nil)
        /// Nil where a number is free.
        var messages: [DeviceMessage?] = []
    }

    /// As many messages as one machine can have.
    private static let messageLimit = 512

    private let machine: Descriptor
    /// The wires' routes where they lead to KVM's own controllers.
    private let pins: [ControllerPin]
    /// How many global system interrupts are wires.
    private let wireCount: Int
    private let state = Mutex(State())

    init(machine: Descriptor, pins: [ControllerPin], wireCount: UInt32) {
        self.machine = machine
        self.pins = pins
        self.wireCount = Int(wireCount)
    }

    /// Gives `route` a number behind the wires.
    func add(_ route: DeviceMessage) throws(KVMError) -> UInt32 {
        try state.withLock { (state) throws(KVMError) in
            let index = state.messages.firstIndex(of: nil) ?? state.messages.count
            guard index < Self.messageLimit else { throw .refused(.setGSIRouting, errno: ENOSPC) }
            if index == state.messages.count { state.messages.append(nil) }
            state.messages[index] = route
            do throws(KVMError) { try write(state) } catch {
                state.messages[index] = nil
                throw error
            }
            return UInt32(wireCount + index)
        }
    }

    /// Frees a number that `add` gave. In KVM's table the route stays until the next change: nothing leads to it.
    func remove(_ number: UInt32) throws(KVMError) {
        try state.withLock { (state) throws(KVMError) in
            let index = Int(number) - wireCount
            guard state.messages.indices.contains(index), state.messages[index] != nil else {
                throw .noSuchInterruptInput(number, count: UInt32(wireCount))
            }
            state.messages[index] = nil
        }
    }

    /// The message of an I/O APIC's input, one of 24, that is not KVM's.
    func announce(_ message: MSI, ofInput input: Int) throws(KVMError) {
        try state.withLock { (state) throws(KVMError) in
            state.wireMessages[input] = message
            try write(state)
        }
    }

    private func write(_ state: borrowing State) throws(KVMError) {
        var table = pins.map { kvm_irq_routing_entry($0) }
        for input in 0..<24 {
            if let message = state.wireMessages[input] { table.append(.init(message, gsi: UInt32(input))) }
        }
        for (index, route) in state.messages.enumerated() {
            guard let route else { continue }
            var entry = kvm_irq_routing_entry(route.message, gsi: UInt32(wireCount + index))
            entry.flags = KVMVirtualMachine.messageRouteFlags
            // SAFETY: the union's member of this type.
            unsafe entry.u.msi.devid = route.device
            table.append(entry)
        }
        let result = unsafe table.withUnsafeBufferPointer { buffer in
            // SAFETY: the buffer lives through the call.
            unsafe swvmm_kvm_set_gsi_routing(machine.number, buffer.baseAddress, UInt32(buffer.count))
        }
        try checked(result, .setGSIRouting)
    }
}

extension kvm_irq_routing_entry {
    init(_ message: MSI, gsi: UInt32) {
        self.init()
        self.gsi = gsi
        type = UInt32(KVM_IRQ_ROUTING_MSI)
        // SAFETY: the union's member of this type.
        unsafe u.msi.address_lo = UInt32(truncatingIfNeeded: message.address.rawValue)
        unsafe u.msi.address_hi = UInt32(truncatingIfNeeded: message.address.rawValue >> 32)
        unsafe u.msi.data = message.data
    }

    init(_ pin: ControllerPin) {
        self.init()
        gsi = pin.wire
        type = UInt32(KVM_IRQ_ROUTING_IRQCHIP)
        // SAFETY: the union's member of this type.
        unsafe u.irqchip.irqchip = pin.controller
        unsafe u.irqchip.pin = pin.pin
    }
}
