import AArch64
import Boot
import ConsoleDevices
import GICv3
import GuestABI
import SoftwareCPU
import Synchronization
import TimerDevices
import VMMCore
import VMMTestSupport

/// A small `virt` machine on the software CPU: GICv3, generic timers, bvmconsole, a thread a vCPU.
final class VirtHarness: Sendable {
    let machine: SoftwareVirtualMachine
    let vcpus: [SoftwareVCPU]
    let console = LoopbackChannel()
    let memory: GuestMemory
    let faults = Mutex<[String]>([])
    private let bus: MMIOBus
    private let loop: EventLoop
    private let loopThread: HostThread
    private let threads = Mutex<[HostThread]>([])
    private let ends = Mutex<[VCPUExit]>([])
    private let isStopping = Atomic<Bool>(false)

    init(image: [UInt8], cpuCount: Int, memorySize: UInt64 = 64 << 20) throws {
        var configuration = BootConfiguration(memorySize: memorySize)
        configuration.cpuCount = cpuCount
        let plan = try AArch64Boot.plan(image: BootImage(image), configuration: configuration)
        let memory = try GuestMemory(plan.ramRanges)
        self.memory = memory
        let boot = try plan.load(into: memory)

        let clock = HostClock()
        let start = clock.now
        let machine = try SoftwareVirtualMachine(
            configuration: .init(
                vcpuCount: cpuCount, clock: clock, counterFrequency: GenericTimer.frequency, counterStart: start,
                hasGICSystemRegisters: true))
        self.machine = machine
        try machine.map(memory)
        let vcpus = try (0..<cpuCount).map { try machine.makeVCPU(VCPUIndex($0)) }
        self.vcpus = vcpus

        let loop = try EventLoop()
        self.loop = loop
        loopThread = HostThread { loop.run() }
        let gic = GICv3(cpuCount: cpuCount, irq: vcpus.map(\.irq), fiq: vcpus.map(\.fiq))
        let timers = (0..<cpuCount).map { cpu in
            let deadline = EventLoopDeadline(loop: loop)
            let timer = GenericTimer(
                clock: clock, start: start,
                physical: gic.interruptLine(ppi: Int(VirtPlatform.physicalTimerPPI), cpu: cpu),
                virtual: gic.interruptLine(ppi: Int(VirtPlatform.virtualTimerPPI), cpu: cpu), scheduler: deadline)
            deadline.setHandler { [weak timer] in timer?.deadlinePassed() }
            return timer
        }
        machine.attach(gic)
        machine.attach(GenericTimerBank(timers))

        var builder = MMIOBus.Builder()
        try builder.insert(gic.distributor, at: GuestAddress(VirtPlatform.gicDistributorAddress))
        try builder.insert(gic.redistributors, at: GuestAddress(VirtPlatform.gicRedistributorAddress))
        let log = GuestFaultLog(clock: clock) { _ in }
        try builder.insert(
            BVMConsolePage(channel: console, faults: log), at: GuestAddress(VirtPlatform.bvmConsoleAddress))
        bus = builder.build()

        var registers = try vcpus[0].registers()
        registers.pc = boot.pc
        registers.x[0] = boot.x0
        registers.pstate = boot.pstate
        try vcpus[0].setRegisters(registers)
    }

    func start() {
        for vcpu in vcpus {
            let thread = HostThread { [self] in
                if let exit = runUntilEnd(vcpu) { ends.withLock { $0.append(exit) } }
                stop()
            }
            threads.withLock { $0.append(thread) }
        }
    }

    private func runUntilEnd(_ vcpu: SoftwareVCPU) -> VCPUExit? {
        while !isStopping.load(ordering: .acquiring) {
            guard let exit = try? vcpu.run() else { return nil }
            switch exit {
            case .mmioRead(let address, let width):
                let value = bus.read(address, width)
                if value == nil { faults.withLock { $0.append("read \(address)") } }
                vcpu.completeRead(value ?? width.mask)
            case .mmioWrite(let address, let width, let value):
                if !bus.write(value, at: address, width) { faults.withLock { $0.append("write \(address)") } }
            case .interrupted: break
            default: return exit
            }
        }
        return nil
    }

    func stop() {
        isStopping.store(true, ordering: .releasing)
        for vcpu in vcpus { vcpu.kick() }
    }

    /// Stops everything and waits for it; gives the exits that ended vCPUs.
    func finish() -> [VCPUExit] {
        stop()
        for thread in threads.withLock({ $0 }) { _ = thread.finishes(within: 20) }
        loop.stop()
        _ = loopThread.finishes(within: 20)
        return ends.withLock { $0 }
    }

    /// Waits until the console shows `text`, or all vCPUs ended.
    func shows(_ text: String) -> Bool { waits(until: { self.console.outputText.contains(text) }) }

    var hasEnded: Bool { waits(until: { !self.ends.withLock { $0.isEmpty } }) }
}
