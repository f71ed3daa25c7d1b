/// Commands that show what the kernel is made of at this moment.
extension Commands {
    static func mem(_ output: TextOutput) -> CommandStatus {
        let accounts = Heap.accounts
        row("total", accounts.totalPages * 4096, output)
        row("used", (accounts.totalPages - accounts.freePages) * 4096, output)
        row("peak", accounts.peakPages * 4096, output)
        row("free", accounts.freePages * 4096, output)
        row("slabs", accounts.slabPages * 4096, output)
        row("tables", accounts.tablePages * 4096, output)
        output.write("objects   ")
        output.write(decimal: accounts.objects)
        output.write(" in use, ")
        output.write(decimal: accounts.objectAllocations)
        output.write(" allocated since the start, ")
        output.write(decimal: accounts.failures)
        output.write(" failures")
        output.newLine()
        output.write("free blocks by order:")
        for order in 0...18 {
            output.spaces(1)
            output.write(decimal: Heap.freeBlocks(order: order))
        }
        output.newLine()
        return .done
    }

    private static func row(_ name: StaticString, _ bytes: UInt64, _ output: TextOutput) {
        output.write(name, column: 10)
        output.write(size: bytes)
        output.newLine()
    }

    static func cpus(_ output: TextOutput) -> CommandStatus {
        let now = Clock.now
        for cpu in CPUState.all {
            output.write("cpu ")
            output.write(decimal: cpu.index)
            guard cpu.isOnline else {
                output.write("  did not start")
                output.newLine()
                continue
            }
            let idle = cpu.idleTime + (cpu.isIdle ? now - min(cpu.idleSince, now) : 0)
            output.write("  online, idle ")
            output.write(decimal: idle * 100 / max(now, 1))
            output.write("%, ")
            output.write(decimal: cpu.switches)
            output.write(" switches, running ")
            output.write(cpu.running.name)
            output.newLine()
        }
        output.write(Platform.architectureName)
        output.write(", ")
        Platform.writeCPUModel(to: output)
        output.write(", ")
        Platform.writeInterruptHardware(to: output)
        output.write(", counter ")
        output.write(decimal: Clock.frequency / 1000)
        output.write(" kHz")
        output.newLine()
        return .done
    }

    static func threads(_ output: TextOutput) -> CommandStatus {
        output.write(" id  state     cpu  switches     cpu time  name")
        output.newLine()
        for cpu in CPUState.all { line(cpu.idle, output) }
        for thread in Scheduler.allThreads { line(thread, output) }
        return .done
    }

    private static func line(_ thread: Thread, _ output: TextOutput) {
        output.write(decimal: UInt64(thread.id), width: 3)
        output.spaces(2)
        output.write(thread.state.name, column: 10)
        output.write(decimal: UInt64(thread.home), width: 3)
        output.spaces(2)
        output.write(decimal: thread.switches, width: 8)
        output.spaces(2)
        output.write(decimal: thread.cpuTime / 1000, width: 8)
        output.write(" us  ")
        output.write(thread.name)
        output.newLine()
    }

    static func irq(_ output: TextOutput) -> CommandStatus {
        output.write("source", column: 16)
        for cpu in CPUState.all {
            output.write("      cpu")
            output.write(decimal: UInt64(cpu.index), width: 2)
        }
        output.newLine()
        for source in InterruptSource.allCases {
            output.write(source.name, column: 16)
            for cpu in CPUState.all {
                output.write(decimal: cpu.interruptCounts[source.rawValue], width: 11)
            }
            output.newLine()
        }
        return .done
    }

    /// No argument lists the points; `on` and `off` switch them; `show` prints the last records of all CPUs in order.
    static func trace(_ arguments: [Word], _ output: TextOutput) -> CommandStatus {
        guard let verb = arguments.first else {
            for point in TracePoint.all {
                output.write(Trace.control.isEnabled(point) ? "on   " : "off  ")
                output.write(point.name)
                output.newLine()
            }
            return .done
        }
        if verb == "off" {
            Trace.control.disableAll()
        } else if verb == "on" {
            return enable(Array(arguments.dropFirst()), output)
        } else if verb == "show" {
            show(arguments.count > 1 ? arguments[1].integer ?? 20 : 20, output)
        } else {
            return .usage
        }
        return .done
    }

    private static func enable(_ names: [Word], _ output: TextOutput) -> CommandStatus {
        for name in names where !TracePoint.all.contains(where: { name == $0.name }) {
            output.write(name.bytes)
            output.write(": no such trace point")
            output.newLine()
            return .failed
        }
        for point in TracePoint.all where names.isEmpty || names.contains(where: { $0 == point.name }) {
            Trace.control.set(point, enabled: true)
        }
        return .done
    }

    private static func show(_ count: UInt64, _ output: TextOutput) {
        var merge = TraceMerge(cpus: CPUState.all.count, newest: min(count, 1000)) { cpu, body in
            body(CPUState.all[cpu].trace)
        }
        while let record = merge.next() {
            output.write(timeStamp: record.time)
            output.write("  cpu ")
            output.write(decimal: UInt64(record.cpu))
            output.spaces(2)
            for point in TracePoint.all where point.id == record.id {
                output.write(point.name, column: 16)
                argument(point.first, record.first, output)
                argument(point.second, record.second, output)
            }
            output.newLine()
        }
    }

    private static func argument(_ name: StaticString, _ value: UInt64, _ output: TextOutput) {
        guard name.utf8CodeUnitCount > 0 else { return }
        output.write(name)
        output.put(0x3D)
        output.write(decimal: value)
        output.spaces(1)
    }
}
