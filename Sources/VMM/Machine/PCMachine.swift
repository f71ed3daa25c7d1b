internal import Boot
internal import ConsoleDevices
internal import GuestABI
internal import KVMBackend
internal import VMMCore
internal import X86

/// A `pc` machine on KVM: the composition of a backend, memory, devices and a planned boot.
struct PCMachine {
    let machine: Machine<KVMVirtualMachine>
    private let devices: PCDevices

    /// The host's ends of the machine's devices.
    struct HostEnds {
        var bvmConsole: any CharacterChannel
        var serial: any CharacterChannel
        var debugPort: (any CharacterChannel)?
        var clock: any Clock
        var faults: GuestFaultLog
    }

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
        let memory: GuestMemory
        do throws(GuestMemoryError) { memory = try GuestMemory(ramRanges) } catch { throw .memory(error) }

        let backend: KVMVirtualMachine
        var vcpus: [KVMVCPU] = []
        let com1: KVMInterruptLine
        let sci: KVMInterruptLine
        do throws(KVMError) {
            backend = try KVMVirtualMachine(
                host: kvm, configuration: .init(vcpuCount: cpuCount, hasTimer8254: !preparation.isBundled))
            try backend.map(memory)
            for index in 0..<cpuCount { vcpus.append(try backend.makeVCPU(VCPUIndex(index))) }
            com1 = try backend.interruptLine(PCPlatform.com1IRQ)
            sci = try backend.interruptLine(PCPlatform.acpiSCI)
        } catch {
            throw .kvm(error)
        }
        timeline?.mark("virtual machine made")

        preparation.setCounterFrequency(vcpus[0].tscFrequency)
        let plan = try preparation.x86Plan()
        let registers: X86Registers
        do throws(BootImageError) {
            registers = try plan.load(into: memory)
        } catch {
            throw .image(name: preparation.imageName, error)
        }
        do throws(KVMError) { try vcpus[0].setRegisters(registers) } catch { throw .kvm(error) }
        timeline?.mark("image loaded")

        do throws(PortBusError) {
            devices = try PCDevices(
                .init(
                    machine: lifecycle, clock: host.clock, faults: host.faults, bvmConsole: host.bvmConsole,
                    serial: host.serial, debugPort: host.debugPort, com1: com1, acpiSCI: sci))
        } catch {
            throw .ports(error)
        }
        machine = Machine(
            backend: backend, memory: memory, vcpus: vcpus, buses: devices.buses, lifecycle: lifecycle, log: host.faults
        )
    }

    /// Ends the devices' hold on the host's ends, so that the next machine can have them.
    func disconnect() { devices.uart.disconnect() }
}

// MARK: - Reports

extension PCMachine {
    /// The vCPUs as values for people to read.
    ///
    /// - Parameter stopped: the machine has stopped: only then may the vCPUs be asked to translate addresses.
    func report(
        of snapshots: [Machine<KVMVirtualMachine>.VCPUSnapshot], consoleLines: [String], stopped: Bool
    ) -> MachineReport {
        MachineReport(
            vcpus: snapshots.map { snapshot in
                MachineReport.VCPU(
                    index: snapshot.index,
                    registerRows: snapshot.registers.map(X86Report.registerRows) ?? [],
                    code: snapshot.registers.map { code($0, on: snapshot.index, stopped: stopped) } ?? [],
                    exitTotal: snapshot.exits.total,
                    lastExits: MachineReport.VCPU.lines(of: snapshot.exits.last))
            },
            consoleLines: consoleLines)
    }

    private func code(_ registers: X86Registers, on index: VCPUIndex, stopped: Bool) -> [String] {
        guard stopped else { return ["(shown when the machine stops)"] }
        let vcpu = machine.vcpus[index.rawValue]
        return CodeListing.lines(
            around: X86Report.programCounter(registers), mode: X86Report.decodeMode(registers)
        ) { address, count in
            bytes(at: address, count: count, on: vcpu)
        }
    }

    /// Guest bytes at a linear address, up to the first one that is not mapped to RAM.
    private func bytes(at address: UInt64, count: Int, on vcpu: KVMVCPU) -> [UInt8] {
        var result: [UInt8] = []
        while result.count < count {
            let (position, overflow) = address.addingReportingOverflow(UInt64(result.count))
            guard !overflow, let physical = vcpu.translate(GuestVirtualAddress(position)) else { break }
            let pageRest = 4096 - Int(position & 4095)
            guard let piece = try? machine.memory.copyOut(physical, count: min(count - result.count, pageRest)) else {
                break
            }
            result += piece
        }
        return result
    }
}
