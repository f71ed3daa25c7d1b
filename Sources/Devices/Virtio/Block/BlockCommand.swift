internal import VMMCore

/// A driver's request to a block device, read once and checked: what is to be done about it. Pure.
///
/// Source: virtio 1.2 §5.2.6, struct virtio_blk_req, and its §5.2.6.1 and §5.2.6.2.
enum BlockCommand: Hashable {
    /// struct virtio_blk_req's le32 type, le32 reserved, le64 sector.
    static let headerSize = 16
    /// struct virtio_blk_discard_write_zeroes: le64 sector, le32 num_sectors, le32 flags.
    static let rangeSize = 16
    /// Of the string that VIRTIO_BLK_T_GET_ID gives.
    static let serialSize = 20

    /// The last byte of a request.
    enum Status: UInt8 {
        case ok = 0
        case ioError = 1
        case unsupported = 2
    }

    enum Kind: UInt32 {
        case read = 0
        case write = 1
        case flush = 4
        case getID = 8
        case discard = 11
        case writeZeroes = 13
    }

    /// Answer at once.
    case reply(Status)
    /// Answer at once, with the serial number.
    case identify
    case perform(BlockOperation, offset: UInt64, length: UInt64)

    /// What a chain looks like, less its header and status.
    struct Shape: Hashable {
        var readableData: UInt64
        var writableData: UInt64
    }

    /// - Parameters:
    ///   - bytes: the header, and what follows it as far as a range goes.
    ///   - features: what driver and device agreed on.
    init(_ bytes: [UInt8], _ shape: Shape, disk: BlockProperties, features: UInt64) {
        let sector = Self.integer(bytes, at: 8, size: 8)
        switch Kind(rawValue: UInt32(truncatingIfNeeded: Self.integer(bytes, at: 0, size: 4))) {
        case .read:
            guard shape.readableData == 0 else { self = .reply(.ioError); return }
            self = Self.data(.read, sector, shape.writableData, disk)
        case .write:
            guard !disk.isReadOnly, shape.writableData == 0 else { self = .reply(.ioError); return }
            self = Self.data(.write, sector, shape.readableData, disk)
        case .flush:
            guard features & VirtioBlockConfiguration.flush != 0 else { self = .reply(.unsupported); return }
            self = disk.isReadOnly ? .reply(.ok) : .perform(.flush, offset: 0, length: 0)
        case .getID: self = .identify
        case .discard:
            guard features & VirtioBlockConfiguration.discard != 0 else { self = .reply(.unsupported); return }
            self = Self.range(bytes, shape, disk, limit: VirtioBlockConfiguration.discardSectors) { flags in
                // §5.2.6.2: UNSUPP for a discard with the unmap flag, too.
                flags == 0 ? .discard : nil
            }
        case .writeZeroes:
            guard features & VirtioBlockConfiguration.writeZeroes != 0 else { self = .reply(.unsupported); return }
            self = Self.range(bytes, shape, disk, limit: VirtioBlockConfiguration.zeroSectors) { flags in
                // Bit 0: unmap. §5.2.6.2: UNSUPP for any other.
                flags & ~1 == 0 ? .writeZeroes(mayUnmap: flags == 1) : nil
            }
        case nil: self = .reply(.unsupported)
        }
    }

    private static func data(
        _ operation: BlockOperation, _ sector: UInt64, _ length: UInt64, _ disk: BlockProperties
    ) -> BlockCommand {
        guard length % BlockProperties.sectorSize == 0,
            let offset = offset(sector, sectors: length / BlockProperties.sectorSize, disk)
        else { return .reply(.ioError) }
        return length == 0 ? .reply(.ok) : .perform(operation, offset: offset, length: length)
    }

    private static func range(
        _ bytes: [UInt8], _ shape: Shape, _ disk: BlockProperties, limit: UInt32,
        operation: (UInt32) -> BlockOperation?
    ) -> BlockCommand {
        // §5.2.6.1: a driver MUST NOT send more ranges than max_discard_seg or max_write_zeroes_seg, which is one.
        guard shape.readableData == UInt64(rangeSize), shape.writableData == 0 else { return .reply(.ioError) }
        let sector = integer(bytes, at: headerSize, size: 8)
        let count = UInt32(truncatingIfNeeded: integer(bytes, at: headerSize + 8, size: 4))
        guard let operation = operation(UInt32(truncatingIfNeeded: integer(bytes, at: headerSize + 12, size: 4))) else {
            return .reply(.unsupported)
        }
        guard count <= limit, let offset = offset(sector, sectors: UInt64(count), disk) else {
            return .reply(.ioError)
        }
        let length = UInt64(count) * BlockProperties.sectorSize
        return length == 0 ? .reply(.ok) : .perform(operation, offset: offset, length: length)
    }

    /// Where the sectors begin, in bytes; nil: not all of them are on the disk.
    private static func offset(_ sector: UInt64, sectors: UInt64, _ disk: BlockProperties) -> UInt64? {
        let (end, overflow) = sector.addingReportingOverflow(sectors)
        guard !overflow, end <= disk.capacity / BlockProperties.sectorSize else { return nil }
        return sector * BlockProperties.sectorSize
    }

    private static func integer(_ bytes: [UInt8], at offset: Int, size: Int) -> UInt64 {
        var value: UInt64 = 0
        for index in (offset..<offset + size).reversed() { value = value << 8 | UInt64(bytes[index]) }
        return value
    }
}
