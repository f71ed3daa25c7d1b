package import HostIO
package import KVMBackend
package import VMMCore

/// A machine on KVM with nothing but memory, one vCPU and the given devices: what measures the exit loop as guests of `boot`
/// meet it, which another module cannot make of `Machine`, being generic.
package struct BareMachine: Sendable {
    private let machine: Machine<KVMVirtualMachine>

    /// - Parameters:
    ///   - vcpu: vCPU 0 of `backend`, set up to run.
    ///   - lifecycle: ends the machine when a device asks it to.
    package init(
        backend: KVMVirtualMachine, memory: GuestMemory, vcpu: KVMVCPU, ports: PortBus, mmio: MMIOBus,
        lifecycle: MachineLifecycle
    ) {
        machine = Machine(
            backend: backend, memory: memory, vcpus: [vcpu],
            buses: MachineBuses(mmio: mmio, ports: ports), lifecycle: lifecycle,
            log: GuestFaultLog(clock: HostClock()) { _ in },
            describe: { index, vcpu, exits in
                #if arch(x86_64)
                    X86Report.describe(index, vcpu, exits, memory)
                #else
                    ARM64Report.describe(index, vcpu, exits, memory)
                #endif
            })
    }

    /// Runs the guest on a thread of its own until the lifecycle stops it.
    package func run() throws(HostThreadError) {
        try machine.start(observer: nil)
        machine.join()
    }
}
