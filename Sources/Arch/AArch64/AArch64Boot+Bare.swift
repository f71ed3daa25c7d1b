internal import Boot
internal import FlattenedDeviceTree
internal import GuestABI
internal import VMMCore

/// Programs for a bare machine: they are loaded where they say, or where the user says, and entered at EL1 with x0 at the
/// device tree. As with QEMU, the tree is where RAM begins when nothing else is there; else, like an initrd, in the next
/// block of 2 MiB that is free.
extension AArch64Boot {
    static func bare(
        _ raw: RawLoad, _ image: BootImage, _ configuration: BootConfiguration, _ tree: VirtDeviceTree
    ) throws(BootImageError) -> AArch64BootPlan {
        var plan = LoadPlan(image: image.contents, usableRAM: tree.ram)
        let bytes = image.contents.indices
        guard !bytes.isEmpty else { throw .unsupportedFormat(.empty, offset: 0) }
        try plan.place(.kernel, at: raw.address, size: UInt64(bytes.count), .image(bytes))
        return try bare(entry: raw.entry, plan, configuration, tree)
    }

    static func bare(
        _ elf: ELFImage, _ image: BootImage, _ configuration: BootConfiguration, _ tree: VirtDeviceTree
    ) throws(BootImageError) -> AArch64BootPlan {
        var plan = LoadPlan(image: image.contents, usableRAM: tree.ram)
        _ = try plan.place(elf.segments) { $0.physicalAddress }
        guard let entry = elf.physicalAddress(ofVirtual: elf.entry) else { throw .entryOutsideSegments(elf.entry) }
        return try bare(entry: entry, plan, configuration, tree)
    }

    /// - Parameter plan: holds the program, and nothing else.
    private static func bare(
        entry: UInt64, _ plan: LoadPlan, _ configuration: BootConfiguration, _ tree: VirtDeviceTree
    ) throws(BootImageError) -> AArch64BootPlan {
        var plan = plan
        var tree = tree
        let program = plan.placements.map(\.range)
        guard program.contains(where: { $0.contains(GuestAddress(entry)) }) else {
            throw program.first.map { .entryOutsideImage(entry, $0) } ?? .entryOutsideSegments(entry)
        }
        let block = LinuxARM64Placement.blockSize
        // In RAM, so no overflow.
        let end = ((program.map(\.end.rawValue).max() ?? 0) + block - 1) & ~(block - 1)
        if let initrd = configuration.initrd, !initrd.isEmpty {
            tree.initrd = try plan.placeInitrd(initrd, at: end + block, limit: .max)
        }
        let deviceTree = try flatten(tree, configuration)
        let low = VirtPlatform.ramAddress
        let isFree =
            GuestRange(start: GuestAddress(low), size: UInt64(deviceTree.bytes.count))
            .map { room in !program.contains { $0.overlaps(room) } } ?? false
        let address = isFree ? low : end
        try plan.place(.deviceTree, at: address, deviceTree.bytes)
        return AArch64BootPlan(
            bootProtocol: .bareARM64, entry: entry,
            bootState: ARM64BootState(pc: entry, x0: address, features: tree.features),
            memoryMap: memoryMap(tree.ram), ramRanges: tree.ram, loadPlan: plan, handover: nil, deviceTree: deviceTree)
    }
}
