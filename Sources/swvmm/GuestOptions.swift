internal import ArgumentParser
internal import Boot
public import VMM
internal import VMMCore

/// The options that say what guest it is: shared by `boot` and `inspect`.
struct GuestOptions: ParsableArguments {
    @Argument(help: "The kernel image; without one, the unikernel that comes with swvmm.")
    var image: String?

    @Option(help: "The guest's architecture: x86_64 or arm64. Default: the image's, or the host's.")
    var arch: MachineConfiguration.Architecture?

    @Option(
        help: ArgumentHelp(
            """
            The number of vCPUs, 1 to 64, and how the guest sees them grouped. Default: one socket of cores with a thread each; \
            of parts that are left out there are as many cores as needed, or else sockets, or else threads.
            """, valueName: "n[,sockets=n][,cores=n][,threads=n]"))
    var cpus = "1"

    @Option(
        help: ArgumentHelp(
            """
            The features of the CPUs: host, all that the host has, or for x86_64 \(CPUModelArgument.levels), which are the same on \
            each host that has them; with features of Linux's /proc/cpuinfo added or taken away; on arm64 \
            \(CPUModelArgument.arm64Features), of which el2 has to be asked for. Default: host.
            """, valueName: "model[,+feature][,-feature]"))
    var cpu = "host"

    @Option(
        name: [.short, .long],
        help: ArgumentHelp("Guest memory: bytes, or with K, M, G or T.", valueName: "size"))
    var memory = MemorySize(bytes: 256 << 20)

    @Option(help: ArgumentHelp("The kernel's command line.", valueName: "text"))
    var cmdline = ""

    @Flag(
        help:
            "Have a Linux kernel print to the UART from its first lines on: the right earlycon= on its command line, unless that has one."
    )
    var earlycon = false

    @Option(
        help: ArgumentHelp(
            "What an x86_64 machine says it is: manufacturer, product, version, serial, sku, family, uuid, and oem, which may be repeated. A comma in a text is written twice.",
            valueName: "key=text,…"))
    var smbios: [String] = []

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
            "A raw disk image, a block device or an NBD URI (nbd://host/export), attached as a virtio disk; may be repeated. A comma in the path is written twice.",
            valueName: "path[,ro][,snapshot=on][,serial=text][,id=name][,aio=engine][,direct=on][,iops=n][,bps=size]"))
    var disk: [String] = []

    @Option(
        help: ArgumentHelp(
            """
            A virtio network; may be repeated. Default: none. All take mac=, mtu=, queues=, id=, capture=, iops= and bps=; user takes \
            hostfwd=tcp:[ADDRESS]:PORT-[ADDRESS]:PORT (or udp), net=, dns=, hostname= and restrict=on.
            """, valueName: "user|tap=name|fd=number|socket=path|none[,key=value…]"))
    var net: [String] = []

    @Option(
        help: ArgumentHelp("Write all frames of the network to a file for tcpdump and Wireshark.", valueName: "file"))
    var capture: String?

    @Option(
        help: ArgumentHelp(
            "A virtio balloon: what the guest does not use goes back to the host, and so much besides as it can give; 0: nothing besides. A line with another size at the Unix socket changes that.",
            valueName: "size[,socket=path]"))
    var balloon: String?

    @Option(
        help: ArgumentHelp(
            "A port of the virtio console, Linux's /dev/virtio-ports/NAME, for the program that connects to the Unix socket; may be repeated.",
            valueName: "name=socket"))
    var port: [String] = []

    @Option(
        help: ArgumentHelp(
            "A directory of the host, which the guest mounts by 9P: mount -t 9p -o trans=virtio,version=9p2000.L TAG /mnt; with virtiofsd by that program: mount -t virtiofs TAG /mnt; may be repeated.",
            valueName: "tag=dir[,ro|,virtiofsd[=program]]"))
    var share: [String] = []

    @Option(
        help: ArgumentHelp(
            "Streams between programs of the host and the guest: CONNECT PORT on the Unix socket at path; the guest's to port P of CID 2 go to path_P.",
            valueName: "cid=n,path=path"))
    var vsock: String?

    @Option(
        help: ArgumentHelp(
            "A file as persistent memory, Linux's /dev/pmem0: the guest uses the host's cache of it; may be repeated. snapshot=on keeps the file as it is.",
            valueName: "path[,snapshot=on][,id=name]"))
    var pmem: [String] = []

    @Option(
        help: ArgumentHelp(
            "A disk image, handed over in memory to a guest booted by kernel metadata, as the unikernel is: its writes are not kept.",
            valueName: "path"))
    var memoryDisk: String?

    @Option(
        help: ArgumentHelp("The directory in which the image and the initrd are looked up.", valueName: "directory"))
    var hostPath: String?

    @Option(
        help: ArgumentHelp(
            "Load the image as it is at this address, whatever it looks like (arm64).", valueName: "address"))
    var loadAddress: GuestAddressArgument?

    @Option(help: ArgumentHelp("The first instruction, with --load-address; default: there.", valueName: "address"))
    var entry: GuestAddressArgument?

    @Option(
        help: ArgumentHelp(
            "A device tree to hand over instead of the machine's own; --cmdline and --initrd go into its /chosen (arm64).",
            valueName: "path"))
    var dtb: String?

    @Option(
        help: ArgumentHelp(
            "Write the device tree that the guest would get, and boot nothing (arm64).", valueName: "file")
    )
    var dumpDtb: String?

    @Option(
        help:
            "The console that the guest is told to use: bvm, serial or virtio (hvc0). Default: serial for Linux and bare programs, else bvm."
    )
    var console: MachineConfiguration.Console?

    @Option(
        help:
            "How the guest reaches its virtio devices: mmio or pci. Default: pci for arm64 guests with a disk or a network, but not for the bundled unikernel; else mmio."
    )
    var transport: MachineConfiguration.Transport?

    @Option(
        help:
            "Where the interrupt controllers and the PIT of an x86_64 guest are: kernel, or split: the local APICs in KVM, all others in swvmm. Default: kernel."
    )
    var irqchip = MachineConfiguration.InterruptChip.kernel

    @Option(
        help:
            "The virtqueues that drivers of virtio devices are offered: split, or packed beside those. Default: packed."
    )
    var queue = MachineConfiguration.Queues.packed

    @Flag(
        inversion: .prefixedNo,
        help: "A virtio source of random numbers. Default: for arm64 guests but the bundled unikernel.")
    var rng: Bool?

    func validate() throws {
        do throws(CPUArgumentError) {
            _ = try CPUArgument.topology(cpus)
        } catch {
            throw ValidationError(error.words)
        }
        guard memory.bytes > 0, memory.bytes % 4096 == 0 else {
            throw ValidationError("--memory \(memory): a multiple of 4096 bytes, and not 0, is wanted")
        }
        guard entry == nil || loadAddress != nil else { throw ValidationError("--entry: only with --load-address") }
        guard loadAddress == nil || image != nil else { throw ValidationError("--load-address: an image is wanted") }
        do throws(CPUModelArgumentError) {
            _ = try CPUModelArgument(cpu)
        } catch {
            throw ValidationError(error.words)
        }
        do throws(DiskArgumentError) {
            _ = try DiskArgument.disks(disk)
        } catch {
            throw ValidationError(error.words)
        }
        do throws(NetworkArgumentError) {
            _ = try NetworkArgument.networks(net, capture: capture)
        } catch {
            throw ValidationError(error.words)
        }
        do throws(SMBIOSArgumentError) {
            _ = try SMBIOSArgument.identity(smbios)
        } catch {
            throw ValidationError(error.words)
        }
        do throws(ShareArgumentError) {
            _ = try ShareArgument.shares(share)
        } catch {
            throw ValidationError(error.words)
        }
        do throws(BalloonArgumentError) {
            _ = try balloon.map { balloon throws(BalloonArgumentError) in try BalloonArgument(balloon) }
        } catch {
            throw ValidationError(error.words)
        }
        do throws(PortArgumentError) {
            _ = try PortArgument.ports(port)
        } catch {
            throw ValidationError(error.words)
        }
        do throws(VsockArgumentError) {
            if let vsock { _ = try VsockArgument.vsock(vsock) }
        } catch {
            throw ValidationError(error.words)
        }
        do throws(PersistentMemoryArgumentError) {
            _ = try PersistentMemoryArgument.memories(pmem)
        } catch {
            throw ValidationError(error.words)
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
        configuration.memorySize = memory.bytes
        configuration.commandLine = cmdline
        configuration.hasEarlyConsole = earlycon
        configuration.identity = (try? SMBIOSArgument.identity(smbios)) ?? SMBIOSIdentity()
        configuration.initrd = initrd
        configuration.memoryDisk = memoryDisk
        // `validate` has seen them.
        configuration.topology = (try? CPUArgument.topology(cpus)) ?? configuration.topology
        switch try? CPUModelArgument(cpu) {
        case .x86_64(let model): configuration.cpuModel = model
        case .arm64(let model): configuration.arm64CPUModel = model
        case nil: break
        }
        configuration.disks = (try? DiskArgument.disks(disk)) ?? []
        configuration.networks = (try? NetworkArgument.networks(net, capture: capture)) ?? []
        let balloon = balloon.flatMap { try? BalloonArgument($0) }
        configuration.balloonSize = balloon?.size.bytes
        configuration.balloonSocket = balloon?.socket
        configuration.ports = (try? PortArgument.ports(port)) ?? []
        configuration.shares = (try? ShareArgument.shares(share)) ?? []
        configuration.vsock = vsock.flatMap { try? VsockArgument.vsock($0) }
        configuration.persistentMemories = (try? PersistentMemoryArgument.memories(pmem)) ?? []
        configuration.hostPath = hostPath
        configuration.environment = environment
        configuration.console = console
        configuration.loadAddress = loadAddress?.value
        configuration.entry = entry?.value
        configuration.deviceTree = dtb
        configuration.transport = transport
        configuration.queues = queue
        configuration.interruptChip = irqchip
        configuration.hasEntropyDevice = rng
        return configuration
    }
}

extension MachineConfiguration.Architecture: WordArgument {}
extension MachineConfiguration.Accelerator: WordArgument {}
extension MachineConfiguration.Queues: WordArgument {}
extension MachineConfiguration.InterruptChip: WordArgument {}
extension MachineConfiguration.Console: WordArgument {}
extension MachineConfiguration.Transport: WordArgument {}

extension MemorySize: ExpressibleByArgument {
    var defaultValueDescription: String { description }
}

/// An address as users write it: `0x40080000`, or decimal.
struct GuestAddressArgument: ExpressibleByArgument {
    let value: UInt64

    init?(argument: String) {
        let isHexadecimal = argument.hasPrefix("0x") || argument.hasPrefix("0X")
        // A sign is none of an address.
        let digits = isHexadecimal ? argument.dropFirst(2) : argument[...]
        guard digits.utf8.first.map({ $0 != UInt8(ascii: "+") && $0 != UInt8(ascii: "-") }) ?? false,
            let value = UInt64(digits, radix: isHexadecimal ? 16 : 10)
        else { return nil }
        self.value = value
    }
}
