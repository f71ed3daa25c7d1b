#if arch(x86_64)
    internal import Boot
    internal import GuestABI
    internal import KVMBackend
    internal import VMMCore

    /// The virtio devices of a `pc` machine on KVM, with wires to its I/O APIC.
    struct PCVirtio: Sendable {
        /// What of them is in memory.
        let bus: MMIOBus
        private let devices: VirtioDeviceSet

        init(
            _ preparation: BootPreparation, memory: GuestMemory, backend: KVMVirtualMachine, host: HostEnds
        ) throws(BootError) {
            devices = VirtioDeviceSet(
                preparation.virtioDevices, memory: memory, cpuCount: preparation.boot.cpuCount, host: host)
            let places = VirtioPlaces(.x86_64)
            let wires = try Self.wires(forDevices: devices.members.count, backend)
            var bus = MMIOBus.Builder()
            do throws(MMIOBusError) {
                try VirtioWindows.insert(devices, at: places, on: &bus, memory: memory, faults: host.faults) { input in
                    wires[Int(input - PCPlatform.virtioMMIOFirstInput)].makeEnd()
                }
            } catch {
                throw .memoryMap(error)
            }
            self.bus = bus.build()
        }

        /// The inputs of the I/O APIC that devices share: all of them when there is a device.
        private static func wires(
            forDevices count: Int, _ backend: KVMVirtualMachine
        ) throws(BootError) -> [SharedInterruptLine] {
            guard count > 0 else { return [] }
            var wires: [SharedInterruptLine] = []
            do throws(KVMError) {
                for input in 0..<PCPlatform.virtioMMIOInputs {
                    let line = try backend.interruptLine(PCPlatform.virtioMMIOFirstInput + input)
                    wires.append(SharedInterruptLine(line))
                }
            } catch {
                throw .kvm(error)
            }
            return wires
        }

        /// Ends the devices' hold on the host's ends.
        func disconnect() { devices.disconnect() }
    }
#endif
