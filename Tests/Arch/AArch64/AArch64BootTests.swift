import AArch64
import Boot
import GuestKernel
import Testing
import VMMCore
import VMMTestSupport

@Suite("The virt machine: memory map and boot plan") struct AArch64BootTests {
    private let unikernel: ELFImageBuilder = {
        var builder = ELFImageBuilder(
            entry: 0x4008_0010,
            segments: [
                .init(at: 0x4008_0000, [UInt8](repeating: 0x1F, count: 0x40)),
                .init(at: 0x4020_0000, [5], memorySize: 0x1001),
            ])
        builder.machine = 183
        builder.notes = [ELFImageBuilder.swvmmNote]
        return builder
    }()

    private func range(_ start: UInt64, _ size: UInt64) throws -> GuestRange {
        try #require(GuestRange(start: GuestAddress(start), size: size))
    }

    @Test("no two regions overlap, with and without flash, nor any RAM", arguments: [true, false])
    func overlaps(withFlash: Bool) throws {
        let regions = VirtMemoryMap.regions(withFlash: withFlash)
        let ram = try #require(try VirtMemoryMap.ramRanges(VirtMemoryMap.maximumMemory).first)
        for (index, region) in regions.enumerated() {
            let own = try range(region.start, region.size)
            for other in regions[(index + 1)...] {
                #expect(!own.overlaps(try range(other.start, other.size)), "\(region.name) and \(other.name)")
            }
            #expect(!own.overlaps(ram))
        }
        #expect(ram.end == GuestAddress(0x40_0000_0000))
    }

    @Test("memory sizes of 0, of no whole pages and too large")
    func sizes() {
        #expect(throws: BootImageError.badMemorySize(.zero)) { try VirtMemoryMap.ramRanges(0) }
        #expect(throws: BootImageError.badMemorySize(.notPageSized(100))) { try VirtMemoryMap.ramRanges(100) }
        #expect(throws: BootImageError.badMemorySize(.tooLarge(256 << 30, maximum: 255 << 30))) {
            try VirtMemoryMap.ramRanges(256 << 30)
        }
    }

    @Test("the unikernel: x0 at the metadata, with the EFI memory map and the device tree's address")
    func plan() throws {
        var configuration = BootConfiguration(memorySize: 16 << 20)
        configuration.commandLine = "x"
        let plan = try AArch64Boot.plan(image: BootImage(unikernel.build()), configuration: configuration)
        let memory = try GuestMemory(plan.ramRanges)
        let state = try plan.load(into: memory)
        // The kernel ends at 0x40201001: device tree, environment and metadata a page each.
        #expect(state == ARM64BootState(pc: 0x4008_0010, x0: 0x4020_4000))
        #expect(state.pstate == 0x3C5)
        let metadata = try FreeBSDMetadata.decode(try memory.copyOut(GuestAddress(state.x0), count: 4096))
        #expect(metadata == plan.handover?.metadata)
        let kernel = try #require(metadata.modules.first)
        #expect(kernel.address == 0x4008_0000)
        #expect(kernel.arguments == "x")
        #expect(kernel.items.first { $0.type == 0x1002 }?.number == 0x4020_2000)
        #expect(try memory.copyOut(GuestAddress(0x4020_2000), count: 4) == [0xD0, 0x0D, 0xFE, 0xED])
        let map = try #require(kernel.items.first { $0.type == 0x1001 })
        #expect(FreeBSDMetadata.Item.decodeEFIMemoryMap(map.payload) == plan.memoryMap)
        #expect(plan.handover?.kernelEnd == 0x4020_5000)
    }

    @Test("the unikernel of this build is planned, with its entry in a segment")
    func bundledUnikernel() throws {
        let image = BootImage(GuestImage.bytes(for: .arm64))
        #expect(image.support(on: .aarch64) == .bootable(.freeBSDMetadata))
        let plan = try AArch64Boot.plan(image: image, configuration: BootConfiguration(memorySize: 64 << 20))
        #expect(
            plan.placements.contains {
                if case .segment = $0.purpose { $0.range.contains(GuestAddress(plan.entry)) } else { false }
            })
    }

    @Test("for x86, outside RAM, or with an entry in no segment: refused")
    func refusals() throws {
        func error(_ change: (inout ELFImageBuilder) -> Void) -> BootImageError? {
            var builder = unikernel
            change(&builder)
            do throws(BootImageError) {
                _ = try AArch64Boot.plan(
                    image: BootImage(builder.build()), configuration: BootConfiguration(memorySize: 16 << 20))
                return nil
            } catch { return error }
        }
        #expect(
            error { $0.machine = 62 } == .foreignArchitecture(found: .x86_64, wanted: .aarch64, offset: 18))
        #expect(
            error { $0.segments[0].physicalAddress = 0x8_0000 }
                == .outsideRAM(.segment(index: 1), try range(0x8_0000, 0x40)))
        #expect(error { $0.entry = 0x4100_0000 } == .entryOutsideSegments(0x4100_0000))
    }
}
