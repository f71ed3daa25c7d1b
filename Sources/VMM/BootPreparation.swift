package import AArch64
package import Boot
internal import FlattenedDeviceTree
internal import GuestABI
internal import GuestKernel
internal import HostIO
package import VMMCore
package import X86

/// What a configuration names, read and checked: the same for `boot` and `inspect`.
package struct BootPreparation: Sendable {
    package let architecture: MachineConfiguration.Architecture
    /// The image's path, or `bundled unikernel`.
    package let imageName: String
    /// True for the unikernel that comes with swvmm, whose wants are known.
    package let isBundled: Bool
    package let image: BootImage
    /// Whether to ask the host for huge pages.
    package let wantsHugePages: Bool
    /// Whether programs of the host's need the guest's memory.
    private let sharesMemory: Bool
    /// Whether the guest's semihosting calls are answered.
    package let answersSemihosting: Bool
    package private(set) var boot: BootConfiguration
    /// The console that gets the user's input.
    package let console: MachineConfiguration.Console
    /// For each machine of the session; nil: fresh ones for each.
    package var seeds: BootSeeds?
    /// The machine's virtio devices: in its virtio-mmio windows from 0 on, or in the slots of its PCI bus from 1 on.
    package let virtioDevices: [VirtioDeviceKind]
    package let transport: MachineConfiguration.Transport
    package let queues: MachineConfiguration.Queues
    package let cpuModel: X86CPUModel
    package let arm64CPUModel: ARM64CPUModel
    package let interruptChip: MachineConfiguration.InterruptChip
    /// Image, initrd and memory disk, which are read where they go.
    private let files: BootFiles

    /// Reads the files and decides the architecture. Opens no backend.
    package init(_ configuration: MachineConfiguration) throws(BootError) {
        var files = BootFiles()
        try self.init(configuration, &files)
    }

    /// - Parameter files: what a former preparation read, and what this one does.
    init(_ configuration: MachineConfiguration, _ files: inout BootFiles) throws(BootError) {
        (image, imageName, architecture) = try Self.image(of: configuration, &files)
        isBundled = configuration.image == .bundled
        wantsHugePages = configuration.hugePages
        sharesMemory = configuration.sharesMemory
        answersSemihosting = configuration.semihosting
        boot = BootConfiguration(memorySize: configuration.memorySize)
        boot.topology = configuration.topology
        cpuModel = configuration.cpuModel
        arm64CPUModel = configuration.arm64CPUModel
        guard cpuModel == .host || architecture == .x86_64, arm64CPUModel == .host || architecture == .arm64
        else { throw .otherCPUModel(architecture) }
        guard architecture != .x86_64 || APICIDLayout(boot.topology).isConsecutive else {
            throw .scatteredCPUs(boot.topology)
        }
        boot.commandLine = configuration.commandLine
        boot.identity = configuration.identity
        guard configuration.identity == SMBIOSIdentity() || architecture == .x86_64 else {
            throw .noSMBIOS(architecture)
        }
        console = configuration.console ?? Self.usualConsole(of: image, on: architecture)
        boot.console = console == .bvm ? .bvm : .serial
        boot.linuxConsole = console == .virtio ? "hvc0" : "ttyS0"
        seeds = configuration.repeatability.map { wanted in
            var generator = RepeatableGenerator(seed: wanted.seed, stream: RepeatableRun.bootSeedStream)
            return .generate(from: &generator)
        }
        guard console != .virtio || !isBundled else { throw .noVirtioConsoleDriver }
        guard configuration.ports.isEmpty || !isBundled else { throw .noVirtioPortDriver }
        if let size = configuration.balloonSize {
            guard !isBundled else { throw .noVirtioBalloonDriver }
            guard size < configuration.memorySize else {
                throw .balloonTooLarge(size, memory: configuration.memorySize)
            }
        }
        guard configuration.shares.isEmpty || !isBundled else { throw .noVirtioShareDriver }
        guard configuration.vsock == nil || !isBundled else { throw .noVirtioVsockDriver }
        guard configuration.persistentMemories.isEmpty || !isBundled else { throw .noPersistentMemoryDriver }
        let hasEntropyDevice = configuration.hasEntropyDevice ?? (architecture == .arm64 && !isBundled)
        var devices: [VirtioDeviceKind] = []
        if console == .virtio || !configuration.ports.isEmpty { devices.append(.console) }
        if hasEntropyDevice { devices.append(.entropy) }
        if configuration.balloonSize != nil { devices.append(.balloon) }
        devices += configuration.disks.indices.map(VirtioDeviceKind.block)
        devices += configuration.networks.indices.map(VirtioDeviceKind.network)
        devices += configuration.shares.indices.map(VirtioDeviceKind.share)
        devices += configuration.persistentMemories.indices.map(VirtioDeviceKind.persistentMemory)
        if let vsock = configuration.vsock { devices.append(.vsock(cid: vsock.guestCID)) }
        virtioDevices = devices
        queues = configuration.queues
        interruptChip = configuration.interruptChip
        guard interruptChip == .kernel || architecture == .x86_64 else { throw .noSplitInterruptChip }
        let isBusy =
            !configuration.disks.isEmpty || !configuration.networks.isEmpty
            || !configuration.persistentMemories.isEmpty
        // An x86_64 Linux finds both by ACPI; Debian's have the drivers for PCI built in.
        let likesPCI =
            switch architecture {
            case .x86_64: image.isLinux(on: .x86_64)
            case .arm64: !isBundled && isBusy
            }
        transport = configuration.transport ?? (likesPCI ? .pci : .mmio)
        let places = VirtioPlaces(architecture, transport)
        guard virtioDevices.count <= places.count else {
            throw .tooManyVirtioDevices(virtioDevices.count, limit: places.count)
        }
        boot.devices = places.announcement(of: virtioDevices.count)
        if configuration.hasEarlyConsole {
            guard image.isLinux(on: architecture.ofImages) else { throw .noEarlyConsole }
            if !LinuxCommandLine(boot.commandLine).hasEarlyConsole {
                boot.commandLine = LinuxCommandLine.adding(architecture.earlyConsole, to: boot.commandLine)
            }
        }
        for setting in configuration.environment {
            do throws(KernelEnvironmentError) {
                try boot.environment.set(setting)
            } catch {
                throw .image(name: imageName, .environment(error))
            }
        }
        if let path = configuration.initrd { boot.initrd = try files.open(path, in: configuration.hostPath) }
        if let path = configuration.memoryDisk {
            if case .bootable(let entry) = image.support(on: architecture.ofImages), entry != .freeBSDMetadata {
                throw .noMemoryDisk(entry)
            }
            boot.disk = try files.open(path, in: nil)
        }
        boot.raw = configuration.loadAddress.map { RawLoad(address: $0, entry: configuration.entry) }
        if let path = configuration.deviceTree {
            guard architecture == .arm64 else { throw .noDeviceTree(architecture) }
            let file = try files.read(path, in: configuration.hostPath)
            do throws(FlattenedDeviceTreeError) {
                boot.deviceTree = try FlattenedDeviceTree(checking: file)
            } catch {
                throw .deviceTree(path: path, error)
            }
        }
        self.files = files
        let hostMemory = HostFacts.physicalMemory
        guard hostMemory == 0 || configuration.memorySize <= hostMemory else {
            throw .memoryLargerThanHost(wanted: configuration.memorySize, hostMemory: hostMemory)
        }
    }

    /// Refuses an image that no machine of the architecture boots, before a backend is opened for it.
    package func checkImage() throws(BootError) {
        if case .refused(let error) = image.support(on: architecture.ofImages) { throw refusal(error) }
    }

    /// Why the image, or what comes with it, cannot be booted. What could not be read seems to be too short, or damaged.
    private func refusal(_ error: BootImageError) -> BootError {
        files.problem.map { .file($0) } ?? .image(name: imageName, error)
    }

    /// Has a plan's pieces put into memory, files' bytes straight from there.
    func loading<Start>(_ load: () throws(BootImageError) -> Start) throws(BootError) -> Start {
        let start: Start
        do throws(BootImageError) { start = try load() } catch { throw refusal(error) }
        try files.check()
        return start
    }

    /// The TSC or generic timer frequency in Hz becomes known with the first vCPU.
    package mutating func setCounterFrequency(_ hertz: UInt64?) { boot.counterFrequency = hertz }

    /// The RAM of a `pc` machine of this size.
    package func x86RAMRanges() throws(BootError) -> [GuestRange] {
        do throws(BootImageError) {
            return try X86MemoryMap.ramRanges(boot.memorySize)
        } catch {
            throw refusal(error)
        }
    }

    package func x86Plan() throws(BootError) -> X86BootPlan {
        do throws(BootImageError) {
            var configuration = boot
            configuration.randomSeed = (seeds ?? .generate()).random
            return try X86Boot.plan(image: image, configuration: configuration)
        } catch {
            throw refusal(error)
        }
    }

    /// - Parameters:
    ///   - features: of the CPUs; nil: no host is asked, they are what is asked for by name.
    ///   - addressBits: of guest physical addresses; nil: all that the machine's map needs.
    package func arm64Plan(
        features: Set<ARM64Feature>? = nil, addressBits: Int? = nil
    ) throws(BootError) -> AArch64BootPlan {
        do throws(BootImageError) {
            var platform = VirtPlatformFacts()
            platform.features = features ?? arm64CPUModel.added
            if let addressBits { platform.addressBits = addressBits }
            platform.seeds = seeds ?? .generate()
            switch transport {
            case .mmio: platform.virtioSlots = virtioDevices.indices.map(VirtDeviceTree.VirtioSlot.init)
            case .pci: platform.hasPCI = true
            }
            platform.hasITS = true
            return try AArch64Boot.plan(image: image, configuration: boot, platform: platform)
        } catch {
            throw refusal(error)
        }
    }

    /// What makes the files that RAM is in; nil: it is in none.
    var makeMemoryFile: ((UInt64) -> Int32?)? {
        guard sharesMemory else { return nil }
        return { size in HostMemoryFile.make(size: size) }
    }

    /// The memory of a `virt` machine with the plan's pieces in it, and how its first CPU starts.
    func loadedMemory(
        _ plan: AArch64BootPlan, _ persistent: [SessionPersistentMemory]
    ) throws(BootError) -> (GuestMemory, ARM64BootState) {
        let files = try persistent.placed(behind: plan.ramRanges, in: VirtMemoryMap.persistentMemoryRoom)
        let memory: GuestMemory
        do throws(GuestMemoryError) {
            memory = try GuestMemory(
                plan.ramRanges, files: files, hugePages: wantsHugePages, makeFile: makeMemoryFile)
        } catch {
            throw .memory(error)
        }
        return (memory, try loading { () throws(BootImageError) in try plan.load(into: memory) })
    }

    /// Writes the device tree that a guest would get to a file.
    package func writeDeviceTree(to path: String) throws(BootError) {
        guard architecture == .arm64 else { throw .noDeviceTree(architecture) }
        let tree = try arm64Plan().deviceTree
        do throws(HostFileError) { try HostFile.write(tree.bytes, to: path) } catch { throw .dump(error) }
    }

    /// Writes the ACPI tables that a guest would get into a directory: `facp.dat`, `dsdt.dat` and so on, as acpica's tools name them.
    package func writeACPITables(to directory: String) throws(BootError) {
        guard architecture == .x86_64 else { throw .noACPI(architecture) }
        let tables = try x86Plan().firmwareTables
        for place in tables.places where place.signature != ACPITables.rootSignature {
            let path = "\(directory)/\(place.signature.lowercased()).dat"
            do throws(HostFileError) { try HostFile.write(Array(tables.bytes[place.range]), to: path) } catch {
                throw .dumpACPI(error)
            }
        }
    }

    /// Writes the image to a file as it is without what it was packed in.
    package func extract(to path: String) throws(BootError) {
        try checkImage()
        let kernel: [UInt8]
        do throws(BootImageError) { kernel = try image.unpackedKernel() } catch {
            throw refusal(error)
        }
        do throws(HostFileError) { try HostFile.write(kernel, to: path) } catch { throw .extract(error) }
    }

    /// Writes SMBIOS's tables to a file, for `dmidecode --from-dump`.
    package func writeSMBIOSTables(to path: String) throws(BootError) {
        guard architecture == .x86_64 else { throw .noSMBIOS(architecture) }
        let dump = try x86Plan().smbios.dump
        do throws(HostFileError) { try HostFile.write(dump, to: path) } catch { throw .dumpSMBIOS(error) }
    }

    /// Linux, and programs made for QEMU's `virt`, have no driver for bhyve's port.
    private static func usualConsole(
        of image: BootImage, on architecture: MachineConfiguration.Architecture
    ) -> MachineConfiguration.Console {
        if image.isLinux(on: architecture.ofImages) { return .serial }
        switch image.support(on: architecture.ofImages) {
        case .bootable(.bareARM64), .bootable(.multiboot): return .serial
        case .bootable, .refused: return .bvm
        }
    }

    private static func image(
        of configuration: MachineConfiguration, _ files: inout BootFiles
    ) throws(BootError) -> (BootImage, String, MachineConfiguration.Architecture) {
        switch configuration.image {
        case .bundled:
            let architecture = configuration.architecture ?? .host
            return (BootImage(GuestImage.bytes(for: architecture.guestImage)), "bundled unikernel", architecture)
        case .file(let path):
            let bytes = try files.open(path, in: configuration.hostPath)
            let image = configuration.loadAddress == nil ? BootImage(bytes) : BootImage(raw: bytes)
            let found: MachineConfiguration.Architecture? =
                switch image.architecture {
                case .x86_64: .x86_64
                case .aarch64: .arm64
                case .elfMachine, .peMachine, nil: nil
                }
            return (image, path, configuration.architecture ?? found ?? .host)
        }
    }
}

extension MachineConfiguration.Architecture {
    /// As images name it.
    var ofImages: ImageArchitecture {
        switch self {
        case .x86_64: .x86_64
        case .arm64: .aarch64
        }
    }

    /// The parameter that has Linux print before its drivers are there.
    fileprivate var earlyConsole: String {
        switch self {
        case .x86_64: X86Boot.earlyConsole
        case .arm64: AArch64Boot.earlyConsole
        }
    }

    var guestImage: GuestImage.Architecture {
        switch self {
        case .x86_64: .x86_64
        case .arm64: .arm64
        }
    }
}
