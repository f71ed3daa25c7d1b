/// One entry of an ELF note segment.
package struct ELFNote: Hashable, Sendable {
    /// Without the closing NUL; at most the first 64 bytes.
    package let name: String
    package let type: UInt32
    /// At most the first 64 bytes.
    package let descriptor: [UInt8]
    /// Where the entry is in the file.
    package let offset: UInt64

    /// Notes of one image; a kernel has fewer than 20. With the 64 bytes of each, a cap against 65535 program headers
    /// that all name the same gigabytes of notes.
    static let maximumCount = 1024
    private static let maximumKept = 64

    /// XEN_ELFNOTE_PHYS32_ENTRY: the 32-bit entry of Xen's x86/HVM direct boot ABI (PVH).
    package static let xenName = "Xen"
    package static let xenPhysical32Entry: UInt32 = 18
    /// What Linux's own notes are called, whatever their types. Source: Linux include/linux/elfnote-lto.h, include/linux/build-salt.h.
    package static let linuxName = "Linux"
    /// swvmm's note: descriptor 1 says "enter me as a FreeBSD kernel, with metadata".
    package static let swvmmName = "swvmm"
    package static let swvmmEntry: UInt32 = 1
    package static let swvmmFreeBSDMetadata: UInt32 = 1

    /// The entries of a PT_NOTE segment. Each is {namesz, descsz, type}, the name, the descriptor, each padded to 4 bytes
    /// (8 for a segment aligned to 8, as GNU tools write them).
    ///
    /// - Parameter limit: more entries than this are an error.
    static func parse(
        _ header: ProgramHeader, of image: ImageBytes, limit: Int
    ) throws(BootImageError) -> [ELFNote] {
        guard let range = image.range(at: header.fileOffset, count: header.fileSize) else {
            throw .truncated(
                .note(index: header.index), offset: header.fileOffset, needed: header.fileSize, size: image.count)
        }
        let alignment: UInt64 = header.alignment == 8 ? 8 : 4
        let start = UInt64(range.lowerBound)
        let end = UInt64(range.upperBound)
        var notes: [ELFNote] = []
        var offset = start
        while end - offset >= 12 {
            guard notes.count < limit, let nameSize = image.load(UInt32.self, at: offset),
                let descriptorSize = image.load(UInt32.self, at: offset + 4),
                let type = image.load(UInt32.self, at: offset + 8)
            else { throw .malformedNote(offset: offset) }
            // All three fit easily: each is below 2^33.
            let nameOffset = offset + 12
            let descriptorOffset = start + roundUp(nameOffset + UInt64(nameSize) - start, to: alignment)
            guard descriptorOffset + UInt64(descriptorSize) <= end,
                let name = image.slice(at: nameOffset, count: UInt64(nameSize)),
                let descriptor = image.slice(at: descriptorOffset, count: UInt64(descriptorSize))
            else { throw .malformedNote(offset: offset) }
            notes.append(
                ELFNote(
                    name: String(decoding: name.prefix(maximumKept).prefix { $0 != 0 }, as: UTF8.self), type: type,
                    descriptor: Array(descriptor.prefix(maximumKept)), offset: offset))
            offset = min(end, start + roundUp(descriptorOffset + UInt64(descriptorSize) - start, to: alignment))
        }
        return notes
    }

    private static func roundUp(_ value: UInt64, to alignment: UInt64) -> UInt64 {
        (value + alignment - 1) & ~(alignment - 1)
    }

    /// The descriptor as a 4- or 8-byte little-endian number.
    package var number: UInt64? {
        let bytes = ImageBytes(descriptor)
        switch descriptor.count {
        case 4: return bytes.load(UInt32.self, at: 0).map(UInt64.init)
        case 8: return bytes.load(UInt64.self, at: 0)
        default: return nil
        }
    }
}

extension ELFImage {
    /// The physical address of the 32-bit PVH entry, when the image has the note.
    package var pvhEntry: UInt64? {
        notes.first { $0.name == ELFNote.xenName && $0.type == ELFNote.xenPhysical32Entry }?.number
    }

    /// The image carries swvmm's note and wants FreeBSD's metadata.
    package var wantsMetadata: Bool {
        notes.contains {
            $0.name == ELFNote.swvmmName && $0.type == ELFNote.swvmmEntry
                && $0.number == UInt64(ELFNote.swvmmFreeBSDMetadata)
        }
    }

    package var isFreeBSDKernel: Bool { osABI == ELFIdentity.freeBSDABI }

    /// How to enter this image. A note of swvmm's comes first: the unikernel has PVH's too, for other VMMs.
    package var bootProtocol: BootProtocol {
        if wantsMetadata || isFreeBSDKernel { return .freeBSDMetadata }
        return pvhEntry != nil ? .pvh : .elf64Entry
    }
}
