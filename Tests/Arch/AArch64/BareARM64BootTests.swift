import AArch64
import Boot
import FlattenedDeviceTree
import Testing
import VMMCore
import VMMTestSupport

@Suite("Programs for a bare arm64 machine, and the user's own device tree") struct BareARM64BootTests {
    private static let base: UInt64 = 0x4000_0000

    private func plan(
        _ image: BootImage, _ change: (inout BootConfiguration) -> Void = { _ in }
    ) throws(BootImageError) -> AArch64BootPlan {
        var configuration = BootConfiguration(memorySize: 64 << 20)
        change(&configuration)
        return try AArch64Boot.plan(image: image, configuration: configuration)
    }

    private func error(_ image: BootImage, _ change: (inout BootConfiguration) -> Void = { _ in }) -> BootImageError? {
        do throws(BootImageError) {
            _ = try plan(image, change)
            return nil
        } catch { return error }
    }

    private var program: ELFImageBuilder {
        var builder = ELFImageBuilder(
            entry: 0x4008_0004, segments: [.init(at: 0x4008_0000, [1, 2, 3, 4, 5, 6, 7, 8], memorySize: 0x1000)])
        builder.machine = 183
        return builder
    }

    @Test("an ELF file is loaded by its physical addresses and entered with x0 at the tree, where RAM begins")
    func elf() throws {
        let plan = try plan(BootImage(program.build()))
        #expect(plan.bootProtocol == .bareARM64)
        #expect(plan.bootState == ARM64BootState(pc: 0x4008_0004, x0: Self.base))
        let memory = try GuestMemory(plan.ramRanges)
        try plan.load(into: memory)
        #expect(try memory.copyOut(GuestAddress(0x4008_0000), count: 8) == [1, 2, 3, 4, 5, 6, 7, 8])
        #expect(try memory.copyOut(GuestAddress(Self.base), count: 4) == [0xD0, 0x0D, 0xFE, 0xED])
    }

    @Test("a kernel's ELF file, linked at virtual addresses, is refused with the address")
    func vmlinux() {
        var builder = program
        builder.segments[0].physicalAddress = 0xFFFF_8000_8000_0000
        #expect(
            error(BootImage(builder.build())) == .linkedVirtually(index: 1, address: 0xFFFF_8000_8000_0000)
                || error(BootImage(builder.build())) == .linkedVirtually(index: 0, address: 0xFFFF_8000_8000_0000))
    }

    @Test("a raw binary lies where the user says, and is entered there or at --entry")
    func raw() throws {
        let image = BootImage(raw: ImageBytes([UInt8](repeating: 7, count: 100)))
        let plain = try plan(image) { $0.raw = RawLoad(address: 0x4010_0000) }
        #expect(plain.bootState == ARM64BootState(pc: 0x4010_0000, x0: Self.base))
        let other = try plan(image) { $0.raw = RawLoad(address: 0x4010_0000, entry: 0x4010_0060) }
        #expect(other.entry == 0x4010_0060)
    }

    @Test("a program where RAM begins: the tree goes into the next 2 MiB behind it, an initrd behind that")
    func atBase() throws {
        let image = BootImage(raw: ImageBytes([UInt8](repeating: 7, count: 100)))
        let plan = try plan(image) {
            $0.raw = RawLoad(address: Self.base)
            $0.initrd = ImageBytes([1, 2, 3])
        }
        #expect(plan.bootState.x0 == Self.base + 0x20_0000)
        #expect(plan.placements.first { $0.purpose == .initrd }?.range.start == GuestAddress(Self.base + 0x40_0000))
    }

    @Test("a raw binary outside of RAM, at the end of the address space, empty, or with an entry elsewhere")
    func badRaw() throws {
        let image = BootImage(raw: ImageBytes([UInt8](repeating: 7, count: 100)))
        let outside = try #require(GuestRange(start: GuestAddress(0x1000), size: 100))
        #expect(error(image) { $0.raw = RawLoad(address: 0x1000) } == .outsideRAM(.kernel, outside))
        #expect(
            error(image) { $0.raw = RawLoad(address: .max - 10) }
                == .noRoom(.kernel, size: 100, address: .max - 10, limit: .max))
        #expect(
            error(BootImage(raw: ImageBytes([]))) { $0.raw = RawLoad(address: Self.base) }
                == .unsupportedFormat(.empty, offset: 0))
        let range = try #require(GuestRange(start: GuestAddress(Self.base), size: 100))
        #expect(
            error(image) { $0.raw = RawLoad(address: Self.base, entry: Self.base + 100) }
                == .entryOutsideImage(Self.base + 100, range))
    }

    @Test("the user's tree is handed over as it is; only the command line and the initrd go into its /chosen")
    func ownTree() throws {
        let own = try FlattenedDeviceTree(
            root: DeviceTreeNode(
                "", [.init("model", strings: "mine")],
                children: [DeviceTreeNode("chosen", [.init("bootargs", strings: "old"), .init("x", cells: 1)])]))
        let image = BootImage(program.build())
        #expect(try plan(image) { $0.deviceTree = own }.deviceTree == own)
        let changed = try plan(image) {
            $0.deviceTree = own
            $0.commandLine = "new"
            $0.initrd = ImageBytes([1])
        }.deviceTree
        #expect(changed.property("bootargs", at: "/chosen") == Array("new\0".utf8))
        #expect(changed.property("linux,initrd-start", at: "/chosen") != nil)
        #expect(changed.property("x", at: "/chosen") == [0, 0, 0, 1])
        #expect(changed.property("model", at: "/") == Array("mine\0".utf8))
        #expect(changed.property("rng-seed", at: "/chosen") == nil)
    }
}
