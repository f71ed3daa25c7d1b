#if arch(x86_64)
    internal import Boot
    internal import GuestABI
    internal import KVMBackend
    internal import VMMCore

    /// The virtio devices of a `pc` machine on KVM, with wires to its I/O APIC and messages to its local APICs.
    struct PCVirtio: Sendable {
        /// What of them is in memory.
        let bus: MMIOBus
        private let devices: VirtioDeviceSet

        init(
            _ preparation: BootPreparation, memory: GuestMemory, backend: KVMVirtualMachine, host: HostEnds
        ) throws(BootError) {
            devices = VirtioDeviceSet(
                preparation.virtioDevices, rings: preparation.queues.rings, memory: memory,
                cpuCount: preparation.boot.cpuCount, host: host)
            let places = VirtioPlaces(.x86_64, preparation.transport)
            let inputs = Self.inputs(of: places, deviceCount: devices.members.count)
            let wires = try Self.wires(to: inputs, backend)
            var bus = MMIOBus.Builder()
            try devices.insert(
                at: places, on: &bus, memory: memory, faults: host.faults, messages: LocalAPICs(backend)
            ) { input in wires[Int(input - inputs.lowerBound)].makeEnd() }
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

        private static func wires(
            to inputs: Range<UInt32>, _ backend: KVMVirtualMachine
        ) throws(BootError) -> [SharedInterruptLine] {
            var wires: [SharedInterruptLine] = []
            do throws(KVMError) {
                for input in inputs { wires.append(SharedInterruptLine(try backend.interruptLine(input))) }
            } catch {
                throw .kvm(error)
            }
            return wires
        }

        var statistics: [DeviceStatistics] { devices.statistics }

        /// Ends the devices' hold on the host's ends.
        func disconnect() { devices.disconnect() }
    }

    /// KVM's local APICs as what takes messages. One that is none for them is lost: it is no message but a write to memory, which
    /// a device has no reason to make this way.
    private final class LocalAPICs: MSITarget {
        /// Bits 31:20 of a message's address. Source: Intel SDM vol. 3A §11.11.1.
        private static let prefix: UInt64 = 0xFEE
        private let backend: KVMVirtualMachine

        init(_ backend: KVMVirtualMachine) { self.backend = backend }

        func send(_ message: MSI, from device: UInt32) {
            guard message.address.rawValue >> 20 == Self.prefix else { return }
            // KVM refuses only what no local APIC accepts.
            try? backend.signal(message)
        }
    }
#endif
