internal import AArch64
internal import Boot
internal import Debugger
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
        preparation.setCounterFrequency(GenericTimer.frequency)
        let plan = try preparation.arm64Plan()
        let memory: GuestMemory
        do throws(GuestMemoryError) {
            memory = try GuestMemory(plan.ramRanges, hugePages: preparation.wantsHugePages)
        } catch { throw .memory(error) }
        let entry: ARM64BootState
        do throws(BootImageError) {
            entry = try plan.load(into: memory)
        } catch {
            throw .image(name: preparation.imageName, error)
        }

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
            var registers = try vcpus[0].registers()
            registers.pc = entry.pc
            registers.x[0] = entry.x0
            // x1 to x3 are zero, as booting.rst wants them: a fresh CPU's are.
            registers.pstate = entry.pstate
            try vcpus[0].setRegisters(registers)
        } catch {
            throw .softwareCPU(error)
        }
        do throws(MMIOBusError) {
            devices = try VirtDevices(
                cpus: vcpus, memory: memory, virtio: preparation.virtioDevices, counterStart: counterStart,
                machine: lifecycle, host: host)
        } catch {
            throw .memoryMap(error)
        }
        backend.attach(Self.traced(devices.gic, by: host.tracer, .irq))
        backend.attach(Self.traced(devices.timers, by: host.tracer, .timers))
        machine = Machine(
            backend: backend, memory: memory, vcpus: vcpus, buses: devices.buses, lifecycle: lifecycle,
            log: host.faults, tracer: host.tracer
        ) { index, vcpu, exits in ARM64Report.describe(index, vcpu, exits, memory) }
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
