package import VMMCore

/// The driver's side of a split virtqueue, in guest memory: obeys the rules, and lets a test break each of them.
///
/// Descriptors are taken in order, modulo the size; nothing keeps a test from having too many under way.
/// Source: virtio 1.2 §2.7. Threading: one thread at a time.
package struct MockDriverQueue: Sendable {
    package struct Buffer: Sendable {
        package var address: UInt64
        package var length: UInt32
        /// The device writes it.
        package var isWritable: Bool

        package static func readable(_ address: UInt64, _ length: UInt32) -> Buffer {
            Buffer(address: address, length: length, isWritable: false)
        }
        package static func writable(_ address: UInt64, _ length: UInt32) -> Buffer {
            Buffer(address: address, length: length, isWritable: true)
        }
    }

    /// Descriptor flags.
    package static let next: UInt16 = 1, write: UInt16 = 2, indirect: UInt16 = 4

    package let memory: GuestMemory
    package let size: UInt16
    package var descriptorTable: UInt64
    package var driverArea: UInt64
    package var deviceArea: UInt64
    /// What `idx` of the available ring holds.
    package var availableIndex: UInt16 = 0
    /// The entries of the used ring that were looked at.
    package var seenUsed: UInt16 = 0
    private var nextDescriptor: UInt16 = 0

    /// Puts the three areas one behind the other from `base` (a multiple of 16) on.
    package init(_ memory: GuestMemory, at base: UInt64, size: UInt16) {
        self.memory = memory
        self.size = size
        descriptorTable = base
        driverArea = base + 16 * UInt64(size)
        deviceArea = (driverArea + 6 + 2 * UInt64(size) + 3) & ~3
    }

    /// The first address behind the areas.
    package var end: UInt64 { deviceArea + 6 + 8 * UInt64(size) }

    // MARK: The driver's way

    /// Makes a chain of `buffers` available. Gives its id.
    @discardableResult
    package mutating func offer(_ buffers: [Buffer]) throws -> UInt16 {
        let head = nextDescriptor % size
        for (position, buffer) in buffers.enumerated() {
            let isLast = position == buffers.count - 1
            let index = nextDescriptor % size
            nextDescriptor = (nextDescriptor + 1) % size
            try setDescriptor(
                index, address: buffer.address, length: buffer.length,
                flags: (buffer.isWritable ? Self.write : 0) | (isLast ? 0 : Self.next), next: nextDescriptor)
        }
        try offer(head: head)
        return head
    }

    /// Makes a chain available whose buffers stand in a table of their own at `table`.
    @discardableResult
    package mutating func offerIndirect(_ buffers: [Buffer], table: UInt64) throws -> UInt16 {
        for (position, buffer) in buffers.enumerated() {
            let isLast = position == buffers.count - 1
            try setDescriptor(
                UInt16(position), address: buffer.address, length: buffer.length,
                flags: (buffer.isWritable ? Self.write : 0) | (isLast ? 0 : Self.next), next: UInt16(position + 1),
                table: table)
        }
        let head = nextDescriptor
        nextDescriptor = (nextDescriptor + 1) % size
        try setDescriptor(head, address: table, length: UInt32(16 * buffers.count), flags: Self.indirect, next: 0)
        try offer(head: head)
        return head
    }

    /// Puts `head` into the available ring and moves the index on.
    package mutating func offer(head: UInt16) throws {
        try memory.store(head, at: GuestAddress(driverArea + 4 + 2 * UInt64(availableIndex % size)))
        availableIndex &+= 1
        try publish()
    }

    /// Writes the available index as it is.
    package func publish() throws {
        try memory.store(availableIndex, at: GuestAddress(driverArea + 2), ordering: .acquireRelease)
    }

    /// The next entry of the used ring, if there is a new one.
    package mutating func takeUsed() throws -> (id: UInt32, length: UInt32)? {
        guard try usedIndex != seenUsed else { return nil }
        let entry = deviceArea + 4 + 8 * UInt64(seenUsed % size)
        seenUsed &+= 1
        return (
            try memory.load(UInt32.self, at: GuestAddress(entry)),
            try memory.load(UInt32.self, at: GuestAddress(entry + 4))
        )
    }

    package var usedIndex: UInt16 {
        get throws { try memory.load(UInt16.self, at: GuestAddress(deviceArea + 2), ordering: .acquireRelease) }
    }

    // MARK: Notifications

    /// VIRTQ_AVAIL_F_NO_INTERRUPT.
    package func setNoInterrupt(_ set: Bool) throws {
        try memory.store(UInt16(set ? 1 : 0), at: GuestAddress(driverArea))
    }

    package func setUsedEvent(_ index: UInt16) throws {
        try memory.store(index, at: GuestAddress(driverArea + 4 + 2 * UInt64(size)))
    }

    /// VIRTQ_USED_F_NO_NOTIFY.
    package var noNotify: Bool {
        get throws { try memory.load(UInt16.self, at: GuestAddress(deviceArea)) & 1 == 1 }
    }

    package var availableEvent: UInt16 {
        get throws { try memory.load(UInt16.self, at: GuestAddress(deviceArea + 4 + 8 * UInt64(size))) }
    }

    // MARK: Raw

    package func setDescriptor(
        _ index: UInt16, address: UInt64, length: UInt32, flags: UInt16, next: UInt16, table: UInt64? = nil
    ) throws {
        let entry = (table ?? descriptorTable) + 16 * UInt64(index)
        let bytes =
            address.littleEndianBytes + length.littleEndianBytes + flags.littleEndianBytes + next.littleEndianBytes
        try memory.copyIn(bytes, to: GuestAddress(entry))
    }
}
