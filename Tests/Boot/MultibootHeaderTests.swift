import Boot
import Testing
import VMMTestSupport

@Suite("Multiboot headers") struct MultibootHeaderTests {
    private func builder(_ change: (inout MultibootBuilder) -> Void = { _ in }) -> MultibootBuilder {
        var builder = MultibootBuilder([0xFA, 0xF4])
        change(&builder)
        return builder
    }

    private let multiboot = ImageSupport.bootable(.multiboot)

    @Test("§3.1: the header is in the first 8192 bytes, at a multiple of 4, with a sum of zero")
    func place() {
        let end = 8192
        for (padding, isFound) in [(0, true), (4, true), (2, false), (end - 32, true), (end - 8, false), (end, false)] {
            let raw = builder { ($0.padding, $0.addresses) = (padding, MultibootBuilder.plainAddresses) }.raw()
            #expect((MultibootHeader(ImageBytes(raw)) != nil) == isFound, "\(padding)")
        }
        var broken = builder { $0.addresses = MultibootBuilder.plainAddresses }.raw()
        broken[8] ^= 1
        #expect(MultibootHeader(ImageBytes(broken)) == nil)
        #expect(MultibootHeader(ImageBytes([])) == nil)
    }

    @Test("the address fields at the very end of the file, and one byte short")
    func endOfFile() {
        let raw = builder { ($0.addresses, $0.code) = (MultibootBuilder.plainAddresses, []) }.raw()
        #expect(MultibootHeader(ImageBytes(raw))?.addresses?.entry == 0x10_0020)
        #expect(MultibootHeader(ImageBytes(Array(raw.dropLast()))) == nil)
    }

    @Test("which images are entered by it: ELF32 for the i386, plain ELF64, and what has address fields")
    func support() throws {
        #expect(BootImage(builder().elf32()).support(on: .x86_64) == multiboot)
        #expect(BootImage(builder().elf32()).architecture == .x86_64)
        #expect(BootImage(builder().elf64()).support(on: .x86_64) == multiboot)
        let raw = builder { $0.addresses = MultibootBuilder.plainAddresses }
        #expect(BootImage(raw.raw()).support(on: .x86_64) == multiboot)
        #expect(BootImage(raw.raw()).architecture == .x86_64)
        guard case .refused(.unsupportedFormat(.unknown, _)) = BootImage(builder().raw()).support(on: .x86_64) else {
            Issue.record("a file that nobody knows where to load")
            return
        }
    }

    @Test("an ELF64 file with another way in keeps it: a PVH note, or an entry of its own in the header")
    func otherWays() throws {
        #expect(
            BootImage(builder { $0.addresses = MultibootBuilder.plainAddresses }.elf64()).support(on: .x86_64)
                == .bootable(.elf64Entry))
        var pvh = ELFImageBuilder(entry: 0x10_0000, segments: [.init(at: 0x10_0000, builder().raw())])
        pvh.notes = [ELFImageBuilder.pvhNote(0x10_0000)]
        #expect(BootImage(pvh.build()).support(on: .x86_64) == .bootable(.pvh))
    }

    @Test("§3.1.2: demands that no machine meets are refused; wishes above bit 15 are not")
    func demands() {
        for (flags, refused) in [(0b100, 0b100), (0b1011, 0b1000), (0b11, 0), (1 << 20, 0)] as [(UInt32, UInt32)] {
            let support = BootImage(builder { $0.flags = flags }.elf32()).support(on: .x86_64)
            #expect(
                support == (refused == 0 ? multiboot : .refused(.multibootDemands(flags: refused, offset: 84 + 4))))
        }
    }

    @Test(
        "§3.1.3: address fields that cannot be true",
        arguments: [
            (0, 0x0F_FFF0, MultibootField.load_addr), (1, 0x10_0004, .load_addr), (1, 0x0F_0000, .load_addr),
            (2, 0x10_0000, .load_end_addr), (2, 0x20_0000, .load_end_addr), (3, 0x10_0008, .bss_end_addr),
            (4, 0x0F_FFFF, .entry_addr), (4, 0x10_0022, .entry_addr),
        ])
    func addressFields(index: Int, value: UInt32, field: MultibootField) throws {
        var addresses = MultibootBuilder.plainAddresses
        addresses[index] = value
        let image = ImageBytes(builder { $0.addresses = addresses }.raw())
        let header = try #require(MultibootHeader(image))
        let fields = try #require(header.addresses)
        do throws(BootImageError) {
            _ = try header.placement(fields, in: image)
            Issue.record("\(field) was taken")
        } catch {
            guard case .badMultibootField(field, _, _) = error else {
                Issue.record("\(error)")
                return
            }
        }
    }

    @Test("arm64 machines do not boot it")
    func foreign() {
        for bytes in [builder().elf32(), builder { $0.addresses = MultibootBuilder.plainAddresses }.raw()] {
            guard case .refused(.foreignArchitecture(.x86_64, .aarch64, _)) = BootImage(bytes).support(on: .aarch64)
            else {
                Issue.record("taken for arm64")
                continue
            }
        }
    }
}
