internal import VMMCore

/// The block device's features and configuration space.
///
/// Source: virtio 1.2 §5.2.3, §5.2.4, struct virtio_blk_config.
enum VirtioBlockConfiguration {
    /// VIRTIO_BLK_F_SEG_MAX: `seg_max` is there.
    static let segmentMaximum: UInt64 = 1 << 2
    /// VIRTIO_BLK_F_RO.
    static let readOnly: UInt64 = 1 << 5
    /// VIRTIO_BLK_F_BLK_SIZE.
    static let blockSize: UInt64 = 1 << 6
    /// VIRTIO_BLK_F_FLUSH. Without it, writes are durable when they complete (§5.2.6.2).
    static let flush: UInt64 = 1 << 9
    /// VIRTIO_BLK_F_TOPOLOGY.
    static let topology: UInt64 = 1 << 10
    /// VIRTIO_BLK_F_MQ: `num_queues` is there.
    static let multiQueue: UInt64 = 1 << 12
    /// VIRTIO_BLK_F_DISCARD.
    static let discard: UInt64 = 1 << 13
    /// VIRTIO_BLK_F_WRITE_ZEROES.
    static let writeZeroes: UInt64 = 1 << 14

    static func features(_ disk: BlockProperties) -> UInt64 {
        let common = segmentMaximum | blockSize | flush | topology | multiQueue
        return common | (disk.isReadOnly ? readOnly : discard | writeZeroes)
    }

    /// Most sectors of a discard: 1 GiB, which a host frees at once.
    static let discardSectors: UInt32 = 1 << 21
    /// Most sectors of a write of zeros: 64 MiB. A host that cannot punch holes has to write them.
    static let zeroSectors: UInt32 = 1 << 17
    /// Ranges of such a request.
    static let rangesPerRequest: UInt32 = 1

    /// The configuration space's bytes, which do not change.
    static func bytes(_ disk: BlockProperties, queueCount: UInt16, queueSize: UInt16) -> [UInt8] {
        let sectors = disk.capacity / BlockProperties.sectorSize
        let (logical, physical) = (disk.logicalBlockSize, disk.physicalBlockSize)
        let exponent = UInt8(truncatingIfNeeded: physical.trailingZeroBitCount - logical.trailingZeroBitCount)
        let blockSectors = UInt32(truncatingIfNeeded: UInt64(physical) / BlockProperties.sectorSize)
        let canDiscard = !disk.isReadOnly
        let rangeSectors: [UInt32] =
            canDiscard
            ? [
                discardSectors, rangesPerRequest, blockSectors, zeroSectors, rangesPerRequest,
                1,  // write_zeroes_may_unmap, and three bytes unused
            ] : [0, 0, 0, 0, 0, 0]
        var bytes: [UInt8] = []
        func put(_ value: some FixedWidthInteger) {
            for index in 0..<value.bitWidth / 8 { bytes.append(UInt8(truncatingIfNeeded: value >> (index * 8))) }
        }
        put(sectors)  // 0: capacity
        put(0 as UInt32)  // 8: size_max, not offered
        put(UInt32(queueSize) - 2)  // 12: seg_max: a ring's worth, less header and status
        put(0 as UInt32)  // 16: geometry, not offered
        put(logical)  // 20: blk_size
        put(exponent)  // 24: physical_block_exp
        put(0 as UInt8)  // 25: alignment_offset
        put(UInt16(1) << exponent)  // 26: min_io_size, in logical blocks
        put(0 as UInt32)  // 28: opt_io_size: no wish
        put(1 as UInt8)  // 32: writeback, without VIRTIO_BLK_F_CONFIG_WCE nobody looks
        put(0 as UInt8)  // 33: unused0
        put(queueCount)  // 34: num_queues
        for value in rangeSectors { put(value) }  // 36 to 59
        return bytes
    }
}
