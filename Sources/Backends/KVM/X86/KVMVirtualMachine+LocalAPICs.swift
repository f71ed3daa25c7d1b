#if arch(x86_64)
    internal import Glibc
    internal import KVMBridge
    internal import Synchronization
    package import VMMCore

    // KVM with local APICs only ("split irqchip"). Source: api.rst 7.5 "KVM_CAP_SPLIT_IRQCHIP", 4.16 "KVM_INTERRUPT", 5 "KVM_EXIT_IOAPIC_EOI".

    /// The interrupt controllers before KVM's local APICs.
    struct OuterControllers: Sendable {
        let ioAPIC: any EndOfInterruptReceiver
        let external: any InterruptAcknowledging
    }

    extension KVMVirtualMachine {
        /// Global system interrupts whose routes are the I/O APIC's messages.
        static let ioAPICInputCount: UInt32 = 24

        func setUpLocalAPICs() throws(KVMError) {
            guard host.probe.has(.splitIRQChip) else { throw .lacksCapability(.splitIRQChip) }
            try checked(
                swvmm_kvm_enable_split_irqchip(descriptor.number, Self.ioAPICInputCount), .enableSplitIRQChip)
        }

        /// Where an I/O APIC's messages go. For a machine with local APICs only.
        ///
        /// - Parameter onFailure: told that KVM did not take a route: the ends of that interrupt will not be told. On the thread of the device.
        package func localAPICs(
            onFailure: @escaping @Sendable (KVMError) -> Void
        ) throws(KVMError) -> some IOAPICOutput {
            try requirePlatform()
            return KVMLocalAPICs(machine: descriptor, routes: routes, onFailure: onFailure)
        }

        /// Tells who the I/O APIC and the 8259s are. Before the guest runs. The machine keeps both alive.
        package func connect(ioAPIC: any EndOfInterruptReceiver, external: any InterruptAcknowledging) {
            state.withLock { $0.controllers = OuterControllers(ioAPIC: ioAPIC, external: external) }
        }
    }

    /// KVM's local APICs. Those tell of the end of a vector that the I/O APIC's route of a level-triggered input has.
    private final class KVMLocalAPICs: IOAPICOutput {
        private let machine: Descriptor
        private let onFailure: @Sendable (KVMError) -> Void
        private let routes: KVMRoutes

        init(machine: Descriptor, routes: KVMRoutes, onFailure: @escaping @Sendable (KVMError) -> Void) {
            self.machine = machine
            self.routes = routes
            self.onFailure = onFailure
        }

        func send(_ message: MSI) {
            var request = kvm_msi(message)
            // SAFETY: the struct lives through the call. What no local APIC accepts is lost.
            unsafe _ = swvmm_kvm_signal_msi(machine.number, &request)
        }

        func announce(_ message: MSI, ofInput input: Int) {
            guard (0..<Int(KVMVirtualMachine.ioAPICInputCount)).contains(input) else { return }
            do throws(KVMError) { try routes.announce(message, ofInput: input) } catch { onFailure(error) }
        }
    }

    // MARK: - The vCPU's side

    // SAFETY, for this extension: as for KVMVCPU+Run.swift.
    extension KVMVCPU {
        /// INT of the 8259s, which is wired to vCPU 0. It does not keep the vCPU alive.
        package var externalInterruptLine: some InterruptLine { KVMExternalInterruptLine(of: self) }

        /// Gives KVM the 8259s' vector when the vCPU can take it, else has KVM tell when it can: LINT0 is open and interrupts are on.
        @inline(never)
        func takeExternalInterrupt() throws(KVMError) {
            guard unsafe page.pointee.ready_for_interrupt_injection != 0 else {
                unsafe page.pointee.request_interrupt_window = 1
                return
            }
            guard let vector = machine.state.withLock({ $0.controllers })?.external.acknowledge() else { return }
            // The page tells what was true at the last exit: not twice.
            unsafe page.pointee.ready_for_interrupt_injection = 0
            try checked(swvmm_kvm_interrupt(descriptor.number, vector), .interrupt)
            let hasAnother = externalRequest.load(ordering: .sequentiallyConsistent)
            unsafe page.pointee.request_interrupt_window = hasAnother ? 1 : 0
        }

        func tellEndOfInterrupt() {
            let vector = unsafe page.pointee.eoi.vector
            machine.state.withLock({ $0.controllers })?.ioAPIC.endOfInterrupt(vector: vector)
        }
    }

    private final class KVMExternalInterruptLine: InterruptLine {
        private struct State {
            weak var vcpu: KVMVCPU?
        }

        private let state: Mutex<State>

        init(of vcpu: KVMVCPU) { state = Mutex(State(vcpu: vcpu)) }

        func setLevel(_ asserted: Bool) {
            guard let vcpu = state.withLock({ $0.vcpu }) else { return }
            vcpu.externalRequest.store(asserted, ordering: .sequentiallyConsistent)
            if asserted { vcpu.kick() }
        }
    }
#endif
