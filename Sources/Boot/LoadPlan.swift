package import VMMCore

/// One thing that goes into guest memory before the guest starts.
package struct Placement: Sendable {
    package enum Purpose: Hashable, Sendable {
        /// A loadable segment, by its number among the program headers.
        case segment(index: Int)
        /// A kernel that is one piece, with the memory behind it that it takes for its own data.
        case kernel
        case symbols
        case initrd
        /// A disk image, as a preloaded memory disk.
        case disk
        case deviceTree
        case environment
        case metadata
        case stack
        case pageTables
        case globalDescriptorTable
        /// PVH's start_info, with its memory map and module list.
        case startInfo
        /// Multiboot's information structure, with its memory map and module list.
        case multibootInformation
        /// Linux's boot_params.
        case bootParameters
        /// Linux's setup_data, a list of what boot_params has no field for.
        case setupData
        /// ACPI tables.
        case firmwareTables
        /// SMBIOS's entry point and structures.
        case smbios
        /// The MP table and its floating pointer.
        case mpTable
        case commandLine
        /// Kept free for the guest to start further CPUs from.
        case trampolineRoom
    }

    package enum Content: Sendable {
        /// Bytes of the boot image.
        case image(Range<Int>)
        case bytes([UInt8])
        /// A file that comes with the image, whole.
        case file(ImageBytes)
        /// Nothing is written.
        case nothing

        /// In bytes.
        var size: UInt64 {
            switch self {
            case .image(let range): UInt64(range.count)
            case .bytes(let bytes): UInt64(bytes.count)
            case .file(let file): file.count
            case .nothing: 0
            }
        }
    }

    package let purpose: Purpose
    package let range: GuestRange
    /// Written from the start of `range` on; the rest of it is zero.
    package let content: Content

    /// How many bytes are written.
    package var contentSize: UInt64 { content.size }
}

/// What goes where: built and checked before the guest's memory exists, then loaded in one go.
///
/// Each placement lies in usable RAM (firmware tables: in theirs) and overlaps no other, so loading cannot fail on memory of the planned layout.
package struct LoadPlan: Sendable {
    package private(set) var placements: [Placement] = []
    /// The RAM that may be used: what the guest's memory map calls usable.
    package let usableRAM: [GuestRange]
    /// The RAM that is for firmware tables, and for nothing else.
    package let firmwareRAM: [GuestRange]
    private let image: ImageBytes

    package init(image: ImageBytes, usableRAM: [GuestRange], firmwareRAM: [GuestRange] = []) {
        self.image = image
        self.usableRAM = usableRAM
        self.firmwareRAM = firmwareRAM
    }

    /// Adds one placement. `size` counts from `address` on and is at least the content's; 0 bytes are not placed.
    package mutating func place(
        _ purpose: Placement.Purpose, at address: UInt64, size: UInt64, _ content: Placement.Content
    ) throws(BootImageError) {
        guard size > 0 else { return }
        guard let range = GuestRange(start: GuestAddress(address), size: size) else {
            throw .noRoom(purpose, size: size, address: address, limit: .max)
        }
        guard ranges(for: purpose).contains(where: { $0.contains(range.start, count: size) }) else {
            throw .outsideRAM(purpose, range)
        }
        if let other = placements.first(where: { $0.range.overlaps(range) }) {
            throw .overlap(other.purpose, other.range, purpose, range)
        }
        placements.append(Placement(purpose: purpose, range: range, content: content))
    }

    /// Where what has this purpose may go.
    package func ranges(for purpose: Placement.Purpose) -> [GuestRange] {
        switch purpose {
        case .firmwareTables, .smbios, .mpTable: firmwareRAM
        default: usableRAM
        }
    }

    package mutating func place(
        _ purpose: Placement.Purpose, at address: UInt64, _ bytes: [UInt8]
    ) throws(BootImageError) {
        try place(purpose, at: address, size: UInt64(bytes.count), .bytes(bytes))
    }

    /// Places the segments where `address` says, and gives the first address behind the last of them.
    package mutating func place(
        _ segments: [ELFImage.Segment], address: (ELFImage.Segment) -> UInt64
    ) throws(BootImageError) -> (start: UInt64, end: UInt64) {
        var start = UInt64.max
        var end: UInt64 = 0
        for segment in segments {
            let base = address(segment)
            try place(.segment(index: segment.index), at: base, size: segment.memorySize, .image(segment.fileRange))
            start = min(start, base)
            // In RAM, so no overflow.
            end = max(end, base + segment.memorySize)
        }
        return (start, end)
    }

    /// The end of the usable RAM that holds `address`, or of the one before it; 0 when there is none.
    package func endOfRAM(at address: UInt64) -> UInt64 {
        usableRAM.last { $0.start.rawValue <= address }?.end.rawValue ?? 0
    }

    /// Writes all contents. Pages that get none are not touched.
    ///
    /// - Parameter fresh: the memory was never written, so what should be zero is. Otherwise the zeros are written too.
    package func load(into memory: GuestMemory, fresh: Bool = true) throws(BootImageError) {
        for placement in placements {
            let start = placement.range.start
            switch placement.content {
            case .image(let range): try image.copy(range, into: memory, at: start)
            case .bytes(let bytes): try ImageBytes(bytes).copy(bytes.indices, into: memory, at: start)
            case .file(let file): try file.copy(file.indices, into: memory, at: start)
            case .nothing: continue
            }
            let rest = placement.range.size - placement.contentSize
            guard !fresh, rest > 0, let tail = start.advanced(by: placement.contentSize) else { continue }
            do throws(GuestMemoryError) { try memory.fill(tail, count: Int(rest), with: 0) } catch {
                throw .memory(error)
            }
        }
    }
}
