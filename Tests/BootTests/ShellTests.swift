internal import Testing

/// The bundled unikernel's shell, through the terminal's end of `swvmm boot`.
@Suite(.needsKVM) struct ShellTests {
    private static let prompt = "unikernel> "

    @Test(
        "the acceptance dialogue: exit code 0, and the environment that was given", arguments: ["kernel", "split"])
    func acceptance(irqchip: String) throws {
        let ended = try Swvmm.run(
            "boot", "--arch", "x86_64", "--accel", "kvm", "--irqchip", irqchip, "-e", "test.mark=42", "--timeout", "60",
            input: .text("uptime\nmem\nenv\npoweroff\n"))
        #expect(ended.ending == .exited(0))
        #expect(ended.output.contains("test.mark=42"))
        #expect(ended.output.contains(Self.prompt))
        #expect(ended.leavesNothing)
    }

    @Test("the same over the 16550")
    func serialConsole() throws {
        let ended = try Swvmm.run(
            "boot", "--console", "serial", "-e", "test.mark=42", "--timeout", "60", input: .text("env\npoweroff\n"))
        #expect(ended.ending == .exited(0))
        #expect(ended.output.contains("test.mark=42"))
        #expect(ended.output.contains("console=serial"))
    }

    @Test("--cpus N brings N CPUs up", arguments: [(2, "kernel"), (4, "kernel"), (64, "kernel"), (2, "split")])
    func cpus(count: Int, irqchip: String) throws {
        let ended = try Swvmm.run(
            "boot", "--cpus", "\(count)", "--irqchip", irqchip, "--timeout", "60", input: .text("cpus\npoweroff\n"))
        #expect(ended.ending == .exited(0))
        for cpu in 0..<count { #expect(ended.output.contains("cpu \(cpu)  online")) }
        #expect(!ended.output.contains("cpu \(count)  online"))
    }

    @Test("a later -e wins, and the command line arrives")
    func environment() throws {
        let ended = try Swvmm.run(
            "boot", "-e", "a=1", "-e", "b.c=x=y z", "-e", "a=2", "--cmdline", "quiet mark=7", "--timeout", "60",
            input: .text("env\npoweroff\n"))
        #expect(ended.ending == .exited(0))
        #expect(ended.output.contains("a=2"))
        #expect(!ended.output.contains("a=1"))
        #expect(ended.output.contains("b.c=x=y z"))
        #expect(ended.output.contains("mark=7"))
    }

    @Test("panic: exit code 3, and a report with registers, code, console and exits")
    func panicReport() throws {
        let ended = try Swvmm.run("boot", "--timeout", "60", input: .text("panic\n"))
        #expect(ended.ending == .exited(3))
        for part in [
            "rip=", "cr3=", "code:", "    > 0x", "last exits:", "port write", "last console lines:", "| unikernel>",
        ] {
            #expect(ended.errors.contains(part), "no '\(part)' in \(ended.errors)")
        }
        #expect(ended.errors.contains("the guest panicked"))
        #expect(ended.leavesNothing)
    }

    @Test("the guest's own report names the functions on its stack", arguments: ["panic", "panic fault", "panic trap"])
    func callStack(command: String) throws {
        let ended = try Swvmm.run("boot", "--timeout", "60", input: .text(command + "\n"))
        #expect(ended.ending == .exited(3))
        #expect(ended.output.contains("call stack"), "\(ended.output)")
        #expect(ended.output.lowercased().contains("panic"))
        // Swift's functions by their names: the shell is on every one of these stacks.
        #expect(ended.output.contains("Shell"), "\(ended.output)")
    }

    @Test("reboot boots again")
    func reboot() throws {
        let run = try Swvmm(["boot", "--timeout", "60"], input: .pipe)
        try run.expect(Self.prompt)
        try run.send("reboot\n")
        try run.expect("unikernel x86_64")
        try run.expect(Self.prompt)
        try run.send("poweroff\n")
        #expect(try run.finish().ending == .exited(0))
    }

    @Test("--no-reboot: a reset is the end, with exit code 0")
    func noReboot() throws {
        let ended = try Swvmm.run("boot", "--no-reboot", "--timeout", "60", input: .text("reboot\n"))
        #expect(ended.ending == .exited(0))
        #expect(ended.output.split(separator: "ready in").count == 2)
    }

    @Test("input that ends at once: the guest goes on until the timeout")
    func closedInput() throws {
        let ended = try Swvmm.run("boot", "--timeout", "3", input: .text(""))
        #expect(ended.ending == .exited(124))
        #expect(ended.output.contains(Self.prompt))
        #expect(ended.errors.contains("the timeout ran out"))
        #expect(ended.errors.contains("rip="))
    }

    @Test("input that ends behind a command: the command is done")
    func inputEndsEarly() throws {
        let ended = try Swvmm.run("boot", "--timeout", "60", input: .text("poweroff\n"))
        #expect(ended.ending == .exited(0))
    }
}
