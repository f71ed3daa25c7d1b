package import HostIO
internal import Synchronization
package import VMMCore

/// A running machine: its vCPUs, one thread each, and the two buses that their exits go to.
///
/// Platform-neutral: `PCMachine`, `KVMVirtMachine` and `VirtMachine` build what is behind the buses. Threading: `start` and `join` from the thread that
/// made it; `requestReports` from any.
package final class Machine<Backend: VirtualMachine>: Sendable {
    /// Makes a report of a vCPU; called on the thread that runs it, or when none does.
    package typealias Describer = @Sendable (VCPUIndex, Backend.CPU, ExitTrace) -> MachineReport.VCPU

    private struct State {
        var threads: [HostThread] = []
        var reports: [MachineReport.VCPU] = []
        var reportReceiver: (@Sendable ([MachineReport.VCPU]) -> Void)?
        var finalTraces: [ExitTrace]
        var hasStarted = false
        /// CPU time of each vCPU's thread, once it has ended.
        var cpuTimes: [Nanoseconds?]
    }

    package let backend: Backend
    package let memory: GuestMemory
    package let vcpus: [Backend.CPU]
    let lifecycle: MachineLifecycle
    private let buses: MachineBuses
    private let log: GuestFaultLog
    private let describe: Describer
    private let tracer: Tracer?
    private let reportWanted = Atomic<Bool>(false)
    /// Where the vCPUs wait while the machine stands still.
    let gate: VCPUGate<Backend.CPU>
    private let state: Mutex<State>

    init(
        backend: Backend, memory: GuestMemory, vcpus: [Backend.CPU], buses: MachineBuses, lifecycle: MachineLifecycle,
        log: GuestFaultLog, tracer: Tracer? = nil, describe: @escaping Describer
    ) {
        self.backend = backend
        self.memory = memory
        self.vcpus = vcpus
        self.buses = buses
        self.lifecycle = lifecycle
        self.log = log
        self.describe = describe
        self.tracer = tracer
        gate = VCPUGate(count: vcpus.count)
        state = Mutex(
            State(
                finalTraces: Array(repeating: ExitTrace(), count: vcpus.count),
                cpuTimes: Array(repeating: nil, count: vcpus.count)))
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
        lifecycle.onStop { [vcpus, gate] _ in
            for vcpu in vcpus { vcpu.kick() }
            gate.end()
        }
        state.withLock { $0.hasStarted = true }
        let watch = exitWatch(observer)
        for index in vcpus.indices {
            try startThread("vcpu\(index)") { [self] in
                if index == 0 { onEntry() }
                let trace = runVCPU(VCPUIndex(index), vcpus[index], watch)
                keep(trace, cpuTime: HostClock().threadTime, of: VCPUIndex(index))
            }
        }
    }

    /// Who is told of each exit; nil: nobody.
    func exitWatch(_ observer: (any ExitObserver)?) -> ExitWatch? {
        ExitWatch(observer: observer, tracer: tracer, buses: buses)
    }

    /// Starts a thread that `join()` waits for.
    func startThread(_ name: String, _ body: @escaping @Sendable () -> Void) throws(HostThreadError) {
        let thread = try HostThread.start(name: name, body)
        state.withLock { $0.threads.append(thread) }
    }

    /// Keeps a vCPU's exits for the final report, and the CPU time of its thread where it has one of its own.
    func keep(_ trace: ExitTrace, cpuTime: Nanoseconds?, of index: VCPUIndex) {
        state.withLock { state in
            state.finalTraces[index.rawValue] = trace
            state.cpuTimes[index.rawValue] = cpuTime
        }
    }

    /// Waits until the machine has stopped and all vCPU threads ended.
    package func join() {
        for thread in state.withLock({ $0.threads }) { thread.join() }
    }

    /// The vCPUs as they stopped. Only after `join()`.
    package func finalReports() -> [MachineReport.VCPU] {
        let traces = state.withLock { $0.finalTraces }
        return vcpus.indices.map { describe(VCPUIndex($0), vcpus[$0], traces[$0]) }
    }

    /// What the vCPUs did. Only after `join()`; without the machine's running time.
    package func statistics() -> RunStatistics {
        let (traces, cpuTimes) = state.withLock { ($0.finalTraces, $0.cpuTimes) }
        return RunStatistics(
            vcpus: vcpus.indices.map { index in
                let instructions = (vcpus[index] as? any InstructionCounting)?.executedInstructions
                return .init(
                    index: VCPUIndex(index), instructions: instructions, cpuTime: cpuTimes[index], trace: traces[index])
            })
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
        gate.wake()
    }
}

// MARK: - Standing still

extension Machine {
    /// Who is told that all vCPUs stand still; see `VCPUGate.setListener`. Before the machine starts.
    func setStandstillListener(_ listener: @escaping @Sendable ([VCPUStop]) -> Void) { gate.setListener(listener) }

    /// Has all vCPUs stand still soon: between two instructions, or before the first one. A vCPU that waits for the console's
    /// reader comes when it goes on.
    func pause() {
        gate.close()
        for vcpu in vcpus { vcpu.kick() }
    }

    /// Lets these vCPUs go on, while all stand still.
    func resume(_ indices: [VCPUIndex]) { gate.open(indices) }

    /// Does something with a vCPU that stands still, on its thread; here when the machine has not started. Nil: it runs, or has ended.
    func performStanding<Result: Sendable>(
        on index: VCPUIndex, _ body: @escaping @Sendable (Backend.CPU) -> Result
    ) -> Result? {
        guard vcpus.indices.contains(index.rawValue) else { return nil }
        guard state.withLock({ $0.hasStarted }) else { return body(vcpus[index.rawValue]) }
        let result = Mutex<Result?>(nil)
        let isDone = gate.perform(on: index) { cpu in
            let value = body(cpu)
            result.withLock { $0 = value }
        }
        return isDone ? result.withLock { $0 } : nil
    }

    /// A report of a vCPU that stands still, as text. Nil: it runs, or has ended.
    func report(of index: VCPUIndex) -> String? {
        let describe = describe
        return performStanding(on: index) { cpu in
            MachineReport(vcpus: [describe(index, cpu, ExitTrace())], consoleLines: []).text
        }
    }

    /// Waits at the gate, answering reports.
    private func stand(_ index: VCPUIndex, _ vcpu: Backend.CPU, _ trace: ExitTrace) {
        gate.pass(index, vcpu) {
            if reportWanted.load(ordering: .acquiring) { deliverReport(index, vcpu, trace) }
        }
    }

    /// A vCPU stopped for whoever debugs the machine: all stand still until it goes on. False: nobody debugs it.
    private func stopForDebugger(
        _ stop: VCPUStop, _ vcpu: Backend.CPU, _ trace: ExitTrace
    ) -> Bool {
        guard gate.note(stop) else { return false }
        pause()
        stand(stop.vcpu, vcpu, trace)
        return true
    }

    /// The guest cannot go on: a debugger sees it before the machine stops.
    @inline(never)
    private func crash(_ index: VCPUIndex, _ vcpu: Backend.CPU, _ trace: ExitTrace, _ cause: VCPUStopCause) {
        _ = stopForDebugger(VCPUStop(vcpu: index, cause: .crashed), vcpu, trace)
        lifecycle.stop(.vcpuStopped(index, cause))
    }
}

// MARK: - The exit loop

extension Machine {
    /// Runs one vCPU until the machine stops: the way of every exit. Nothing here allocates, locks or dispatches
    /// through an existential; the buses' devices do what they do.
    private func runVCPU(_ index: VCPUIndex, _ vcpu: Backend.CPU, _ watch: ExitWatch?) -> ExitTrace {
        var trace = ExitTrace()
        if gate.isClosed { stand(index, vcpu, trace) }
        while !lifecycle.isStopping {
            let exit: VCPUExit
            do throws(Backend.CPU.Failure) {
                exit = try vcpu.run()
            } catch {
                lifecycle.stop(.vcpuStopped(index, .hostFailure(backendWords(error))))
                break
            }
            handle(exit, of: vcpu, index, &trace, watch)
        }
        return trace
    }

    /// Does what an exit asks for: records it, answers accesses, stops the machine. Both exit loops come here.
    @inline(__always)
    func handle(
        _ exit: VCPUExit, of vcpu: Backend.CPU, _ index: VCPUIndex, _ trace: inout ExitTrace, _ watch: ExitWatch?
    ) {
        // Watchers are told of the trace's copy: an exit that nobody watches is not kept until the device has answered.
        switch exit {
        case .portRead(let port, let width):
            trace.record(exit, .portRead)
            let value = readPort(port, width)
            if let watch { watch.tell(trace.latest, of: index, value) }
            vcpu.completeRead(value)
        case .portWrite(let port, let width, let value):
            trace.record(exit, .portWrite)
            if let watch { watch.tell(trace.latest, of: index, UInt64(value)) }
            writePort(port, width, value)
        case .mmioRead(let address, let width):
            trace.record(exit, .mmioRead)
            let value = readMMIO(address, width)
            if let watch { watch.tell(trace.latest, of: index, value) }
            vcpu.completeRead(value)
        case .mmioWrite(let address, let width, let value):
            trace.record(exit, .mmioWrite)
            if let watch { watch.tell(trace.latest, of: index, value) }
            writeMMIO(address, width, value)
        default:
            trace.record(exit, exit.kind)
            if let watch { watch.tell(trace.latest, of: index, nil) }
            handleRare(exit, of: vcpu, index, trace)
        }
    }

    /// The exits that are no access to a device: apart from those, so that their code costs these nothing.
    @inline(never)
    private func handleRare(_ exit: VCPUExit, of vcpu: Backend.CPU, _ index: VCPUIndex, _ trace: ExitTrace) {
        switch exit {
        case .portRead, .portWrite, .mmioRead, .mmioWrite:
            break
        case .interrupted:
            if reportWanted.load(ordering: .acquiring) { deliverReport(index, vcpu, trace) }
            if gate.isClosed { stand(index, vcpu, trace) }
        case .refusedRegister(let register, let value):
            tellRefusal(of: register, value)
        case .shutdown:
            crash(index, vcpu, trace, .tripleFault)
        case .halted:
            lifecycle.stop(.vcpuStopped(index, .haltedForever))
        case .systemEvent(.powerOff):
            lifecycle.stop(.powerOff)
        case .systemEvent(.reset):
            lifecycle.stop(.reset)
        case .systemEvent(.crash):
            crash(index, vcpu, trace, .systemCrash)
        case .debug(let address, let reason):
            let stop = VCPUStop(vcpu: index, cause: .debug(reason, address))
            if !stopForDebugger(stop, vcpu, trace) { lifecycle.stop(.vcpuStopped(index, .unexpectedDebugExit)) }
        case .failure(let failure):
            crash(index, vcpu, trace, .runFailure(failure))
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

    /// Kernels try registers out, over and over: each is told once for reads, and once for writes.
    @inline(never)
    private func tellRefusal(of register: ModelSpecificRegister, _ value: UInt64?) {
        let name = "model-specific register \(hexadecimal(UInt64(register.rawValue)))"
        let key = UInt64(register.rawValue)
        guard let value else {
            return log.reportOnce(key, "read of \(name), which the CPU has not: #GP")
        }
        log.reportOnce(
            key | 1 << 32,
            "write of \(hexadecimal(value)) to \(name), which the CPU has not or which does not take it: #GP")
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
