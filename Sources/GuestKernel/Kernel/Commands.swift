/// The shell's commands, but for the longer ones in files of their own.
enum Commands {
    static var all: [Command] {
        [
            Command("help", summary: "list the commands") { _, _ in .done },
            Command("uptime", summary: "time since the start, and how long the boot took") { _, output in
                uptime(output)
            },
            Command("mem", summary: "memory in use") { _, output in mem(output) },
            Command("cpus", summary: "the CPUs") { _, output in cpus(output) },
            Command("threads", summary: "the threads") { _, output in threads(output) },
            Command("env", summary: "the kernel environment and command line", usage: "[NAME]", handler: env),
            Command("irq", summary: "interrupts since the start, by source and CPU") { _, output in irq(output) },
            Command(
                "trace", summary: "trace points", usage: "[on [NAME...] | off | show [COUNT]]", handler: trace),
            Command("blk", summary: "the disks", usage: BlockCommand.usage, handler: BlockCommand.run),
            Command("net", summary: "the network cards", usage: NetworkCommand.usage, handler: NetworkCommand.run),
            Command("rng", summary: "random bytes", usage: "[COUNT]", handler: RandomCommand.run),
            Command("dmesg", summary: "the kernel's log") { _, output in dmesg(output) },
            Command("bench", summary: "measure switches, timer, allocation, IPI, console") { _, output in
                Benchmark.run(output)
            },
            Command("panic", summary: "stop with a report", usage: "[trap|fault]", handler: panic),
            Command("reboot", summary: "restart the machine") { _, _ in Platform.restart() },
            Command("poweroff", summary: "turn the machine off") { _, _ in Platform.powerOff() },
        ]
    }

    /// Writes `1 CPU` or `2 CPUs`.
    static func writeCount(_ count: Int, _ noun: StaticString, to output: TextOutput) {
        output.write(decimal: count)
        output.spaces(1)
        output.write(noun)
        if count != 1 { output.put(0x73) }
    }

    private static func uptime(_ output: TextOutput) -> CommandStatus {
        output.write("up ")
        output.write(duration: Clock.now)
        output.write(", ready in ")
        output.write(decimal: Shell.readyTime / 1000)
        output.write(" us, ")
        writeCount(CPUState.onlineCount, "CPU", to: output)
        output.write(", ")
        writeCount(Scheduler.allThreads.count, "thread", to: output)
        output.newLine()
        return .done
    }

    private static func env(_ arguments: [Word], _ output: TextOutput) -> CommandStatus {
        guard arguments.count <= 1 else { return .usage }
        let boot = Kernel.boot
        if let name = arguments.first {
            var isFound = false
            forEachParameter(boot) { entry, value in
                guard !isFound, name == Word(entry.bytes) else { return }
                isFound = true
                output.write(value)
                output.newLine()
            }
            if !isFound {
                output.write(name.bytes)
                output.write(": not in the environment")
                output.newLine()
            }
            return isFound ? .done : .failed
        }
        forEachParameter(boot) { name, value in
            output.write(name)
            output.put(0x3D)
            output.write(value)
            output.newLine()
        }
        return .done
    }

    private static func forEachParameter(
        _ boot: BootInformation, _ body: (MemoryText<LiveMemory>, MemoryText<LiveMemory>) -> Void
    ) {
        for entry in boot.environment { body(entry.name, entry.value) }
        boot.forEachCommandLineParameter(body)
    }

    private static func dmesg(_ output: TextOutput) -> CommandStatus {
        var cursor = LogRing.Cursor()
        var text: [UInt8] = []
        while let line = Log.read(&cursor, into: &text) {
            output.put(0x5B)
            output.write(timeStamp: line.time)
            output.write("] ")
            output.write(line.level.name, column: 8)
            output.write(text)
            output.newLine()
        }
        return .done
    }

    private static func panic(_ arguments: [Word], _ output: TextOutput) -> CommandStatus {
        guard let kind = arguments.first else { Panic.stop("asked for at the shell") }
        if kind == "trap" {
            // An index out of range: what Swift's own checks do to a kernel.
            output.write(decimal: UInt64(arguments[arguments.count].bytes.count))
        } else if kind == "fault" {
            Panic.touchNullPage()
        }
        return .usage
    }
}
