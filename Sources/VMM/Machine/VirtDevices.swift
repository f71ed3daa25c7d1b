internal import ConsoleDevices
internal import GICv3
internal import GuestABI
internal import PlatformDevices
internal import SoftwareCPU
internal import TimerDevices
internal import VMMCore

/// The devices of the `virt` machine in its memory: GICv3, a generic timer for each CPU, bvmconsole, pvpanic, PL011,
/// PL031, PL061, virtio.
struct VirtDevices {
    let buses: MachineBuses
    let gic: GICv3
    let timers: GenericTimerBank
    private let uart: PL011
    private let virtio: VirtioWindows

    /// - Parameters:
    ///   - memory: what devices with direct access to memory reach.
    ///   - counterStart: when the counter was zero, by the host ends' clock.
    init(
        cpus: [SoftwareVCPU], memory ram: GuestMemory, virtio kinds: [VirtioDeviceKind], counterStart: Nanoseconds,
        machine: any MachineControl, host: HostEnds
    ) throws(MMIOBusError) {
        let gic = GICv3(cpuCount: cpus.count, irq: cpus.map(\.irq), fiq: cpus.map(\.fiq))
        self.gic = gic
        timers = GenericTimerBank(
            cpus.indices.map { cpu in
                let deadline = host.deadlines.makeDeadline()
                let timer = GenericTimer(
                    clock: host.clock, start: counterStart,
                    physical: gic.interruptLine(ppi: Int(VirtPlatform.physicalTimerPPI), cpu: cpu),
                    virtual: gic.interruptLine(ppi: Int(VirtPlatform.virtualTimerPPI), cpu: cpu), scheduler: deadline)
                deadline.setHandler { [weak timer] in timer?.deadlinePassed() }
                return timer
            })
        let setUp = host.deadlines.makeDeadline()
        let uart = PL011(
            channel: host.serial, interrupt: gic.interruptLine(spi: Int(VirtPlatform.pl011SPI)), clock: host.clock,
            scheduler: setUp)
        setUp.setHandler { [weak uart] in uart?.deadlinePassed() }
        self.uart = uart
        let alarm = host.deadlines.makeDeadline()
        let clock = PL031RTC(
            clock: host.clock, interrupt: gic.interruptLine(spi: Int(VirtPlatform.pl031SPI)), scheduler: alarm)
        alarm.setHandler { [weak clock] in clock?.deadlinePassed() }

        var memory = MMIOBus.Builder()
        try memory.insert(gic.distributor, at: GuestAddress(VirtPlatform.gicDistributorAddress))
        try memory.insert(gic.redistributors, at: GuestAddress(VirtPlatform.gicRedistributorAddress))
        try memory.insert(
            BVMConsolePage(channel: host.bvmConsole, faults: host.faults),
            at: GuestAddress(VirtPlatform.bvmConsoleAddress))
        try memory.insert(
            PanicNotifierPage(machine: machine, faults: host.faults), at: GuestAddress(VirtPlatform.panicAddress))
        try memory.insert(uart, at: GuestAddress(VirtPlatform.pl011Address))
        try memory.insert(clock, at: GuestAddress(VirtPlatform.pl031Address))
        try memory.insert(
            PL061GPIO(interrupt: gic.interruptLine(spi: Int(VirtPlatform.gpioSPI))),
            at: GuestAddress(VirtPlatform.gpioAddress))
        virtio = try VirtioWindows(kinds, on: &memory, memory: ram, gic: gic, host: host)
        buses = MachineBuses(mmio: memory.build(), ports: PortBus.Builder().build())
    }

    /// Ends the devices' hold on the host's ends.
    func disconnect() {
        uart.disconnect()
        virtio.disconnect()
    }
}
