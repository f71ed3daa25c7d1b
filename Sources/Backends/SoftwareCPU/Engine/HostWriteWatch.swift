internal import Synchronization
internal import VMMCore

/// Drops decoded code that a device, a debugger or a loader overwrites in guest memory.
///
/// On the guest's own stores see `Core.noticeStore`. A64 guests must maintain their instruction cache after DMA, and then
/// IC IVAU drops the code; what forgets that runs on CPUs with a coherent cache, and here.
///
/// A decoder marks the page, then reads the bytes; a writer writes the bytes, then, after a fence, looks for the mark: one of
/// the two sees the other. Every CPU drops the code before its next block, so before it can act on anything that was
/// written later, such as the used index of a ring.
///
/// It does not keep the memory, which keeps it. Threading: any thread.
final class HostWriteWatch: GuestWriteObserver {
    private let regions: [RAMMap.Region]
    private let codeMarks: HostArray
    private let group: CPUGroup

    init(_ ram: RAMMap, _ group: CPUGroup) {
        regions = ram.regions
        codeMarks = ram.codeMarks
        self.group = group
    }

    func noteWrite(_ address: GuestAddress, count: UInt64) {
        // Pairs with the read-modify-write in RAMMap.markCode.
        atomicMemoryFence(ordering: .sequentiallyConsistent)
        for region in regions where address.rawValue &- region.start < region.size {
            var offset = address.rawValue &- region.start
            // A write lies in one region.
            let end = min(offset &+ count, region.size)
            while offset < end {
                let piece = min(end, (offset & SoftTLB.pageMask) &+ SoftTLB.pageSize) &- offset
                drop(region.firstPage + Int(offset >> 12), RAMMap.eighths(offset, piece))
                offset &+= piece
            }
        }
    }

    private func drop(_ page: Int, _ eighths: UInt8) {
        let mark = codeMarks.atomicByte(page)
        guard mark.load() & eighths != 0 else { return }
        mark.store(0)
        group.broadcastFromOutside(.invalidateCode(page: page))
    }
}
