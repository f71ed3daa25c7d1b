import Boot
import Glibc
import HostIO
import Testing
import VMM
import VMMCore

@Suite struct BootPreparationTests {
    private func configuration(_ change: (inout MachineConfiguration) -> Void) -> MachineConfiguration {
        var configuration = MachineConfiguration()
        change(&configuration)
        return configuration
    }

    private func refusal(_ change: (inout MachineConfiguration) -> Void) -> BootError? {
        do throws(BootError) {
            _ = try BootPreparation(configuration(change))
            return nil
        } catch {
            return error
        }
    }

    @Test("the bundled image of each architecture")
    func bundled() throws {
        for architecture in MachineConfiguration.Architecture.allCases {
            let preparation = try BootPreparation(configuration { $0.architecture = architecture })
            #expect(preparation.architecture == architecture)
            #expect(preparation.imageName == "bundled unikernel")
        }
        #expect(try BootPreparation(MachineConfiguration()).architecture == .host)
    }

    @Test("an image's own architecture is taken when none is told")
    func detected() throws {
        // This test is an ELF file of the host's architecture.
        let preparation = try BootPreparation(configuration { $0.image = .file(path: "/proc/self/exe") })
        #expect(preparation.architecture == .host)
    }

    @Test("the files are read for each machine anew, and must be what the first one got")
    func filesOfEachMachine() throws {
        let path = "/tmp/swvmm-boot-source.\(getpid()).\(UInt64.random(in: 0 ... .max))"
        defer { unsafe _ = unlink(path) }
        try HostFile.write([1, 2, 3], to: path)
        var source = try BootSource(configuration { $0.initrd = path })
        #expect(try source.next().boot.initrd?.whole() == [1, 2, 3])
        // What takes the file's name later is not it.
        try HostFile.write([4], to: path)
        #expect(try source.next().boot.initrd?.whole() == [1, 2, 3])

        source = try BootSource(configuration { $0.initrd = path })
        _ = try source.next()
        #expect(unsafe truncate(path, 0) == 0)
        do throws(BootError) {
            _ = try source.next()
            Issue.record("a file that was written to was taken")
        } catch {
            guard case .file(let file) = error, file.problem == .changed else {
                Issue.record("\(error)")
                return
            }
            #expect(file.path == path)
        }
    }

    @Test("settings go into the environment in their order, the last one winning")
    func environment() throws {
        let preparation = try BootPreparation(configuration { $0.environment = ["a=1", "b=2", "a=3"] })
        #expect(preparation.boot.environment["a"] == "3")
        #expect(preparation.boot.environment["b"] == "2")
    }

    @Test("a missing image, initrd or memory disk is told by its path; relative ones lie in the host path")
    func missingFiles() {
        for change: (inout MachineConfiguration) -> Void in [
            { $0.image = .file(path: "none") }, { $0.initrd = "none" },
        ] {
            let error = refusal {
                $0.hostPath = "/nonexistent"
                change(&$0)
            }
            guard case .file(let file) = error else {
                Issue.record("\(String(describing: error))")
                continue
            }
            #expect(file.path == "/nonexistent/none")
        }
        guard case .file(let file) = refusal({ $0.memoryDisk = "/nonexistent/disk" }) else {
            Issue.record("a missing disk was taken")
            return
        }
        #expect(file.path == "/nonexistent/disk")
    }

    @Test("virtio devices in the order of their windows; entropy unasked for on arm64 alone, and not for the unikernel")
    func virtioDevices() throws {
        let devices = { (change: (inout MachineConfiguration) -> Void) throws in
            try BootPreparation(
                configuration {
                    $0.architecture = .arm64
                    $0.image = .file(path: "/etc/passwd")
                    change(&$0)
                }
            ).virtioDevices
        }
        #expect(try devices { _ in } == [.entropy])
        #expect(try devices { $0.console = .virtio } == [.console, .entropy])
        #expect(try devices { $0.hasEntropyDevice = false } == [])
        #expect(try devices { ($0.architecture, $0.console) = (.x86_64, .virtio) } == [.console])
        #expect(try devices { $0.ports = [.init(name: "agent", path: "/nonexistent")] } == [.console, .entropy])
        #expect(try devices { $0.image = .bundled } == [])
        #expect(try devices { ($0.image, $0.hasEntropyDevice) = (.bundled, true) } == [.entropy])
        guard case .noVirtioConsoleDriver = refusal({ ($0.architecture, $0.console) = (.arm64, .virtio) }) else {
            Issue.record("a virtio console was promised to the unikernel")
            return
        }
        guard case .noVirtioPortDriver = refusal({ $0.ports = [.init(name: "agent", path: "/nonexistent")] }) else {
            Issue.record("a named port was promised to the unikernel")
            return
        }
    }

    @Test("disks come behind the other devices, in their order; no more than there are windows")
    func disks() throws {
        let disks = { (count: Int) in (0..<count).map { MachineConfiguration.Disk(path: "/nonexistent/\($0)") } }
        let bare: (inout MachineConfiguration, Int) -> Void = {
            ($0.architecture, $0.image, $0.disks) = (.arm64, .file(path: "/etc/passwd"), disks($1))
        }
        #expect(
            try BootPreparation(configuration { bare(&$0, 2) }).virtioDevices == [.entropy, .block(0), .block(1)])
        guard case .tooManyVirtioDevices(32, limit: 31) = refusal({ bare(&$0, 31) }),
            case .tooManyVirtioDevices(33, limit: 32) = refusal({
                bare(&$0, 32)
                $0.transport = .mmio
            })
        else {
            Issue.record("more disks than slots or windows")
            return
        }
        let tooMany = refusal { ($0.architecture, $0.disks) = (.x86_64, disks(33)) }
        guard case .tooManyVirtioDevices(33, limit: 32) = tooMany else {
            Issue.record("33 disks in 32 windows")
            return
        }
    }

    @Test("a balloon comes before the disks, smaller than the memory; the unikernel has no driver for it")
    func balloon() throws {
        let linux: (inout MachineConfiguration) -> Void = {
            ($0.architecture, $0.image) = (.arm64, .file(path: "/etc/passwd"))
            $0.memorySize = 64 << 20
        }
        let devices = try BootPreparation(
            configuration {
                linux(&$0)
                ($0.balloonSize, $0.disks) = (32 << 20, [.init(path: "/nonexistent")])
            }
        ).virtioDevices
        #expect(devices == [.entropy, .balloon, .block(0)])
        let all = refusal {
            linux(&$0)
            $0.balloonSize = 64 << 20
        }
        guard case .balloonTooLarge = all, case .noVirtioBalloonDriver = refusal({ $0.balloonSize = 0 }) else {
            Issue.record("a balloon of all memory, or for the unikernel")
            return
        }
    }

    @Test("a vsock comes last; the unikernel has no driver for it")
    func vsock() throws {
        let vsock = MachineConfiguration.Vsock(guestCID: 42, path: "/nonexistent")
        #expect(
            try BootPreparation(
                configuration {
                    ($0.architecture, $0.image) = (.arm64, .file(path: "/etc/passwd"))
                    ($0.vsock, $0.disks) = (vsock, [.init(path: "/nonexistent")])
                }
            ).virtioDevices == [.entropy, .block(0), .vsock(cid: 42)])
        guard case .noVirtioVsockDriver = refusal({ $0.vsock = vsock }) else {
            Issue.record("a vsock for the unikernel")
            return
        }
    }

    @Test("shares come behind the disks; the unikernel has no driver for them")
    func shares() throws {
        let share = MachineConfiguration.Share(tag: "data", path: "/nonexistent")
        #expect(
            try BootPreparation(
                configuration {
                    ($0.architecture, $0.image) = (.arm64, .file(path: "/etc/passwd"))
                    ($0.disks, $0.shares) = ([.init(path: "/nonexistent")], [share])
                }
            ).virtioDevices == [.entropy, .block(0), .share(0)])
        guard case .noVirtioShareDriver = refusal({ ($0.architecture, $0.shares) = (.arm64, [share]) }) else {
            Issue.record("a share was promised to the unikernel")
            return
        }
    }

    @Test("PCI for arm64 guests with a disk, MMIO for others, the unikernel and x86_64; what is told wins")
    func transport() throws {
        let transport = { (change: (inout MachineConfiguration) -> Void) throws in
            try BootPreparation(
                configuration {
                    ($0.architecture, $0.image) = (.arm64, .file(path: "/etc/passwd"))
                    change(&$0)
                }
            ).transport
        }
        let disk = [MachineConfiguration.Disk(path: "/nonexistent")]
        #expect(try transport { _ in } == .mmio)
        #expect(try transport { $0.disks = disk } == .pci)
        #expect(try transport { ($0.disks, $0.image) = (disk, .bundled) } == .mmio)
        #expect(try transport { ($0.disks, $0.architecture) = (disk, .x86_64) } == .mmio)
        #expect(try transport { ($0.disks, $0.transport) = (disk, .mmio) } == .mmio)
        #expect(try transport { $0.transport = .pci } == .pci)
    }

    @Test("the unikernel of both architectures is told of its virtio-mmio windows in the kernel environment")
    func announcement() throws {
        for (architecture, windows) in [
            (.arm64, ["0x200@0xa000000:16", "0x200@0xa000200:17"]),
            (.x86_64, ["0x200@0xfeb00000:16", "0x200@0xfeb00200:17"]),
        ] as [(MachineConfiguration.Architecture, [String])] {
            let preparation = try BootPreparation(
                configuration {
                    $0.architecture = architecture
                    $0.disks = [MachineConfiguration.Disk(path: "/nonexistent")]
                    $0.hasEntropyDevice = true
                })
            let environment = try preparation.boot.fullEnvironment()
            #expect(environment["virtio_mmio.device.0"] == windows[0])
            #expect(environment["virtio_mmio.device.1"] == windows[1])
            #expect(environment["virtio_mmio.device.2"] == nil)
            #expect(environment["pci.ecam"] == nil)
        }
    }

    @Test("a setting without an equals sign, and more memory than the host has")
    func badValues() {
        guard case .image(_, .environment(.noEqualsSign("oops"))) = refusal({ $0.environment = ["oops"] }) else {
            Issue.record("a bad setting was taken")
            return
        }
        guard case .memoryLargerThanHost(let wanted, let host) = refusal({ $0.memorySize = 1 << 60 }) else {
            Issue.record("too much memory was taken")
            return
        }
        #expect(wanted == 1 << 60 && host == HostFacts.physicalMemory)
    }
}

@Suite struct InspectionTests {
    @Test("the bundled images: a plan by metadata, its entry in a placed segment")
    func bundledImages() throws {
        for architecture in MachineConfiguration.Architecture.allCases {
            var configuration = MachineConfiguration()
            configuration.architecture = architecture
            configuration.environment = ["x=1"]
            let inspection = try Inspection(configuration)
            let plan = try inspection.plan.get()
            #expect(plan.bootProtocol == .freeBSDMetadata)
            #expect(plan.handover?.environment["x"] == "1")
            #expect(plan.registers.first?.value == plan.entry)
            let entrySegment = plan.placements.first { placement in
                if case .segment = placement.purpose {
                    placement.range.contains(GuestAddress(plan.entry))
                } else {
                    false
                }
            }
            #expect(entrySegment != nil)
        }
    }

    @Test("no two placements overlap, and all lie in the memory map's usable ranges")
    func placements() throws {
        var configuration = MachineConfiguration()
        configuration.cpuCount = 4
        let plan = try Inspection(configuration).plan.get()
        let ranges = plan.placements.map(\.range).sorted { $0.start < $1.start }
        for (one, next) in zip(ranges, ranges.dropFirst()) {
            #expect(one.start.rawValue + one.size <= next.start.rawValue)
        }
    }

    @Test("an image that cannot be booted is told in the plan, not thrown")
    func unbootable() throws {
        var configuration = MachineConfiguration()
        configuration.image = .file(path: "/etc/passwd")
        let inspection = try Inspection(configuration)
        guard case .failure(.image(let name, .unsupportedFormat)) = inspection.plan else {
            Issue.record("\(inspection.plan)")
            return
        }
        #expect(name == "/etc/passwd")
        #expect(inspection.imageSize > 0)
    }
}
