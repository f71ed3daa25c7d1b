internal import Testing
internal import VMMTestSupport

/// `swvmm inspect --dump-acpi`, with ACPICA's compiler as the judge.
@Suite struct ACPITests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    @Test(
        "iasl disassembles every table without a complaint, and compiles the DSDT again without a warning",
        .enabled(if: HostTool.isThere(HostTool.acpiCompiler), "there is no iasl"),
        arguments: [
            [], ["--cpus", "64", "--rng", "--transport", "mmio"], ["--cpus", "4", "--transport", "pci", "--rng"],
        ])
    func compiler(arguments: [String]) throws {
        let ended = try Swvmm.run(["inspect", "--arch", "x86_64", "--dump-acpi", directory.path] + arguments)
        #expect(ended.ending == .exited(0), "\(ended.errors)")
        let hasPCI = arguments.contains("pci")
        for name in ["facp", "facs", "apic", "spcr", "xsdt", "dsdt"] + (hasPCI ? ["mcfg"] : []) {
            let (code, text) = try HostTool.run(
                [HostTool.acpiCompiler, "-d", "\(directory.path)/\(name).dat"], in: directory)
            #expect(code == .exited(0))
            let source = try HostText.read("\(directory.path)/\(name).dsl")
            for complaint in ["Error", "Warning", "Invalid", "Incorrect", "Unknown"] {
                #expect(!text.contains(complaint) && !source.contains("\(complaint):"), "\(name): \(text)")
            }
        }
        let (code, text) = try HostTool.run(
            [HostTool.acpiCompiler, "-p", "\(directory.path)/again", "\(directory.path)/dsdt.dsl"], in: directory)
        #expect(code == .exited(0))
        #expect(text.contains("0 Errors, 0 Warnings"), "\(text)")
    }

    @Test("arm64 machines have no ACPI tables; a directory that is not there is named")
    func refusals() throws {
        let foreign = try Swvmm.run(["inspect", "--arch", "arm64", "--dump-acpi", directory.path])
        #expect(foreign.ending == .exited(1))
        #expect(foreign.errors.contains("--dump-acpi: arm64 machines have no ACPI tables"))
        let missing = try Swvmm.run(["inspect", "--arch", "x86_64", "--dump-acpi", "\(directory.path)/none"])
        #expect(missing.ending == .exited(1))
        #expect(missing.errors.contains("none/facs.dat: cannot be written"))
    }
}
