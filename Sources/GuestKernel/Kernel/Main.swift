/// The way from the entry stubs to a shell.
enum Kernel {
    // SAFETY: written by the boot CPU before others start.
    nonisolated(unsafe) private static var information = BootInformation()

    /// What the kernel was told when it was entered.
    static var boot: BootInformation { unsafe information }

    /// - Parameters: as the entry stubs pass them, see `Platform.readBootInformation`.
    static func start(kind: UInt64, pointer: UInt64, end: UInt64, entryCounter: UInt64) -> Never {
        var boot = Platform.readBootInformation(kind: kind, pointer: pointer, end: end)
        boot.entryCounter = entryCounter
        unsafe information = boot
        startMemory(boot)
        CPUState.add(CPUState(index: 0, idle: Scheduler.makeThread("idle", nil)))
        Clock.start(frequency: Platform.counterFrequency(boot), base: entryCounter)
        Console.shared.attach(Platform.makeConsole(boot))
        Platform.initializeInterrupts(boot)
        CPUState.current.setOnline()
        startCPUs(boot.cpuCount)
        Console.shared.device.enableInterrupt()
        writeLog(boot)
        Scheduler.spawn("shell") { Shell.run() }
        Scheduler.idle()
    }

    private static func startMemory(_ boot: BootInformation) {
        var free = boot.memory
        Platform.initializeMemory(&free, boot)
        PhysicalMemory.remember(boot.memory)
        for index in 0..<free.count { Heap.add(free[index]) }
    }

    private static func startCPUs(_ count: Int) {
        for index in 1..<max(count, 1) {
            CPUState.add(CPUState(index: index, idle: Scheduler.makeThread("idle", nil)))
        }
        for index in 1..<max(count, 1) {
            let cpu = CPUState.all[index]
            Platform.startCPU(cpu)
            if !cpu.isOnline {
                Log.add(.warning) {
                    $0.write("CPU ")
                    $0.write(decimal: index)
                    $0.write(" did not start")
                }
            }
        }
    }

    private static func writeLog(_ boot: BootInformation) {
        Log.add {
            $0.write("entered by ")
            $0.write(boot.source.name)
            $0.write("; ")
            $0.write(size: PhysicalMemory.totalBytes)
            $0.write(" of memory; counter ")
            $0.write(decimal: Clock.frequency)
            $0.write(" Hz")
        }
        Log.add {
            $0.write(Console.shared.device.name)
            $0.write("; ")
            Platform.writeInterruptHardware(to: $0)
            $0.write("; ")
            Commands.writeCount(CPUState.onlineCount, "CPU", to: $0)
            $0.write(" online")
        }
    }
}

@c(kernel_main) public func kernelMain(kind: UInt64, pointer: UInt64, end: UInt64, counter: UInt64) {
    Kernel.start(kind: kind, pointer: pointer, end: end, entryCounter: counter)
}
