#if arch(x86_64)
    internal import APICDevices
    internal import GuestABI
    internal import KVMBackend
    internal import TimerDevices
    internal import VMMCore

    /// The interrupt controllers of a `pc` machine on KVM as its devices need them: all of them KVM's, or all but the local APICs ours.
    ///
    /// Global system interrupt n is input n of the I/O APIC, and of the 8259s where that is an interrupt of the ISA bus: 0 to 15 without 2.
    struct PCInterrupts: Sendable {
        /// The wires of global system interrupts, 0 to 23.
        let lines: [any InterruptLine]
        /// Takes devices' message-signalled interrupts.
        let messages: any MSITarget
        /// What is ours, with where it is.
        let ports: [(port: UInt16, device: any PortDevice)]
        let memory: [(address: UInt64, device: any MMIODevice)]

        init(
            _ backend: KVMVirtualMachine, firstCPU: KVMVCPU, choice: MachineConfiguration.InterruptChip,
            lifecycle: MachineLifecycle, host: HostEnds
        ) throws(KVMError) {
            messages = LocalAPICs(backend)
            switch choice {
            case .kernel:
                var lines: [any InterruptLine] = []
                for input in 0..<UInt32(IOAPIC.inputCount) { lines.append(try backend.interruptLine(input)) }
                self.lines = lines
                ports = []
                memory = []
            case .split:
                let output = try backend.localAPICs { lifecycle.stop(.hostRefusedInterrupts($0.words())) }
                let ioAPIC = IOAPIC(output: output)
                let pair = I8259Pair(interrupt: firstCPU.externalInterruptLine)
                backend.connect(ioAPIC: ioAPIC, external: pair)
                let lines = (0..<IOAPIC.inputCount).map { input in
                    Self.line(input, ioAPIC, pair)
                }
                let deadline = host.deadlines.makeDeadline()
                let timer = I8254Timer(clock: host.clock, interrupt: lines[0], scheduler: deadline)
                deadline.setHandler { [weak timer] in timer?.deadlinePassed() }
                self.lines = lines
                ports = [
                    (PCPlatform.firstPICPort, pair.firstPorts), (PCPlatform.secondPICPort, pair.secondPorts),
                    (PCPlatform.triggerPort, pair.triggerPorts), (PCPlatform.pitPort, timer.counterPorts),
                    (PCPlatform.systemControlPort, timer.systemControlPort),
                ]
                memory = [(PCPlatform.ioAPICAddress, ioAPIC)]
            }
        }

        /// The wire of a global system interrupt, below 24.
        func line(_ interrupt: UInt32) -> any InterruptLine { lines[Int(interrupt)] }

        private static func line(_ input: Int, _ ioAPIC: IOAPIC, _ pair: I8259Pair) -> any InterruptLine {
            let line = ioAPIC.interruptLine(input)
            guard input < I8259Pair.inputCount, input != I8259Pair.cascade else { return line }
            return BranchingLine(pair.interruptLine(input), line)
        }
    }

    /// A wire with two ends.
    private final class BranchingLine: InterruptLine {
        private let first: any InterruptLine
        private let second: any InterruptLine

        init(_ first: any InterruptLine, _ second: any InterruptLine) {
            self.first = first
            self.second = second
        }

        func setLevel(_ asserted: Bool) {
            first.setLevel(asserted)
            second.setLevel(asserted)
        }
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
