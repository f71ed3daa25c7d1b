#if arch(x86_64)
    internal import Boot
    internal import GuestABI
    internal import PCIDevices
    internal import VMMCore

    /// The virtio devices of a `pc` machine on KVM, with wires to its I/O APIC and messages to its local APICs.
    struct PCVirtio: Sendable {
        /// What of them and of the interrupt controllers is in memory.
        let bus: MMIOBus
        /// The PCI configuration space, where there is a PCI bus.
        let configuration: PCIConfigurationAccess?
        private let devices: VirtioDeviceSet

        init(
            _ preparation: BootPreparation, memory: GuestMemory, interrupts: PCInterrupts, events: (any EventBinder)?,
            host: HostEnds
        ) throws(BootError) {
            devices = VirtioDeviceSet(
                preparation.virtioDevices, rings: preparation.queues.rings, memory: memory,
                cpuCount: preparation.boot.cpuCount, host: host)
            let places = VirtioPlaces(.x86_64, preparation.transport)
            let inputs = Self.inputs(of: places, deviceCount: devices.members.count)
            let wires = inputs.map { SharedInterruptLine(interrupts.line($0)) }
            var bus = MMIOBus.Builder()
            configuration = try devices.insert(
                at: places, on: &bus, memory: memory, faults: host.faults, messages: interrupts.messages,
                events: events
            ) { input in wires[Int(input - inputs.lowerBound)].makeEnd() }
            do throws(MMIOBusError) {
                for frame in interrupts.memory { try bus.insert(frame.device, at: GuestAddress(frame.address)) }
            } catch {
                throw .memoryMap(error)
            }
            self.bus = bus.build()
        }

        /// The inputs of the I/O APIC that the devices use; none without devices.
        private static func inputs(of places: VirtioPlaces, deviceCount: Int) -> Range<UInt32> {
            switch places.transport {
            case .pci: return places.bus.interrupts
            case .mmio:
                let first = PCPlatform.virtioMMIOFirstInput
                return first..<first + min(UInt32(deviceCount), PCPlatform.virtioMMIOInputs)
            }
        }

        var statistics: [DeviceStatistics] { devices.statistics }

        /// Ends the devices' hold on the host's ends.
        func disconnect() { devices.disconnect() }
    }
#endif
