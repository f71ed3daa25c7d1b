internal import Boot
internal import ConsoleDevices
internal import GuestABI
internal import PlatformDevices
internal import TimerDevices
internal import VMMCore

/// The interrupt controller as the devices of a `virt` machine need it.
struct VirtInterrupts {
    /// How many shared peripheral interrupts the devices use: the first ones.
    static let lineCount = Int(VirtPlatform.virtioMMIOFirstSPI) + VirtPlatform.virtioMMIOWindows

    /// The wires of the first `lineCount` shared peripheral interrupts.
    let lines: [any InterruptLine]
    /// Register frames that are ours, with their addresses; none where the backend has the controller.
    var frames: [(address: UInt64, device: any MMIODevice)] = []
    /// Takes devices' message-signalled interrupts; nil where there is no ITS.
    var msi: (any MSITarget)?
    /// Ties eventfds to the guest; nil where the backend cannot.
    var events: (any EventBinder)?

    /// The wire of a shared peripheral interrupt, below `lineCount`.
    func line(spi: UInt32) -> any InterruptLine { lines[Int(spi)] }
}

/// The devices of the `virt` machine in its memory: bvmconsole, pvpanic, PL011, PL031, PL061, virtio, and the interrupt
/// controller's frames.
struct VirtDevices {
    let buses: MachineBuses
    private let uart: PL011
    private let virtio: VirtioDeviceSet

    /// - Parameter memory: what devices with direct access to memory reach.
    static func make(
        memory: GuestMemory, preparation: BootPreparation, interrupts: VirtInterrupts, machine: any MachineControl,
        host: HostEnds
    ) throws(BootError) -> VirtDevices {
        var bus = MMIOBus.Builder()
        let virtio = VirtioDeviceSet(
            preparation.virtioDevices, rings: preparation.queues.rings, memory: memory,
            cpuCount: preparation.boot.cpuCount, host: host)
        try virtio.insert(
            at: VirtioPlaces(.arm64, preparation.transport), on: &bus, memory: memory, faults: host.faults,
            messages: interrupts.msi, events: interrupts.events, line: interrupts.line(spi:))
        do throws(MMIOBusError) {
            return try VirtDevices(on: bus, virtio: virtio, interrupts: interrupts, machine: machine, host: host)
        } catch {
            throw .memoryMap(error)
        }
    }

    /// - Parameter bus: has the virtio devices.
    private init(
        on bus: MMIOBus.Builder, virtio: VirtioDeviceSet, interrupts: VirtInterrupts, machine: any MachineControl,
        host: HostEnds
    ) throws(MMIOBusError) {
        self.virtio = virtio
        let setUp = host.deadlines.makeDeadline()
        let uart = PL011(
            channel: host.serial, interrupt: interrupts.line(spi: VirtPlatform.pl011SPI), clock: host.clock,
            scheduler: setUp)
        setUp.setHandler { [weak uart] in uart?.deadlinePassed() }
        self.uart = uart
        let alarm = host.deadlines.makeDeadline()
        let clock = PL031RTC(
            clock: host.clock, interrupt: interrupts.line(spi: VirtPlatform.pl031SPI), scheduler: alarm)
        alarm.setHandler { [weak clock] in clock?.deadlinePassed() }

        var memory = bus
        for frame in interrupts.frames { try memory.insert(frame.device, at: GuestAddress(frame.address)) }
        try memory.insert(
            BVMConsolePage(channel: host.bvmConsole, faults: host.faults),
            at: GuestAddress(VirtPlatform.bvmConsoleAddress))
        try memory.insert(
            PanicNotifierPage(machine: machine, faults: host.faults), at: GuestAddress(VirtPlatform.panicAddress))
        try memory.insert(uart, at: GuestAddress(VirtPlatform.pl011Address))
        try memory.insert(clock, at: GuestAddress(VirtPlatform.pl031Address))
        try memory.insert(
            PL061GPIO(interrupt: interrupts.line(spi: VirtPlatform.gpioSPI)),
            at: GuestAddress(VirtPlatform.gpioAddress))
        buses = MachineBuses(mmio: memory.build(), ports: PortBus.Builder().build())
    }

    var statistics: [DeviceStatistics] { virtio.statistics }

    /// Ends the devices' hold on the host's ends.
    func disconnect() {
        uart.disconnect()
        virtio.disconnect()
    }
}
