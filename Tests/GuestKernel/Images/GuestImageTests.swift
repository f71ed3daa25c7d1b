import GuestKernel
import Testing

@Suite("The unikernel's images")
struct GuestImageTests {
    @Test("an image is an ELF64 executable of its architecture", arguments: GuestImage.Architecture.allCases)
    func executable(_ architecture: GuestImage.Architecture) throws {
        let image = ImageFile(bytes: GuestImage.bytes(for: architecture))
        try #require(image.bytes.count > 1024)
        #expect(Array(image.bytes[0..<7]) == [0x7F, 0x45, 0x4C, 0x46, 2, 1, 1])
        // ET_EXEC; EM_X86_64 and EM_AARCH64.
        #expect(image.integer(at: 16, bytes: 2) == 2)
        #expect(image.integer(at: 18, bytes: 2) == (architecture == .x86_64 ? 62 : 183))
    }

    @Test(
        "segments lie in the file, apart from each other, and hold the entry",
        arguments: GuestImage.Architecture.allCases)
    func segments(_ architecture: GuestImage.Architecture) throws {
        let image = ImageFile(bytes: GuestImage.bytes(for: architecture))
        let loads = try image.segments().filter { $0.type == 1 }
        #expect(loads.count == 2)
        let lowest: UInt64 = architecture == .x86_64 ? 0x20_0000 : 0x4020_0000
        #expect(loads.first?.address == lowest)
        for load in loads {
            #expect(load.offset + load.fileSize <= UInt64(image.bytes.count))
            #expect(load.fileSize <= load.memorySize)
            // Never writable and executable.
            #expect(load.flags & 3 != 3)
        }
        #expect(loads[0].address + loads[0].memorySize <= loads[1].address)
        let entry = try #require(image.integer(at: 24, bytes: 8))
        let text = try #require(loads.first { $0.flags & 1 != 0 })
        #expect(entry >= text.address && entry < text.address + text.fileSize)
    }

    @Test("swvmm's note asks for kernel metadata", arguments: GuestImage.Architecture.allCases)
    func metadataNote(_ architecture: GuestImage.Architecture) throws {
        let image = ImageFile(bytes: GuestImage.bytes(for: architecture))
        let notes = try image.notes()
        #expect(notes.contains { $0.name == "swvmm" && $0.type == 1 && $0.descriptor == [1, 0, 0, 0] })
    }

    @Test("PVH: the x86_64 image has the Xen note with its 32-bit entry, the arm64 one has not")
    func pvhNote() throws {
        let image = ImageFile(bytes: GuestImage.bytes(for: .x86_64))
        let note = try #require(try image.notes().first { $0.name == "Xen" && $0.type == 18 })
        let entry = note.descriptor.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        let text = try #require(try image.segments().first { $0.type == 1 && $0.flags & 1 != 0 })
        #expect(entry >= text.address && entry < text.address + text.fileSize)
        let other = ImageFile(bytes: GuestImage.bytes(for: .arm64))
        #expect(try !other.notes().contains { $0.name == "Xen" })
    }

    @Test("an image names its functions for call stacks", arguments: GuestImage.Architecture.allCases)
    func names(_ architecture: GuestImage.Architecture) {
        let bytes = GuestImage.bytes(for: architecture)
        for name in ["CommandTable.run(_:output:)", "switch_context"] {
            #expect(bytes.contains(Array(name.utf8)))
        }
    }
}
