package import HostIO
internal import Synchronization
package import VMMCore

/// A running machine: its vCPUs, one thread each, and the two buses that their exits go to.
///
/// Platform-neutral: `PCMachine` and `VirtMachine` build what is behind the buses. Threading: `start` and `join` from the thread that
/// made it; `requestReports` from any.
package final class Machine<Backend: VirtualMachine>: Sendable {
    /// Makes a report of a vCPU; called on the thread that runs it, or when none does.
    package typealias Describer = @Sendable (VCPUIndex, Backend.CPU, ExitTrace) -> MachineReport.VCPU

    private struct State {
        var threads: [HostThread] = []
        var reports: [MachineReport.VCPU] = []
        var reportReceiver: (@Sendable ([MachineReport.VCPU]) -> Void)?
        var finalTraces: [ExitTrace]
    }

    package let backend: Backend
    package let memory: GuestMemory
    package let vcpus: [Backend.CPU]
    let lifecycle: MachineLifecycle
    private let buses: MachineBuses
    private let log: GuestFaultLog
    private let describe: Describer
    private let reportWanted = Atomic<Bool>(false)
    private let state: Mutex<State>

    init(
        backend: Backend, memory: GuestMemory, vcpus: [Backend.CPU], buses: MachineBuses, lifecycle: MachineLifecycle,
        log: GuestFaultLog, describe: @escaping Describer
    ) {
        self.backend = backend
        self.memory = memory
        self.vcpus = vcpus
        self.buses = buses
        self.lifecycle = lifecycle
        self.log = log
        self.describe = describe
        state = Mutex(State(finalTraces: Array(repeating: ExitTrace(), count: vcpus.count)))
    }
}

// MARK: - Lifecycle

extension Machine {
    /// Starts a thread for each vCPU. They end when the lifecycle stops.
    ///
    /// - Parameter onEntry: called on vCPU 0's thread right before it enters the guest.
    package func start(
        observer: (any ExitObserver)?, onEntry: @escaping @Sendable () -> Void = {}
    ) throws(HostThreadError) {
        lifecycle.onStop { [vcpus] _ in
            for vcpu in vcpus { vcpu.kick() }
        }
        for index in vcpus.indices {
            try startThread("vcpu\(index)") { [self] in
                if index == 0 { onEntry() }
                keep(runVCPU(VCPUIndex(index), vcpus[index], observer), of: VCPUIndex(index))
            }
        }
    }

    /// Starts a thread that `join()` waits for.
    func startThread(_ name: String, _ body: @escaping @Sendable () -> Void) throws(HostThreadError) {
        let thread = try HostThread.start(name: name, body)
        state.withLock { $0.threads.append(thread) }
    }

    /// Keeps a vCPU's exits for the final report.
    func keep(_ trace: ExitTrace, of index: VCPUIndex) { state.withLock { $0.finalTraces[index.rawValue] = trace } }

    /// Waits until the machine has stopped and all vCPU threads ended.
    package func join() {
        for thread in state.withLock({ $0.threads }) { thread.join() }
    }

    /// The vCPUs as they stopped. Only after `join()`.
    package func finalReports() -> [MachineReport.VCPU] {
        let traces = state.withLock { $0.finalTraces }
        return vcpus.indices.map { describe(VCPUIndex($0), vcpus[$0], traces[$0]) }
    }

    /// Asks each running vCPU for a report; `receiver` gets all of them, on the thread of the last one to answer. A vCPU
    /// that waits for the console's reader answers when it goes on.
    package func requestReports(_ receiver: @escaping @Sendable ([MachineReport.VCPU]) -> Void) {
        state.withLock { state in
            state.reports = []
            state.reportReceiver = receiver
        }
        reportWanted.store(true, ordering: .releasing)
        for vcpu in vcpus { vcpu.kick() }
    }
}

// MARK: - The exit loop

extension Machine {
    /// Runs one vCPU until the machine stops: the way of every exit. Nothing here allocates, locks or dispatches
    /// through an existential; the buses' devices do what they do.
    private func runVCPU(_ index: VCPUIndex, _ vcpu: Backend.CPU, _ observer: (any ExitObserver)?) -> ExitTrace {
        var trace = ExitTrace()
        while !lifecycle.isStopping {
            let exit: VCPUExit
            do throws(Backend.CPU.Failure) {
                exit = try vcpu.run()
            } catch {
                lifecycle.stop(.vcpuStopped(index, .hostFailure("\(error)")))
                break
            }
            handle(exit, of: vcpu, index, &trace, observer)
        }
        return trace
    }

    /// Does what an exit asks for: records it, answers accesses, stops the machine. Both exit loops come here.
    @inline(__always)
    func handle(
        _ exit: VCPUExit, of vcpu: Backend.CPU, _ index: VCPUIndex, _ trace: inout ExitTrace,
        _ observer: (any ExitObserver)?
    ) {
        trace.record(exit)
        if let observer { observer.note(exit.kind, on: index) }
        switch exit {
        case .portRead(let port, let width):
            vcpu.completeRead(readPort(port, width))
        case .portWrite(let port, let width, let value):
            writePort(port, width, value)
        case .mmioRead(let address, let width):
            vcpu.completeRead(readMMIO(address, width))
        case .mmioWrite(let address, let width, let value):
            writeMMIO(address, width, value)
        case .interrupted:
            if reportWanted.load(ordering: .acquiring) { deliverReport(index, vcpu, trace) }
        case .shutdown:
            lifecycle.stop(.vcpuStopped(index, .tripleFault))
        case .halted:
            lifecycle.stop(.vcpuStopped(index, .haltedForever))
        case .systemEvent(.powerOff):
            lifecycle.stop(.powerOff)
        case .systemEvent(.reset):
            lifecycle.stop(.reset)
        case .systemEvent(.crash):
            lifecycle.stop(.vcpuStopped(index, .systemCrash))
        case .debug:
            lifecycle.stop(.vcpuStopped(index, .unexpectedDebugExit))
        case .failure(let failure):
            lifecycle.stop(.vcpuStopped(index, .runFailure(failure)))
        }
    }

    /// A port that nobody answers reads as ones.
    @inline(__always)
    private func readPort(_ port: UInt16, _ width: AccessWidth) -> UInt64 {
        if let value = buses.ports.read(port, width) { return UInt64(value) }
        log.report("read of \(width.bytes) bytes from port 0x\(String(port, radix: 16)), where no device is")
        return width.mask
    }

    @inline(__always)
    private func writePort(_ port: UInt16, _ width: AccessWidth, _ value: UInt32) {
        if buses.ports.write(value, at: port, width) { return }
        log.report("write of \(width.bytes) bytes to port 0x\(String(port, radix: 16)), where no device is")
    }

    /// An address that nobody answers reads as ones.
    @inline(__always)
    private func readMMIO(_ address: GuestAddress, _ width: AccessWidth) -> UInt64 {
        if let value = buses.mmio.read(address, width) { return value }
        log.report("read of \(width.bytes) bytes from \(address), where no device is")
        return width.mask
    }

    @inline(__always)
    private func writeMMIO(_ address: GuestAddress, _ width: AccessWidth, _ value: UInt64) {
        if buses.mmio.write(value, at: address, width) { return }
        log.report("write of \(width.bytes) bytes to \(address), where no device is")
    }

    /// Hands in this vCPU's report, and all of them when it is the last.
    private func deliverReport(_ index: VCPUIndex, _ vcpu: Backend.CPU, _ trace: ExitTrace) {
        let report = describe(index, vcpu, trace)
        let finished: (@Sendable ([MachineReport.VCPU]) -> Void, [MachineReport.VCPU])? = state.withLock { state in
            guard let receiver = state.reportReceiver, !state.reports.contains(where: { $0.index == index }) else {
                return nil
            }
            state.reports.append(report)
            guard state.reports.count == vcpus.count else { return nil }
            state.reportReceiver = nil
            reportWanted.store(false, ordering: .releasing)
            return (receiver, state.reports.sorted { $0.index < $1.index })
        }
        if let (receiver, reports) = finished { receiver(reports) }
    }
}

/// The two address spaces that exits go to.
struct MachineBuses: Sendable {
    let mmio: MMIOBus
    let ports: PortBus
}

/// Told of each exit, on the vCPU's thread, while a timeline is recorded.
package protocol ExitObserver: AnyObject, Sendable {
    func note(_ kind: ExitKind, on vcpu: VCPUIndex)
}
