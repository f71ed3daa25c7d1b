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
    /// - Parameters:
    ///   - backend: a fresh virtual machine without memory.
    ///   - firstVCPU: its vCPU 0: made before the boot was planned, since it knows the counter's frequency.
    init(
        backend: KVMVirtualMachine, firstVCPU: KVMVCPU, plan: X86BootPlan, imageName: String, cpuCount: Int,
        lifecycle: MachineLifecycle,
        host: HostEnds
    ) throws(BootError) {
        let memory: GuestMemory
        do throws(GuestMemoryError) { memory = try GuestMemory(plan.ramRanges) } catch { throw .memory(error) }

        let registers: X86Registers
        do throws(BootImageError) { registers = try plan.load(into: memory) } catch {
            throw .image(name: imageName, error)
        }

        var vcpus = [firstVCPU]
        let com1: KVMInterruptLine
        let sci: KVMInterruptLine
        do throws(KVMError) {
            try backend.map(memory)
            try firstVCPU.setRegisters(registers)
            for index in 1..<max(1, cpuCount) { vcpus.append(try backend.makeVCPU(VCPUIndex(index))) }
            com1 = try backend.interruptLine(PCPlatform.com1IRQ)
            sci = try backend.interruptLine(PCPlatform.acpiSCI)
        } catch {
            throw .kvm(error)
        }
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
