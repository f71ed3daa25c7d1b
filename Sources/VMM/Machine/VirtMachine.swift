internal import AArch64
internal import Boot
internal import Debugger
internal import GICv3
internal import GuestABI
internal import HostIO
internal import PlatformDevices
internal import SoftwareCPU
internal import TimerDevices
internal import VMMCore

/// A `virt` machine on the software CPU: the composition of CPUs, memory, devices and a planned boot.
struct VirtMachine: SessionMachine {
    let machine: Machine<SoftwareVirtualMachine>
    private let devices: VirtDevices
    private let repeatable: RepeatableRun?

    /// Builds the machine up to the moment before its first instruction.
    init(
        preparation: inout BootPreparation, lifecycle: MachineLifecycle, host: HostEnds
    ) throws(BootError) {
        let lacking = preparation.arm64CPUModel.lacking([])
        guard lacking.isEmpty else { throw .softwareCPULacks(lacking) }
        preparation.setCounterFrequency(GenericTimer.frequency)
        let plan = try preparation.arm64Plan()
        let (memory, entry) = try preparation.loadedMemory(plan, host.persistentMemories)

        repeatable = host.repeatable
        let counterStart = host.clock.now
        let semihosting = Self.semihosting(preparation, plan, lifecycle, host)
        let backend: SoftwareVirtualMachine
        var vcpus: [SoftwareVCPU] = []
        do throws(SoftwareCPUError) {
            var configuration = SoftwareVirtualMachine.Configuration(
                vcpuCount: preparation.boot.cpuCount, clock: host.clock, counterFrequency: GenericTimer.frequency,
                counterStart: counterStart, hasGICSystemRegisters: true, semihosting: semihosting)
            configuration.tracer = host.tracer.flatMap { $0.wantsCPUs ? $0 : nil }
            backend = try SoftwareVirtualMachine(configuration: configuration)
            try backend.map(memory)
            for index in 0..<preparation.boot.cpuCount { vcpus.append(try backend.makeVCPU(VCPUIndex(index))) }
            try vcpus[0].setRegisters(entry.registers(of: vcpus[0].registers()))
        } catch {
            throw .softwareCPU(error)
        }
        let gic = GICv3(
            cpuCount: vcpus.count, irq: vcpus.map(\.irq), fiq: vcpus.map(\.fiq),
            lpis: GICv3.LPISupport(memory: memory, faults: host.faults))
        let timers = Self.timers(of: vcpus.count, gic, counterStart, host)
        devices = try VirtDevices.make(
            memory: memory, preparation: preparation, interrupts: VirtInterrupts(gic), machine: lifecycle,
            host: host)
        backend.attach(Self.traced(gic, by: host.tracer, .irq))
        backend.attach(Self.traced(timers, by: host.tracer, .timers))
        machine = Machine(
            backend: backend, memory: memory, vcpus: vcpus, buses: devices.buses, lifecycle: lifecycle,
            log: host.faults, tracer: host.tracer
        ) { index, vcpu, exits in ARM64Report.describe(index, vcpu, exits, memory) }
    }

    /// A generic timer for each CPU, its interrupts at the CPU's private inputs.
    private static func timers(
        of cpuCount: Int, _ gic: GICv3, _ counterStart: Nanoseconds, _ host: HostEnds
    ) -> GenericTimerBank {
        GenericTimerBank(
            (0..<cpuCount).map { cpu in
                let deadline = host.deadlines.makeDeadline()
                let timer = GenericTimer(
                    clock: host.clock, start: counterStart,
                    physical: gic.interruptLine(ppi: Int(VirtPlatform.physicalTimerPPI), cpu: cpu),
                    virtual: gic.interruptLine(ppi: Int(VirtPlatform.virtualTimerPPI), cpu: cpu), scheduler: deadline)
                deadline.setHandler { [weak timer] in timer?.deadlinePassed() }
                return timer
            })
    }

    func start(observer: (any ExitObserver)?, onEntry: @escaping @Sendable () -> Void) throws(HostThreadError) {
        if let repeatable {
            try machine.startTakingTurns(repeatable, observer: observer, onEntry: onEntry)
        } else {
            try machine.start(observer: observer, onEntry: onEntry)
        }
    }

    /// The device, with the tracer before it when that wants to know.
    private static func traced(
        _ device: any SystemRegisterDevice, by tracer: Tracer?, _ kind: TraceConfiguration.Kind
    ) -> any SystemRegisterDevice {
        guard let tracer, tracer.wants(kind) else { return device }
        if kind == .irq {
            return TracedSystemRegisters(device, describe: TracedSystemRegisters.interruptWords) {
                tracer.interrupt($0, $1)
            }
        }
        return TracedSystemRegisters(device, describe: TracedSystemRegisters.timerWords) { tracer.timer($0, $1) }
    }

    func disconnect() { devices.disconnect() }

    var deviceStatistics: [DeviceStatistics] { devices.statistics }

    var instructionCounts: InstructionCounts? {
        repeatable.map { run in
            InstructionCounts(executed: machine.vcpus.map(\.executedInstructions), virtualTime: run.clock.now)
        }
    }

    func debugTarget(
        control: any MachineControl, tell: @escaping @Sendable (TargetEvent) -> Void
    ) -> any DebugTarget {
        MachineDebugger(machine, map: RegisterMaps.arm64, control: control, tell: tell)
    }

    /// Prints to the console that gets the user's input.
    private static func semihosting(
        _ preparation: BootPreparation, _ plan: AArch64BootPlan, _ lifecycle: MachineLifecycle, _ host: HostEnds
    ) -> Semihosting? {
        guard preparation.answersSemihosting else { return nil }
        var facts = Semihosting.Facts()
        let text = preparation.boot.commandLine
        facts.commandLine = preparation.imageName + (text.isEmpty ? "" : " \(text)")
        // From the page behind what was loaded to the end of the RAM that holds it.
        if let last = plan.placements.map(\.range.end.rawValue).max() {
            let start = (last + 0xFFF) & ~0xFFF
            let end = plan.loadPlan.endOfRAM(at: last - 1)
            if start < end { facts.heap = GuestRange(start: GuestAddress(start), size: end - start) }
        }
        let channel =
            switch preparation.console {
            case .bvm: host.bvmConsole
            case .serial: host.serial
            case .virtio: host.virtioConsole
            }
        return Semihosting(channel: channel, machine: lifecycle, clock: host.clock, facts: facts)
    }
}

extension VirtInterrupts {
    /// A controller of ours.
    fileprivate init(_ gic: GICv3) {
        lines = (0..<Self.lineCount).map { gic.interruptLine(spi: $0) }
        frames = [
            (VirtPlatform.gicDistributorAddress, gic.distributor),
            (VirtPlatform.gicITSAddress, gic.its), (VirtPlatform.gicRedistributorAddress, gic.redistributors),
        ]
        msi = gic.messageInput(at: GuestAddress(VirtPlatform.gicTranslaterAddress))
    }
}
