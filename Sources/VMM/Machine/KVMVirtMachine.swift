#if arch(arm64)
    internal import AArch64
    internal import Boot
    internal import Debugger
    internal import GuestABI
    internal import HostIO
    internal import KVMBackend
    internal import VMMCore

    /// A `virt` machine on KVM, whose GICv3 and generic timers are the kernel's: the composition of CPUs, memory, devices and a
    /// planned boot.
    struct KVMVirtMachine: SessionMachine {
        let machine: Machine<KVMVirtualMachine>
        private let devices: VirtDevices
        private let events: MachineEvents<KVMVirtualMachine>
        let notes: [String]

        /// Builds the machine up to the moment before its first instruction. Memory is mapped first: see `requirePlatform`.
        init(
            on kvm: KVMHost, preparation: inout BootPreparation, lifecycle: MachineLifecycle, host: HostEnds,
            timeline: TimelineRecorder?
        ) throws(BootError) {
            preparation.setCounterFrequency(KVMHost.counterFrequency)
            let plan = try Self.plan(preparation, on: kvm)
            let (memory, entry) = try preparation.loadedMemory(plan, host.persistentMemories)
            timeline?.mark("image loaded")

            let cpuCount = preparation.boot.cpuCount
            let backend: KVMVirtualMachine
            var vcpus: [KVMVCPU] = []
            var interrupts: VirtInterrupts
            do throws(KVMError) {
                let frames = KVMVirtualMachine.GICFrames(
                    distributor: GuestAddress(VirtPlatform.gicDistributorAddress),
                    its: GuestAddress(VirtPlatform.gicITSAddress),
                    redistributors: GuestAddress(VirtPlatform.gicRedistributorAddress))
                var configuration = KVMVirtualMachine.Configuration(vcpuCount: cpuCount, gicFrames: frames)
                configuration.arm64Model = preparation.arm64CPUModel
                backend = try KVMVirtualMachine(host: kvm, configuration: configuration)
                try backend.map(memory)
                for index in 0..<cpuCount { vcpus.append(try backend.makeVCPU(VCPUIndex(index))) }
                var lines: [any InterruptLine] = []
                for spi in 0..<VirtInterrupts.lineCount { lines.append(try backend.interruptLine(UInt32(spi))) }
                interrupts = VirtInterrupts(lines: lines, msi: try backend.messageInput())
                try vcpus[0].setRegisters(entry.registers(of: vcpus[0].registers()))
            } catch {
                throw .kvm(error)
            }
            timeline?.mark("virtual machine made")
            notes = (try? vcpus[0].checkRegisterList()).map { ["KVM has \($0.words)"] } ?? []

            events = MachineEvents(backend)
            // A trace is to show all accesses.
            if host.tracer == nil { interrupts.events = events }
            devices = try VirtDevices.make(
                memory: memory, preparation: preparation, interrupts: interrupts, machine: lifecycle,
                host: host)
            machine = Machine(
                backend: backend, memory: memory, vcpus: vcpus, buses: devices.buses, lifecycle: lifecycle,
                log: host.faults, tracer: host.tracer
            ) { index, vcpu, exits in ARM64Report.describe(index, vcpu, exits, memory) }
        }

        /// The boot on this host. What the host cannot give is found here, before memory is filled; its interrupt controller was looked
        /// at when KVM was chosen.
        private static func plan(
            _ preparation: BootPreparation, on kvm: KVMHost
        ) throws(BootError) -> AArch64BootPlan {
            let facts: ARM64HostFacts
            let features: Set<ARM64Feature>
            do throws(KVMError) {
                facts = try kvm.arm64Facts()
                try facts.checkVCPUs(preparation.boot.cpuCount)
                features = try facts.features(of: preparation.arm64CPUModel)
            } catch {
                throw .kvm(error)
            }
            let plan = try preparation.arm64Plan(features: features, addressBits: facts.machineAddressBits)
            do throws(KVMError) { try facts.checkMemory(plan.ramRanges) } catch { throw .kvm(error) }
            return plan
        }

        func disconnect() {
            devices.disconnect()
            events.disconnect()
        }

        var deviceStatistics: [DeviceStatistics] { devices.statistics }

        func debugTarget(
            control: any MachineControl, tell: @escaping @Sendable (TargetEvent) -> Void
        ) -> any DebugTarget {
            MachineDebugger(machine, map: RegisterMaps.arm64, control: control, tell: tell)
        }
    }
#endif
