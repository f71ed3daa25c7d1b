#if arch(x86_64)
    internal import Boot
    internal import ConsoleDevices
    internal import Debugger
    internal import KVMBackend
    internal import VMMCore
    internal import X86

    /// A `pc` machine on KVM: the composition of a backend, memory, devices and a planned boot.
    struct PCMachine: SessionMachine {
        let machine: Machine<KVMVirtualMachine>
        private let devices: PCDevices
        private let virtio: PCVirtio
        private let events: MachineEvents<KVMVirtualMachine>

        /// Builds the machine up to the moment before its first instruction.
        ///
        /// Memory comes first: KVM makes a slot wait for a grace period once interrupt controllers are there. Then vCPU 0,
        /// since the boot's plan wants to know the frequency of its counter.
        init(
            on kvm: KVMHost, preparation: inout BootPreparation, lifecycle: MachineLifecycle, host: HostEnds,
            timeline: TimelineRecorder?
        ) throws(BootError) {
            let cpuCount = preparation.boot.cpuCount
            let ramRanges = try preparation.x86RAMRanges()
            let files = try host.persistentMemories.placed(
                behind: ramRanges, in: X86MemoryMap.persistentMemoryRoom)
            let memory: GuestMemory
            do throws(GuestMemoryError) {
                memory = try GuestMemory(
                    ramRanges, files: files, hugePages: preparation.wantsHugePages,
                    makeFile: preparation.makeMemoryFile)
            } catch { throw .memory(error) }

            let backend: KVMVirtualMachine
            var vcpus: [KVMVCPU] = []
            let interrupts: PCInterrupts
            do throws(KVMError) {
                var wanted = KVMVirtualMachine.Configuration(
                    topology: preparation.boot.topology, hasTimer8254: !preparation.isBundled,
                    hasLocalAPICsOnly: preparation.interruptChip == .split)
                wanted.model = preparation.cpuModel
                backend = try KVMVirtualMachine(host: kvm, configuration: wanted)
                try backend.map(memory)
                for index in 0..<cpuCount { vcpus.append(try backend.makeVCPU(VCPUIndex(index))) }
                interrupts = try PCInterrupts(
                    backend, firstCPU: vcpus[0], choice: preparation.interruptChip, lifecycle: lifecycle, host: host)
            } catch {
                throw .kvm(error)
            }
            timeline?.mark("virtual machine made")

            preparation.setCounterFrequency(vcpus[0].tscFrequency)
            let plan = try preparation.x86Plan()
            let registers = try preparation.loading { () throws(BootImageError) in try plan.load(into: memory) }
            do throws(KVMError) { try vcpus[0].setRegisters(registers) } catch { throw .kvm(error) }
            timeline?.mark("image loaded")

            events = MachineEvents(backend)
            virtio = try PCVirtio(
                preparation, memory: memory, interrupts: interrupts,
                // A trace is to show all accesses.
                events: host.tracer == nil ? events : nil, host: host)
            do throws(PortBusError) {
                devices = try PCDevices(
                    .init(
                        machine: lifecycle, clock: host.clock, deadlines: host.deadlines, faults: host.faults,
                        bvmConsole: host.bvmConsole, serial: host.serial, debugPort: host.debugPort,
                        interrupts: interrupts, pci: virtio.configuration, memory: virtio.bus))
            } catch {
                throw .ports(error)
            }
            machine = Machine(
                backend: backend, memory: memory, vcpus: vcpus, buses: devices.buses, lifecycle: lifecycle,
                log: host.faults, tracer: host.tracer
            ) { index, vcpu, exits in X86Report.describe(index, vcpu, exits, memory) }
        }

        func disconnect() {
            devices.uart.disconnect()
            virtio.disconnect()
            events.disconnect()
        }

        var deviceStatistics: [DeviceStatistics] { virtio.statistics }

        func debugTarget(
            control: any MachineControl, tell: @escaping @Sendable (TargetEvent) -> Void
        ) -> any DebugTarget {
            MachineDebugger(machine, map: RegisterMaps.x86_64, control: control, tell: tell)
        }
    }
#endif
