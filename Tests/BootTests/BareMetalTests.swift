internal import Glibc
internal import Testing

/// Bare-metal programs, assembled here, from the command line.
@Suite struct BareMetalTests {
    // SAFETY: system() reads the string during the call only.
    static let hasCompiler = unsafe system("command -v aarch64-linux-gnu-gcc python3 >/dev/null") == 0

    @Test(
        "semihosting, 340 exceptions, GICv3 and timers, as scripts/test-bare-metal runs them on swvmm and on QEMU",
        .enabled(if: hasCompiler, "needs aarch64-linux-gnu-gcc (package gcc-aarch64-linux-gnu) and python3"))
    func programs() throws {
        // Two directories above this file's.
        let root = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        let script = "/\(root)/scripts/test-bare-metal"
        let ended = try Swvmm.run([], launcher: [script])
        #expect(ended.ending == .exited(0), "\(ended.output)\(ended.errors)")
        #expect(ended.output.contains("hello: ") && ended.output.contains("cpus: "))
    }

    @Test("--semihosting with KVM is refused with a reason", .needsKVM)
    func onKVM() throws {
        let ended = try Swvmm.run(["boot", "--arch", "x86_64", "--accel", "kvm", "--semihosting"])
        #expect(ended.ending == .exited(1))
        #expect(ended.errors.contains("--semihosting"))
    }
}
