public import VMMCore

/// What machine to build and what to boot on it. Plain values; checked when the machine is planned.
public struct MachineConfiguration: Sendable {
    /// An instruction set of guests.
    public enum Architecture: String, CaseIterable, Sendable {
        case x86_64
        case arm64

        /// The architecture that this program was built for.
        public static var host: Architecture {
            #if arch(arm64)
                .arm64
            #else
                .x86_64
            #endif
        }
    }

    /// What executes the guest's instructions.
    public enum Accelerator: String, CaseIterable, Sendable {
        /// KVM when the guest's architecture is the host's and `/dev/kvm` opens, else the software CPU.
        case auto
        case kvm
        case software
    }

    /// Which console the guest is told to use; the other one is there too.
    public enum Console: String, CaseIterable, Sendable {
        /// bhyve's character port.
        case bvm
        /// The UART: 16550 on x86_64, PL011 on arm64.
        case serial
        /// virtio-console, Linux's hvc0: there when it is chosen.
        case virtio
    }

    /// What drivers of virtio devices are offered.
    public enum Queues: String, CaseIterable, Sendable {
        /// Split virtqueues only.
        case split
        /// Packed virtqueues, and split ones for a driver that does not know those.
        case packed
    }

    /// Whose the interrupt controllers of an x86_64 guest are, and its PIT.
    public enum InterruptChip: String, CaseIterable, Sendable {
        /// All of them KVM's.
        case kernel
        /// The local APICs are KVM's, all others ours.
        case split
    }

    /// How the guest reaches its virtio devices.
    public enum Transport: String, CaseIterable, Sendable {
        /// Registers at fixed addresses.
        case mmio
        /// Functions of a PCI bus.
        case pci
    }

    /// Where the kernel comes from.
    public enum Image: Hashable, Sendable {
        /// The unikernel that comes with swvmm.
        case bundled
        case file(path: String)
    }

    /// What a device may do a second; nil: as much as the host can.
    public struct RateLimits: Hashable, Sendable {
        public var operations: UInt64?
        /// Operations at once after a pause; nil: a tenth of a second's.
        public var operationsBurst: UInt64?
        public var bytes: UInt64?
        /// Bytes at once after a pause; nil: a tenth of a second's.
        public var bytesBurst: UInt64?

        public init() {}
    }

    /// A virtio disk on a raw image: a file or a block device of the host.
    public struct Disk: Hashable, Sendable {
        public enum Access: Hashable, Sendable {
            case readWrite
            case readOnly
            /// The guest's writes are kept in memory, for the length of the session; the image stays as it is.
            case snapshot
        }

        /// What carries the disk's requests out on the host.
        public enum Engine: String, CaseIterable, Sendable {
            /// io_uring if the host has it, else threads; threads for snapshots.
            case automatic = "auto"
            case ring = "io_uring"
            case threads
        }

        public var path: String
        public var access = Access.readWrite
        public var engine = Engine.automatic
        /// Past the host's page cache.
        public var isDirect = false
        /// What the guest can find it by: at most 20 bytes.
        public var serial = ""
        /// What messages call it; nil: `disk` and its number.
        public var id: String?
        public var limits = RateLimits()

        public init(path: String) { self.path = path }
    }

    /// A virtio network, and what of the host it is connected to.
    public struct Network: Hashable, Sendable {
        public enum Connection: Hashable, Sendable {
            /// The host's own connections, made by a program beside swvmm. No privilege is needed.
            case user(UserNetwork)
            /// A Unix socket where frames go, each behind its length: passt's, or QEMU's `-netdev stream`.
            case socket(path: String)
            /// A tap device of the host, by name.
            case tap(name: String)
            /// A tap device that is open already, with vnet headers.
            case tapDescriptor(Int32)
        }

        public var connection: Connection
        /// Six bytes, the first of which is even; nil: 52:54:00:12:34:56 plus the network's number.
        public var macAddress: [UInt8]?
        /// The largest IP packet, in bytes: 68 to 65535; nil: what suits the connection.
        public var mtu: UInt16?
        /// Pairs of queues that the guest is offered, 1 to 8.
        public var queuePairs = 1
        /// Of frames and bytes a second, each way.
        public var limits = RateLimits()
        /// Path of a file that gets all frames, for tcpdump and Wireshark; nil: none.
        public var capturePath: String?
        /// What messages call it; nil: `net` and its number.
        public var id: String?

        public init(_ connection: Connection) { self.connection = connection }
    }

    /// A file of the host as persistent memory of the guest.
    public struct PersistentMemory: Hashable, Sendable {
        public var path: String
        /// The guest's stores are kept in memory, until it resets or ends; the file stays as it is.
        public var isSnapshot = false
        /// What messages call it; nil: `pmem` and its number.
        public var id: String?

        public init(path: String) { self.path = path }
    }

    /// A port of the virtio console besides the console itself: bytes between a program of the guest's and one of the host's.
    public struct Port: Hashable, Sendable {
        /// What the guest finds it by.
        public var name: String
        /// Of a Unix socket, where one program at a time can connect.
        public var path: String

        public init(name: String, path: String) {
            self.name = name
            self.path = path
        }
    }

    /// The most ports of a machine.
    public static let portLimit = 15

    /// A directory of the host that the guest can mount.
    public struct Share: Hashable, Sendable {
        /// Who serves it.
        public enum Server: Hashable, Sendable {
            /// swvmm itself, by 9P.
            case nineP
            /// The program virtiofsd, by virtio-fs; nil: the one that is found.
            case virtiofsd(path: String?)
        }

        /// What the guest mounts it by.
        public var tag: String
        public var path: String
        /// The guest changes nothing in it. Not with virtiofsd.
        public var isReadOnly = false
        public var server = Server.nineP

        public init(tag: String, path: String) {
            self.tag = tag
            self.path = path
        }
    }

    /// Streams between programs of the host and the guest.
    public struct Vsock: Hashable, Sendable {
        /// 3 to 2^32 - 2.
        public var guestCID: UInt32
        /// Of the Unix socket that programs of the host connect to. They listen beside it, at `path`, an underscore and a port.
        public var path: String

        public init(guestCID: UInt32, path: String) {
            self.guestCID = guestCID
            self.path = path
        }
    }

    /// What a run must be given to be repeated exactly.
    public struct Repeatability: Hashable, Sendable {
        /// Where all that is random for the guest comes from.
        public var seed: UInt64 = 0
        /// The time of day at the start, in seconds since 1970-01-01 00:00:00 UTC; nil: 2026-01-01.
        public var startOfDay: UInt64?
        /// Stop after so many instructions of all vCPUs; nil: never.
        public var instructionLimit: UInt64?

        public init() {}
    }

    /// Where a debugger connects.
    public enum DebuggerAddress: Hashable, Sendable {
        /// TCP on 127.0.0.1.
        case port(UInt16)
        /// A Unix domain socket.
        case unix(path: String)
    }

    public var image = Image.bundled
    /// Nil: the image's own architecture, and the host's for the bundled unikernel.
    public var architecture: Architecture?
    public var accelerator = Accelerator.auto
    /// The vCPUs, 1 to 64, and how they are grouped.
    public var topology = CPUTopology(count: 1)
    /// The number of vCPUs. Set, it makes them cores of one socket.
    public var cpuCount: Int {
        get { topology.count }
        set { topology = CPUTopology(count: newValue) }
    }
    /// The features of an x86_64 guest's CPUs.
    public var cpuModel = X86CPUModel.host
    /// The features of an arm64 guest's CPUs, which are otherwise the host's, or the software CPU's.
    public var arm64CPUModel = ARM64CPUModel.host
    /// Guest RAM in bytes: a multiple of 4 KiB, at least 4 MiB.
    public var memorySize: UInt64 = 256 << 20
    /// Ask the host to back guest memory with huge pages: faster, and memory is paid for in pieces of 2 MiB.
    public var hugePages = false
    public var commandLine = ""
    /// Have a Linux kernel print to the UART before its own console is there.
    public var hasEarlyConsole = false
    /// What an x86_64 machine says it is, by SMBIOS.
    public var identity = SMBIOSIdentity()
    /// Path of an initial ramdisk.
    public var initrd: String?
    /// Path of a disk image, handed to the guest in memory as a preloaded module: its writes are not kept. For guests that
    /// are booted by FreeBSD's kernel metadata.
    public var memoryDisk: String?
    /// Virtio disks, in the order in which the guest finds them.
    public var disks: [Disk] = []
    /// Virtio networks, in the order in which the guest finds them.
    public var networks: [Network] = []
    /// Files as persistent memory, in the order in which the guest finds them.
    public var persistentMemories: [PersistentMemory] = []
    /// A memory balloon, and how many bytes it should hold; nil: none.
    public var balloonSize: UInt64?
    /// Path of a Unix socket where a program of the host can change that; nil: none.
    public var balloonSocket: String?
    /// Named ports, in the order in which the guest finds them: at most `portLimit`.
    public var ports: [Port] = []
    /// Directories of the host, for guests with a driver for 9P or virtio-fs.
    public var shares: [Share] = []
    /// Nil: none.
    public var vsock: Vsock?
    /// Programs of the host's need the guest's memory.
    public var sharesMemory: Bool { shares.contains { $0.server != .nineP } }
    /// A directory in which `image` and `initrd` are looked up.
    public var hostPath: String?
    /// Where to load the image as it is, whatever its bytes look like; nil: the image tells. arm64 only.
    public var loadAddress: UInt64?
    /// The first instruction of such an image; nil: its first byte.
    public var entry: UInt64?
    /// Path of a device tree to hand over instead of the machine's own. arm64 only.
    public var deviceTree: String?
    /// `name=value` settings of the kernel environment, in order; a later one wins.
    public var environment: [String] = []
    /// Nil: what the image is made for: the UART for Linux and bare arm64 programs, else bhyve's port.
    public var console: Console?
    /// Nil: PCI on arm64 for a guest with a disk that is not the bundled unikernel, else MMIO. On x86_64 only the bundled
    /// unikernel is told of a PCI bus.
    public var transport: Transport?
    public var interruptChip = InterruptChip.kernel
    /// The virtio devices' virtqueues.
    public var queues = Queues.packed
    /// A virtio entropy device. Nil: for arm64 guests but the bundled unikernel, which has no need of it.
    public var hasEntropyDevice: Bool?
    /// TCP port on 127.0.0.1 for the bvmdebug device; nil: no such device.
    public var debugPort: UInt16?
    /// Where gdb can connect; nil: nowhere.
    public var debugger: DebuggerAddress?
    /// The guest executes nothing before a debugger lets it go.
    public var waitsForDebugger = false
    /// Answer Arm semihosting calls (arm64 on the software CPU).
    public var semihosting = false
    /// Seconds after which the machine is stopped; nil: never.
    public var timeout: Double?
    /// Run all vCPUs on one thread and on virtual time, so that the run can be repeated exactly: on the software CPU. Nil: as the host
    /// has time.
    public var repeatability: Repeatability?
    /// Where to write the boot as a picture; nil: nowhere.
    public var timelinePath: String?
    /// What of the guest's work is written to a file; nil: nothing.
    public var trace: TraceConfiguration?
    /// Treat a guest's reset as the end.
    public var noReboot = false

    public init() {}
}
