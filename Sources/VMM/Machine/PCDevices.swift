#if arch(x86_64)
    internal import ConsoleDevices
    internal import GuestABI
    internal import PCIDevices
    internal import PlatformDevices
    internal import TimerDevices
    internal import VMMCore

    /// The devices of the `pc` machine on their ports, and what is in memory. Interrupt controllers and PIT that are the backend's are not here.
    struct PCDevices {
        /// Where the devices' wires and characters lead.
        struct Connections {
            var machine: any MachineControl
            var clock: any Clock
            /// Deadlines by `clock`.
            var deadlines: any DeadlineSource
            var faults: GuestFaultLog
            /// The console that the guest was told to use gets the input; the other one can only print.
            var bvmConsole: any CharacterChannel
            var serial: any CharacterChannel
            /// The debugger's end of the bvmdebug port; nil: no such device.
            var debugPort: (any CharacterChannel)?
            var interrupts: PCInterrupts
            /// The PCI configuration space, where there is a PCI bus.
            var pci: PCIConfigurationAccess?
            /// What is in memory.
            var memory = MMIOBus.Builder().build()
        }

        let buses: MachineBuses
        let uart: UART16550

        init(_ connections: Connections) throws(PortBusError) {
            let machine = connections.machine
            let faults = connections.faults
            uart = UART16550(channel: connections.serial, interrupt: connections.interrupts.line(PCPlatform.com1IRQ))
            let i8042 = I8042ResetDevice(machine: machine)

            var ports = PortBus.Builder()
            try ports.insert(
                BVMConsole(channel: connections.bvmConsole, faults: faults), at: PCPlatform.bvmConsolePort)
            if let debugPort = connections.debugPort {
                try ports.insert(
                    BVMConsole(signature: BVMConsoleProtocol.debugSignature, channel: debugPort, faults: faults),
                    at: PCPlatform.bvmDebugPort)
            }
            try ports.insert(uart, at: PCPlatform.com1Port)
            let alarm = connections.deadlines.makeDeadline()
            let clock = MC146818RTC(
                clock: connections.clock, interrupt: connections.interrupts.line(PCPlatform.rtcIRQ), scheduler: alarm)
            alarm.setHandler { [weak clock] in clock?.deadlinePassed() }
            try ports.insert(clock, at: PCPlatform.rtcPort)
            try ports.insert(i8042.dataPort, at: PCPlatform.i8042DataPort)
            try ports.insert(i8042.commandPort, at: PCPlatform.i8042CommandPort)
            try ports.insert(ResetControlRegister(machine: machine), at: PCPlatform.resetControlPort)
            try ports.insert(
                ACPIPowerManagement(
                    clock: connections.clock, interrupt: connections.interrupts.line(PCPlatform.acpiSCI),
                    machine: machine, faults: faults),
                at: PCPlatform.acpiPMPort)
            try ports.insert(PanicNotifierDevice(machine: machine, faults: faults), at: PCPlatform.panicPort)
            try ports.insert(DebugExitDevice(machine: machine), at: PCPlatform.debugExitPort)
            try ports.insert(DebugConsoleDevice(channel: connections.bvmConsole), at: PCPlatform.debugConsolePort)
            try ports.insert(POSTCodeDevice(), at: PCPlatform.postPort)
            for controller in connections.interrupts.ports { try ports.insert(controller.device, at: controller.port) }
            if let pci = connections.pci {
                let access = PCIConfigurationPorts(pci)
                try ports.insert(access.addressPort, at: PCPlatform.pciAddressPort)
                try ports.insert(access.dataPort, at: PCPlatform.pciDataPort)
            }
            buses = MachineBuses(mmio: connections.memory, ports: ports.build())
        }
    }
#endif
