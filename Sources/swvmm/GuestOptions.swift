public import ArgumentParser
internal import Boot
public import VMM

/// The options that say what guest it is: shared by `boot` and `inspect`.
struct GuestOptions: ParsableArguments {
    @Argument(help: "The kernel image; without one, the unikernel that comes with swvmm.")
    var image: String?

    @Option(help: "The guest's architecture: x86_64 or arm64. Default: the image's, or the host's.")
    var arch: MachineConfiguration.Architecture?

    @Option(help: ArgumentHelp("The number of vCPUs, 1 to 64.", valueName: "n"))
    var cpus = 1

    @Option(
        name: [.short, .long],
        help: ArgumentHelp("Guest memory: bytes, or with K, M, G or T.", valueName: "size"))
    var memory = MemorySize(bytes: 256 << 20)

    @Option(help: ArgumentHelp("The kernel's command line.", valueName: "text"))
    var cmdline = ""

    @Option(help: ArgumentHelp("An initial ramdisk.", valueName: "path"))
    var initrd: String?

    @Option(
        name: [.customShort("e"), .customLong("env")],
        help: ArgumentHelp(
            "A setting of the kernel environment; may be repeated, the last one wins.", valueName: "name=value"))
    var environment: [String] = []

    @Option(
        name: [.short, .long],
        help: ArgumentHelp(
            "A disk image, handed over as a memory disk: the guest's writes are not kept.", valueName: "path"))
    var disk: String?

    @Option(
        help: ArgumentHelp("The directory in which the image and the initrd are looked up.", valueName: "directory"))
    var hostPath: String?

    @Option(help: "The console that the guest is told to use: bvm or serial. Default: serial for Linux, else bvm.")
    var console: MachineConfiguration.Console?

    func validate() throws {
        guard (1...64).contains(cpus) else { throw ValidationError("--cpus \(cpus): from 1 to 64 vCPUs are possible") }
        guard memory.bytes > 0, memory.bytes % 4096 == 0 else {
            throw ValidationError("--memory \(memory): a multiple of 4096 bytes, and not 0, is wanted")
        }
        var settings = KernelEnvironment()
        for setting in environment {
            do throws(KernelEnvironmentError) {
                try settings.set(setting)
            } catch {
                throw ValidationError(error.words)
            }
        }
    }

    var configuration: MachineConfiguration {
        var configuration = MachineConfiguration()
        configuration.image = image.map { .file(path: $0) } ?? .bundled
        configuration.architecture = arch
        configuration.cpuCount = cpus
        configuration.memorySize = memory.bytes
        configuration.commandLine = cmdline
        configuration.initrd = initrd
        configuration.disk = disk
        configuration.hostPath = hostPath
        configuration.environment = environment
        configuration.console = console
        return configuration
    }
}

extension MachineConfiguration.Architecture: ExpressibleByArgument {}
extension MachineConfiguration.Accelerator: ExpressibleByArgument {}
extension MachineConfiguration.Console: ExpressibleByArgument {}

extension MemorySize: ExpressibleByArgument {}
