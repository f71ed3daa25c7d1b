internal import Boot
internal import GuestABI
internal import HostIO
internal import KVMBackend
internal import SoftwareCPU
internal import VMM
internal import VMMCore

extension BootError {
    /// One line that names the file, option or offset concerned, and what would help.
    var words: String {
        switch self {
        case .file(let error): error.words
        case .timeline(let error): "--timeline: \(error.words)"
        case .image(let name, let error): error.isAboutAnOption ? error.words : "\(name): \(error.words)"
        case .deviceTree(let path, let error): "--dtb \(path): \(error.words)"
        case .noDeviceTree(let architecture):
            "--dtb, --dump-dtb: \(architecture.rawValue) machines have no device tree; use --arch arm64"
        case .dump(let error): "--dump-dtb: \(error.words)"
        case .noACPI(let architecture):
            "--dump-acpi: \(architecture.rawValue) machines have no ACPI tables; use --arch x86_64"
        case .dumpACPI(let error): "--dump-acpi: \(error.words)"
        case .noSMBIOS(let architecture):
            "--smbios, --dump-smbios: \(architecture.rawValue) machines have no SMBIOS tables; use --arch x86_64"
        case .dumpSMBIOS(let error): "--dump-smbios: \(error.words)"
        case .extract(let error): "--extract: \(error.words)"
        case .foreignGuest(let architecture):
            "no accelerator for \(architecture.rawValue) guests here: KVM runs \(MachineConfiguration.Architecture.host.rawValue) "
                + "guests only on this host"
                + (architecture == .arm64 ? "; use --accel software" : "; boot the image on a host of its architecture")
        case .noSoftwareCPU(let architecture):
            "--accel software: the software CPU executes arm64 guests, not \(architecture.rawValue) ones; use --accel kvm"
        case .noSemihosting(let architecture):
            "--semihosting: answered for arm64 guests on the software CPU, not for \(architecture.rawValue) ones on KVM"
        case .noSplitInterruptChip: "--irqchip split: for x86_64 guests only"
        case .softwareCPU(let error): "the software CPU: \(error.words)"
        case .memoryMap(let error): "two devices want the same addresses: \(error)"
        case .pciWindowIsFull: "the devices' registers do not fit into the PCI bus's window"
        case .kvm(let error): error.words() + (error.remedy().map { "; \($0)" } ?? "")
        case .memory(let error): "guest memory: \(error.words)"
        case .noVirtioConsoleDriver:
            "--console virtio: the unikernel has no driver for it; --console serial and bvm are there"
        case .noEarlyConsole:
            "--earlycon: this image is no Linux kernel, which alone has parameters for it; --console chooses the console"
        case .noVirtioPortDriver: "--port: the unikernel has no driver for it; Linux has one"
        case .tooManyVirtioDevices(let count, let limit):
            "\(count) virtio devices (disks, networks, shares, persistent memories, console, entropy): this machine has room for \(limit) of them"
        case .scatteredCPUs(let topology):
            "--cpus: \(topology.words): in an x86_64 guest the threads of a core and the CPUs of a socket must be powers of two"
        case .otherCPUModel(.arm64):
            "--cpu: arm64 guests have the host's CPU, or the software CPU's: only --cpu host (or max) is possible, with +FEATURE or "
                + "-FEATURE of \(CPUModelArgument.arm64Features)"
        case .otherCPUModel(.x86_64):
            "--cpu: \(CPUModelArgument.arm64Features) are features of arm64 CPUs; this guest is for x86_64"
        case .softwareCPULacks(let features):
            "--cpu: the software CPU has no \(features.map(\.rawValue).joined(separator: ", ")); only KVM on an arm64 host may have"
        case .disk(let error): error.words
        case .noPersistentMemoryDriver: "--pmem: the unikernel has no driver for it; Linux guests have"
        case .persistentMemory(let error): "--pmem: \(error.words)"
        case .noRoomForPersistentMemory(let name, let size):
            "--pmem (\(name)): \(size >> 20) MiB do not fit behind the guest's memory; less --memory may help"
        case .network(let name, let error): "--net (\(name)): \(error.words)"
        case .noVirtioBalloonDriver: "--balloon: the unikernel has no driver for it; Linux guests have"
        case .balloonSocket(let error): "--balloon: socket: \(error.words)"
        case .balloonTooLarge(let size, let memory):
            "--balloon: \(MemorySize(bytes: size)) of \(MemorySize(bytes: memory)): less than all of the guest's memory is wanted"
        case .noVirtioShareDriver: "--share: the unikernel has no driver for it; Linux guests have"
        case .share(let error): "--share: \(error.words)"
        case .noVirtioVsockDriver: "--vsock: the unikernel has no driver for it; Linux guests have"
        case .vsock(let error): "--vsock: \(error.words)"
        case .shareProgram(let tag, let error): "--share \(tag): \(error.words)"
        case .noMemoryDisk(let entry):
            "--memory-disk: a guest entered by \(entry.words) is not told of it, only one booted by kernel metadata; use --disk"
        case .memoryLargerThanHost(let wanted, let host):
            "--memory: \(wanted >> 20) MiB are more than this host's \(host >> 20) MiB"
        case .ports(let error): "two devices want the same I/O ports: \(error)"
        case .eventLoop(let error): "the event loop: \(error.words)"
        case .thread(.hostRefused(let code)): "no thread: \(HostFacts.describe(errno: code))"
        case .signals(.hostRefused(let code)): "signals: \(HostFacts.describe(errno: code))"
        case .signals(.loopRefused(let error)): "signals: \(error.words)"
        case .terminal(let error): "the terminal: \(error.words)"
        case .debugPort(let error): "--bvmdebug: \(error.words)"
        case .debugger(let error): "--gdb: \(error.words)"
        case .port(let name, let error): "--port \(name): \(error.words)"
        case .trace(let error, let lost):
            "--trace-file: \(error.words)" + (lost > 0 ? "; \(lost) lines of the trace are lost" : "")
        case .traceNeedsSoftwareCPU(let kinds):
            "--trace \(kinds.map(\.rawValue).joined(separator: ",")): not seen with KVM, which does that itself; use --accel software, "
                + "or trace mmio only"
        }
    }
}

extension HostFileError {
    var words: String {
        switch problem {
        case .cannotOpen(let code): "\(path): cannot be opened: \(HostFacts.describe(errno: code))"
        case .cannotRead(let code): "\(path): cannot be read: \(HostFacts.describe(errno: code))"
        case .cannotWrite(let code): "\(path): cannot be written: \(HostFacts.describe(errno: code))"
        case .isDirectory: "\(path): is a directory, a file is wanted"
        case .notARegularFile: "\(path): is not a regular file"
        case .tooLarge(let size, let limit): "\(path): \(size) bytes, more than the limit of \(limit)"
        case .changed: "\(path): it was written to after it was opened: the guest would get something else"
        case .truncated(let size, let read): "\(path): shrank from \(size) to \(read) bytes while it was read"
        }
    }
}

extension SoftwareCPUError {
    var words: String {
        switch self {
        case .hostRefusedMemory(let count, let code):
            "the host gave no \(count >> 20) MiB: \(HostFacts.describe(errno: code))"
        case .memoryMappedTwice: "guest memory was mapped twice"
        case .memoryNotMapped: "no guest memory is mapped"
        case .tooManyVCPUs(let limit): "at most \(limit) vCPUs are possible"
        case .vcpuOutOfOrder(let index, let expected):
            "vCPU \(index.rawValue) was created before vCPU \(expected.rawValue)"
        }
    }
}

extension GuestMemoryError {
    var words: String {
        switch self {
        case .outOfRange(let address, let count): "\(count) bytes at \(address) are not RAM"
        case .misaligned(let address, let count): "an access of \(count) bytes at \(address) is not aligned"
        case .regionsOverlap(let one, let other): "regions \(one) and \(other) overlap"
        case .misalignedRegion(let range): "region \(range) is not page-aligned"
        case .hostRefused(let size, let code): "the host gave no \(size >> 20) MiB: \(HostFacts.describe(errno: code))"
        }
    }
}

extension EventLoopError {
    var words: String {
        switch self {
        case .hostRefused(_, let code): HostFacts.describe(errno: code)
        case .notPollable(let descriptor): "descriptor \(descriptor) cannot be waited for"
        case .badDescriptor(let descriptor): "descriptor \(descriptor) is not open"
        case .alreadyRegistered(let descriptor): "descriptor \(descriptor) is registered twice"
        case .notRegistered: "the registration has ended"
        }
    }
}

extension TerminalError {
    var words: String {
        switch self {
        case .notATerminal: "standard input is not a terminal"
        case .alreadyRaw: "it is in raw mode already"
        case .hostRefused(let code): HostFacts.describe(errno: code)
        }
    }
}

extension TCPServerError {
    var words: String {
        switch self {
        case .portInUse(let port): "port \(port) of 127.0.0.1 is in use; choose another one"
        case .pathInUse(let path): "\(path): another process listens there; choose another path"
        case .notASocket(let path): "\(path): exists and is no socket; choose another path"
        case .badPath(let path, let limit): "'\(path)': a path of 1 to \(limit) bytes is wanted"
        case .hostRefused(let code): HostFacts.describe(errno: code)
        case .loopRefused(let error): error.words
        }
    }
}

extension BootImageError {
    /// The words name an option: the image plays no part.
    fileprivate var isAboutAnOption: Bool {
        switch self {
        case .commandLineTooLong, .commandLineHasNUL, .environment, .badCPUCount, .badMemorySize, .rawNotSupported: true
        default: false
        }
    }

    var words: String {
        switch self {
        case .unsupportedFormat(.empty, _): "an empty file, an image is wanted"
        case .unsupportedFormat(let format, let offset):
            "\(format.words), told by the bytes at offset \(hexadecimal(offset)), which this version does not boot: \(format.advice)"
        case .foreignArchitecture(let found, let wanted, let offset):
            "made for \(found.words) (offset \(hexadecimal(offset))), not for \(wanted.words); try --arch \(found.words)"
        case .imageTooLarge(let size, let limit): "\(size) bytes, more than the limit of \(limit)"
        case .unreadable(let offset, let size): "no \(size) bytes can be read at offset \(hexadecimal(offset))"
        case .truncated(let part, let offset, let needed, let size):
            "truncated: \(part.words) needs \(needed) bytes at offset \(hexadecimal(offset)), the file has \(size)"
        case .badField(let field, let offset, let value):
            "ELF field \(field) at offset \(hexadecimal(offset)) has the impossible value \(hexadecimal(value))"
        case .noLoadableSegments: "an ELF file without a loadable segment"
        case .tooManySegments(let count, let limit): "\(count) segments, more than the limit of \(limit)"
        case .segmentFileExceedsMemory(let index, let fileSize, let memorySize, let offset):
            "segment \(index) (program header at offset \(hexadecimal(offset))) has \(fileSize) bytes in the file but "
                + "\(memorySize) in memory"
        case .segmentWraps(let index, let address, let size, let offset):
            "segment \(index) (program header at offset \(hexadecimal(offset))): \(hexadecimal(size)) bytes at "
                + "\(hexadecimal(address)) run past the end of the address space"
        case .malformedNote(let offset): "malformed ELF note at offset \(hexadecimal(offset))"
        case .badLinuxField(.flags, let offset, _):
            "a big-endian kernel (flags at offset \(hexadecimal(offset))): only little-endian ones run"
        case .badLinuxField(let field, let offset, let value):
            "\(field) at offset \(hexadecimal(offset)) of the Image header has the impossible value \(hexadecimal(value))"
        case .truncatedKernel(let needed, let size):
            "truncated: its header wants \(needed) bytes, \(size) are there"
        case .badSetupField(let field, let offset, let value):
            "\(field) at offset \(hexadecimal(offset)) of the setup header has the impossible value \(hexadecimal(value))"
        case .kernelFor32Bits(let version):
            "a kernel without a 64-bit entry (boot protocol \(version >> 8).\(version & 0xFF)): only 64-bit ones boot"
        case .multibootDemands(let flags, let offset):
            "its multiboot header demands what this machine has not (flags \(hexadecimal(UInt64(flags))) at offset \(hexadecimal(offset))"
                + (flags & 1 << 2 != 0 ? ", a video mode among it" : "") + ")"
        case .badMultibootField(let field, let offset, let value):
            "\(field) at offset \(hexadecimal(offset)), of the multiboot header, has the impossible value \(hexadecimal(value))"
        case .badPayload(let offset, let start, let needed, let size):
            "truncated or broken: the header (offset \(hexadecimal(offset))) places a payload of \(needed) bytes at offset "
                + "\(hexadecimal(start)), the file has \(size)"
        case .unknownCompression(let name, let offset):
            "its payload (offset \(hexadecimal(offset))) is packed with '\(name)'; gzip, zstd, xz and lz4 can be unpacked"
        case .packed(let compression, let error): "\(compression): \(error.words)"
        case .linkedVirtually(let index, let address):
            "segment \(index) is linked at \(hexadecimal(address)), where no memory is: a kernel's ELF file wants a loader; "
                + "give the Image made of it (for Linux: arch/arm64/boot/Image)"
        case .entryOutsideImage(let entry, let range):
            "the entry \(hexadecimal(entry)) lies outside of the program at \(range)"
        case .rawNotSupported: "--load-address: raw binaries boot on arm64 only; use --arch arm64"
        case .deviceTree(let error): "the device tree: \(error.words)"
        case .entryOutsideSegments(let entry): "the entry \(hexadecimal(entry)) lies in no loaded segment"
        case .entryNotMapped(let entry): "the entry \(hexadecimal(entry)) is not where the first page tables map it"
        case .protocolNotSupported(let bootProtocol, let architecture):
            "\(bootProtocol.words) is not a way to enter \(architecture.words) images in this version"
        case .outsideRAM(let purpose, let range):
            "\(purpose.words) at \(range) lies outside of the guest's RAM; more --memory may help"
        case .overlap(let one, let oneRange, let other, let otherRange):
            "\(one.words) at \(oneRange) and \(other.words) at \(otherRange) overlap"
        case .noRoom(let purpose, let size, let address, let limit):
            "no room for \(purpose.words) (\(size) bytes) between \(hexadecimal(address)) and \(hexadecimal(limit)); more "
                + "--memory may help"
        case .commandLineTooLong(let length, let limit): "--cmdline: \(length) bytes, more than the limit of \(limit)"
        case .commandLineHasNUL: "--cmdline: holds a NUL character"
        case .environment(let error): error.words
        case .badCPUCount(let count): "--cpus: \(count) vCPUs are not possible"
        case .badMemorySize(let error): "--memory: \(error.words)"
        case .memory(let error): "guest memory: \(error.words)"
        }
    }
}

extension MemorySizeError {
    var words: String {
        switch self {
        case .zero: "0 bytes; a guest needs memory"
        case .notPageSized(let size): "\(size) bytes is not a multiple of 4096"
        case .tooSmall(let size, let minimum): "\(size) bytes, at least \(minimum) are needed"
        case .tooLarge(let size, let maximum): "\(size) bytes, at most \(maximum) are possible"
        }
    }
}

extension KernelEnvironmentError {
    var words: String {
        switch self {
        case .noEqualsSign(let text): "-e \(text): name=value is wanted"
        case .emptyName: "-e: the name is empty; name=value is wanted"
        case .nameTooLong(let length, let limit): "-e: a name of \(length) bytes, at most \(limit) are possible"
        case .badNameCharacter(let name, let byte):
            "-e \(name): byte \(hexadecimal(UInt64(byte))) cannot be part of a name"
        case .valueTooLong(let name, let length, let limit):
            "-e \(name): a value of \(length) bytes, at most \(limit) are possible"
        case .nulInValue(let name): "-e \(name): the value holds a NUL character"
        case .environmentTooLarge(let size, let limit):
            "-e: \(size) bytes of environment, at most \(limit) are possible"
        case .unterminated: "the environment has no end"
        }
    }
}

extension StopReason {
    /// The exit code of `swvmm boot` (docs/exit-codes.md).
    var exitCode: Int32 {
        switch self {
        case .powerOff, .reset, .userLeft: ProcessExitCode.success
        case .vcpuStopped(_, .hostFailure): ProcessExitCode.hostError
        case .guestPanicked, .vcpuStopped: ProcessExitCode.guestCrashed
        case .debugExit(let code): Int32(code)
        case .timedOut, .instructionLimit: ProcessExitCode.timedOut
        case .hostRefusedThreads, .hostRefusedInterrupts: ProcessExitCode.hostError
        case .signal(let number): ProcessExitCode.signalBase + number
        }
    }

    /// Whether the user should be told even when it went well.
    var isWorthTelling: Bool {
        switch self {
        case .powerOff, .reset, .debugExit: false
        case .guestPanicked, .vcpuStopped, .timedOut, .instructionLimit, .userLeft, .hostRefusedThreads,
            .hostRefusedInterrupts, .signal:
            true
        }
    }
}
