package import VMMCore

/// What a driver did wrong with a virtqueue. The device then needs a reset (virtio 1.2 §2.1.2), and works on no queue more.
///
/// It is never the end of a chain or an empty ring: those are other types.
package enum QueueFault: Error, Hashable, Sendable {
    /// A part of a split or packed ring. Source: virtio 1.2 §2.7, §2.8.
    package enum Area: Hashable, Sendable {
        case descriptorTable
        case availableRing
        case usedRing
        case descriptorRing
        case driverEventSuppression
        case deviceEventSuppression
    }

    /// More than the device offered, none, or in a split ring not a power of two.
    case badSize(UInt32, maximum: UInt16)
    case misaligned(Area, GuestAddress)
    /// Not all of the area is RAM.
    case outsideRAM(Area, GuestAddress)
    /// The available index went further than the queue has entries, or backwards.
    case availableIndexJump(from: UInt16, to: UInt16)
    /// More chains are made available than there are descriptors to make them of.
    case tooManyChains
    case headOutOfRange(UInt16)
    case nextOutOfRange(UInt16)
    /// More descriptors than the queue has entries: a loop, or an attempt to keep the device busy.
    case chainTooLong
    /// More than 2^32 bytes: a loop, or an attempt to overflow a length.
    case tooManyBytes
    /// Not all of the buffer is RAM: a device's registers, past the end of RAM, or past 2^64.
    case bufferOutsideRAM(GuestAddress, length: UInt32)
    case readableBehindWritable
    /// A packed ring's chain goes on in an entry that was not made available with its first one.
    case chainNotAvailable
    /// More entries of a packed ring are made available than there is room for beside those the device has.
    case ringOverrun
    case indirectNotNegotiated
    case indirectWithNext
    /// An indirect descriptor behind others, in a packed ring.
    case indirectInChain
    case nestedIndirect
    /// Not a multiple of 16, none at all, or more than the queue has entries.
    case badIndirectLength(UInt32)
    case indirectTableOutsideRAM(GuestAddress, length: UInt32)
    /// A buffer that the device must write in a queue that it only reads from, or the other way round.
    case wrongDirection
    /// A block request with fewer readable bytes than its header has.
    case blockHeaderTooShort(UInt64)
    /// A block request without a byte to write the status to.
    case blockStatusMissing
    /// A frame to send with fewer bytes than its header has.
    case networkHeaderTooShort(UInt64)
    /// A buffer for frames with less room than their header takes.
    case networkBufferTooSmall(UInt64)
    /// A network command without class and command, or without a byte for the answer.
    case networkCommandTooShort
    /// A 9P request with fewer readable bytes than a message's header has, or a writable part that an error does not fit into.
    case ninePRequestTooShort(UInt64)
    case ninePReplyTooShort(UInt64)
    /// A vsock packet with fewer bytes than its header has, or a buffer for packets or events with too little room.
    case vsockHeaderTooShort(UInt64)
    case vsockBufferTooSmall(UInt64)
    /// A pmem request without four bytes for its type, or for the answer.
    case persistentMemoryRequestTooShort

    /// The clause of virtio 1.2 that was broken.
    package var clause: String {
        switch self {
        case .badSize, .misaligned: "§2.7, §2.8.10.1"
        case .outsideRAM: "§2.7.1, §2.8.10.1"
        case .availableIndexJump: "§2.7.13.3.1"
        case .tooManyChains: "§2.7.13, §2.8.17"
        case .headOutOfRange: "§2.7.6"
        case .nextOutOfRange: "§2.7.5"
        case .bufferOutsideRAM: "§2.7.5, §2.8.4"
        case .chainTooLong: "§2.7.5.2, §2.8.17"
        case .tooManyBytes: "§2.7.5.2"
        case .readableBehindWritable: "§2.7.4.2, §2.8.17"
        case .chainNotAvailable, .ringOverrun: "§2.8.17"
        case .indirectInChain: "§2.8.19"
        case .indirectNotNegotiated, .indirectWithNext, .badIndirectLength: "§2.7.5.3.1, §2.8.19"
        case .nestedIndirect: "§2.7.5.3.1"
        case .indirectTableOutsideRAM: "§2.7.5.3, §2.8.7"
        case .blockHeaderTooShort, .blockStatusMissing: "§5.2.6"
        case .networkHeaderTooShort: "§5.1.6"
        case .networkBufferTooSmall: "§5.1.6.3.1"
        case .networkCommandTooShort: "§5.1.6.5"
        case .ninePRequestTooShort, .ninePReplyTooShort: "§5, device 9"
        case .vsockHeaderTooShort, .vsockBufferTooSmall: "§5.10.6"
        case .persistentMemoryRequestTooShort: "§5.19.6"
        case .wrongDirection: "the device's own clause"
        }
    }
}
