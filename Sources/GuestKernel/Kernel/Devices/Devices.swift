/// The devices there are. Nothing is looked for before someone asks: each look costs an exit, and a boot should not.
///
/// Threading: the first ask by one thread only; the lists do not change afterwards.
enum Devices {
    // SAFETY: see above.
    nonisolated(unsafe) private static var isDiscovered = false
    nonisolated(unsafe) private static var disks: [VirtioBlockDevice] = []

    static var blocks: [VirtioBlockDevice] {
        discover()
        return unsafe disks
    }

    // SAFETY: as above.
    nonisolated(unsafe) private static var cards: [VirtioNetworkDevice] = []
    nonisolated(unsafe) private static var randomSource: VirtioEntropyDevice?

    static var networks: [VirtioNetworkDevice] {
        discover()
        return unsafe cards
    }

    static var entropy: VirtioEntropyDevice? {
        discover()
        return unsafe randomSource
    }

    private static func discover() {
        guard unsafe !isDiscovered else { return }
        unsafe isDiscovered = true
        let boot = Kernel.boot
        var locations = DeviceLocations()
        for entry in boot.environment { locations.take(name: entry.name, value: entry.value) }
        boot.forEachCommandLineParameter { locations.take(name: $0, value: $1) }
        if locations.isEmpty, let range = boot.deviceTree,
            let tree = DeviceTree(memory: BootInformation.lowMemory, address: range.start)
        {
            locations.take(tree)
        }
        for location in locations.virtioMMIO { probe(location) }
        if let ecam = locations.ecam { PCIBus.probe(ecam) }
    }

    private static func probe(_ location: VirtioMMIOLocation) {
        let registers = MappedRegisters(location.range)
        switch VirtioMMIOTransport.identify(registers) {
        case .empty: break
        case .unsupported(let version):
            Log.add(.warning) {
                $0.write("virtio-mmio at 0x")
                $0.write(hex: location.range.start)
                $0.write(version == 0 ? ": no such device" : ": not of version 2, but ")
                if version != 0 { $0.write(decimal: UInt64(version)) }
            }
        case .device(let type):
            start(
                VirtioMMIOTransport(registers, deviceType: type),
                DeviceConnection(address: location.range.start, interrupt: .line(location.interrupt)))
        }
    }

    static func hasDriver(_ type: UInt32) -> Bool {
        type == VirtioDeviceType.block || type == VirtioDeviceType.network || type == VirtioDeviceType.entropy
    }

    /// Starts the driver of a device, if there is one for its kind.
    static func start(_ transport: any VirtioTransport, _ connection: DeviceConnection) {
        do throws(VirtioFailure) {
            switch transport.deviceType {
            case VirtioDeviceType.block:
                unsafe disks.append(try VirtioBlockDevice(transport, connection, index: disks.count))
            case VirtioDeviceType.network:
                unsafe cards.append(try VirtioNetworkDevice(transport, connection, index: cards.count))
            case VirtioDeviceType.entropy where unsafe randomSource == nil:
                unsafe randomSource = try VirtioEntropyDevice(transport, connection)
            default: return
            }
            Log.add {
                write(transport, connection, to: $0)
                $0.write(" has a driver")
            }
        } catch {
            let reason = error.reason
            Log.add(.warning) {
                write(transport, connection, to: $0)
                $0.spaces(1)
                $0.write(reason)
            }
        }
    }

    private static func write(_ transport: any VirtioTransport, _ connection: DeviceConnection, to output: TextOutput) {
        output.write(transport.name)
        output.write(" at 0x")
        output.write(hex: connection.address)
        output.write(", type ")
        output.write(decimal: UInt64(transport.deviceType))
    }

    /// Memory for queues and buffers that devices use for ever; cleared by its users.
    static func memory(_ count: Int) -> DMAMemory? {
        var order = 0
        while 4096 << order < count { order += 1 }
        return Heap.memory(order: order)
    }
}

/// Where a device is, and how it interrupts.
struct DeviceConnection {
    enum Interrupt {
        /// A level-triggered line: the I/O APIC's pin on x86, the SPI on arm64.
        case line(UInt32)
        /// Messages, which the table is given here.
        case messages(MSIXTable)
    }

    let address: UInt64
    let interrupt: Interrupt

    /// Lets the device's interrupts call `handler`.
    func connect(
        _ transport: any VirtioTransport, _ handler: @escaping (VirtioInterruptCauses) -> Void
    ) throws(VirtioFailure) {
        switch interrupt {
        case .line(let line):
            let isConnected = Platform.connectLine(line) {
                let causes = transport.acknowledgeInterrupt()
                if !causes.isEmpty { handler(causes) }
            }
            guard isConnected else { throw .noInterrupt }
        case .messages(let table):
            // One for changes of the configuration, one for all queues.
            let changed = Platform.connectMessage { handler(VirtioInterruptCauses(rawValue: 2)) }
            let used = Platform.connectMessage { handler(VirtioInterruptCauses(rawValue: 1)) }
            guard let changed, let used else { throw .noInterrupt }
            table.set(VirtioPCITransport.MessageIndex.configuration, changed)
            table.set(VirtioPCITransport.MessageIndex.queues, used)
            table.enable()
        }
    }
}
