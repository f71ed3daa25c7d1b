import AArch64
import Boot
import FlattenedDeviceTree
import Testing
import VMMCore

/// By the clauses of Linux's Documentation/arch/arm64/booting.rst.
@Suite("booting.rst: how a Linux arm64 Image is placed and entered") struct LinuxARM64BootTests {
    private static let base: UInt64 = 0x4000_0000

    /// A header and `size` bytes in all.
    private func image(
        textOffset: UInt64 = 0, imageSize: UInt64 = 0x30_0000, flags: UInt64 = 0xA, size: Int = 0x1000
    ) -> BootImage {
        var writer = ByteWriter()
        writer.append(UInt64(0x1400_0000_1400_0000))
        for value in [textOffset, imageSize, flags, 0, 0, 0] { writer.append(value) }
        writer.append(contentsOf: Array("ARMd".utf8))
        writer.append(UInt32(0))
        writer.append(contentsOf: [UInt8](repeating: 0x5A, count: size - 64))
        return BootImage(writer.bytes)
    }

    private func plan(
        _ image: BootImage, memory: UInt64 = 256 << 20, _ change: (inout BootConfiguration) -> Void = { _ in }
    ) throws(BootImageError) -> AArch64BootPlan {
        var configuration = BootConfiguration(memorySize: memory)
        change(&configuration)
        return try AArch64Boot.plan(image: image, configuration: configuration)
    }

    private func error(
        _ image: BootImage, memory: UInt64 = 256 << 20, _ change: (inout BootConfiguration) -> Void = { _ in }
    ) -> BootImageError? {
        do throws(BootImageError) {
            _ = try plan(image, memory: memory, change)
            return nil
        } catch { return error }
    }

    private func range(of purpose: Placement.Purpose, in plan: AArch64BootPlan) throws -> GuestRange {
        try #require(plan.placements.first { $0.purpose == purpose }).range
    }

    @Test(
        "4: the Image is text_offset bytes from a 2 MiB aligned base, and entered at its start",
        arguments: [
            UInt64(0), 0x8_0000, 0x1F_F000,
        ])
    func textOffset(offset: UInt64) throws {
        let plan = try plan(image(textOffset: offset))
        #expect(try range(of: .kernel, in: plan).start == GuestAddress(Self.base + offset))
        #expect(plan.entry == Self.base + offset)
        #expect(plan.bootProtocol == .linuxARM64)
    }

    @Test("4: at least image_size bytes from the start of the image are free for the kernel")
    func imageSize() throws {
        let kernel = try range(of: .kernel, in: try plan(image(imageSize: 0x123_4567)))
        #expect(kernel.size == 0x123_4567)
        // A signature behind the Image makes the file the larger one.
        #expect(try range(of: .kernel, in: try plan(image(imageSize: 0x800))).size == 0x1000)
    }

    @Test("4: where image_size is zero, text_offset can be assumed to be 0x80000")
    func oldKernels() throws {
        let plan = try plan(image(textOffset: 0x1000, imageSize: 0))
        #expect(plan.entry == Self.base + 0x8_0000)
        #expect(try range(of: .kernel, in: plan).size > 0x1000)
    }

    @Test("4: primary CPU general-purpose register settings; EL1h with all of DAIF masked")
    func registers() throws {
        let plan = try plan(image())
        let memory = try GuestMemory(plan.ramRanges)
        let state = try plan.load(into: memory)
        #expect(state.pstate == 0x3C5)
        #expect(state.x0 == (try range(of: .deviceTree, in: plan)).start.rawValue)
        #expect(try memory.copyOut(GuestAddress(state.x0), count: 4) == [0xD0, 0x0D, 0xFE, 0xED])
        #expect(try memory.copyOut(GuestAddress(state.pc + 64), count: 2) == [0x5A, 0x5A])
    }

    @Test(
        "2: the device tree is on an 8-byte boundary, in a block of 2 MiB of its own, within 512 MiB of the base",
        arguments: [0x30_0000, 0x1F_FFFF, 0x20_0000, 0x1000_0000] as [UInt64])
    func deviceTree(imageSize: UInt64) throws {
        let plan = try plan(image(imageSize: imageSize), memory: 512 << 20) { $0.initrd = ImageBytes([1, 2, 3]) }
        let tree = try range(of: .deviceTree, in: plan)
        #expect(tree.start.rawValue % 8 == 0 && tree.start.rawValue >> 21 == (tree.end.rawValue - 1) >> 21)
        #expect(tree.end.rawValue <= Self.base + 512 << 20)
        for other in plan.placements where other.purpose != .deviceTree {
            #expect(
                other.range.end.rawValue <= tree.start.rawValue & ~0x1F_FFFF
                    || other.range.start.rawValue >= tree.start.rawValue & ~0x1F_FFFF + 0x20_0000)
        }
    }

    @Test("3: the initrd is in a 1 GiB aligned window of up to 32 GiB with the kernel; /chosen tells where")
    func initrd() throws {
        let bytes = [UInt8](repeating: 7, count: 12345)
        let plan = try plan(image()) { $0.initrd = ImageBytes(bytes) }
        let initrd = try range(of: .initrd, in: plan)
        #expect(initrd.end.rawValue <= Self.base + 32 << 30)
        #expect(initrd.size == 12345)
        func number(_ name: String) -> UInt64? {
            plan.deviceTree.property(name, at: "/chosen")?.reduce(0) { $0 << 8 | UInt64($1) }
        }
        #expect(number("linux,initrd-start") == initrd.start.rawValue)
        #expect(number("linux,initrd-end") == initrd.end.rawValue)
    }

    @Test("no initrd, or an empty one: /chosen names none")
    func withoutInitrd() throws {
        for empty in [nil, []] as [[UInt8]?] {
            let plan = try plan(image()) { $0.initrd = empty.map { ImageBytes($0) } }
            #expect(plan.deviceTree.property("linux,initrd-start", at: "/chosen") == nil)
        }
    }

    @Test("the command line is /chosen's bootargs, and untouched")
    func commandLine() throws {
        let plan = try plan(image()) { $0.commandLine = "quiet root=/dev/vda" }
        #expect(plan.deviceTree.property("bootargs", at: "/chosen") == Array("quiet root=/dev/vda\0".utf8))
    }

    @Test("4: a big-endian kernel, and a text_offset that no kernel has, are refused with the offset of the field")
    func badFields() {
        #expect(error(image(flags: 0xB)) == .badLinuxField(.flags, offset: 24, value: 0xB))
        #expect(error(image(textOffset: 2 << 20)) == .badLinuxField(.text_offset, offset: 8, value: 2 << 20))
        #expect(error(image(textOffset: 2)) == .badLinuxField(.text_offset, offset: 8, value: 2))
        #expect(error(image(imageSize: .max)) == .badLinuxField(.image_size, offset: 16, value: .max))
    }

    @Test("a kernel, an initrd or a device tree that does not fit in memory")
    func noRoom() throws {
        guard case .outsideRAM(.kernel, _) = error(image(), memory: 2 << 20) else {
            Issue.record("the kernel fits in 2 MiB")
            return
        }
        guard case .outsideRAM(.deviceTree, _) = error(image(), memory: 4 << 20) else {
            Issue.record("the device tree fits behind the end of memory")
            return
        }
        let large = [UInt8](repeating: 0, count: 3 << 20)
        guard case .outsideRAM(.initrd, _) = error(image(), memory: 8 << 20, { $0.initrd = ImageBytes(large) }) else {
            Issue.record("3 MiB of initrd fit in the last 2 MiB")
            return
        }
        // Ends exactly at the end of RAM.
        let fitting = [UInt8](repeating: 0, count: 2 << 20)
        let plan = try plan(image(), memory: 8 << 20) { $0.initrd = ImageBytes(fitting) }
        #expect(try range(of: .initrd, in: plan).end == GuestAddress(Self.base + 8 << 20))
    }

    @Test("an x86 machine refuses it")
    func foreign() {
        #expect(
            image().support(on: .x86_64)
                == .refused(.foreignArchitecture(found: .aarch64, wanted: .x86_64, offset: 56)))
        #expect(image().support(on: .aarch64) == .bootable(.linuxARM64))
    }
}
