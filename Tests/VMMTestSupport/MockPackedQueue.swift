package import VMMCore

/// The driver's side of a packed virtqueue, in guest memory: obeys the rules, and lets a test break each of them.
///
/// Buffer ids are those of the buffers' first entries, plus `firstID`. Source: virtio 1.2 §2.8. Threading: one thread at a time.
package struct MockPackedQueue: Sendable {
    package typealias Buffer = MockDriverQueue.Buffer

    /// Descriptor flags.
    package static let next: UInt16 = 1, write: UInt16 = 2, indirect: UInt16 = 4
    package static let available: UInt16 = 1 << 7, used: UInt16 = 1 << 15
    /// Event suppression flags.
    package static let enable: UInt16 = 0, disable: UInt16 = 1, entry: UInt16 = 2

    package let memory: GuestMemory
    package let size: UInt16
    package var descriptorRing: UInt64
    package var driverArea: UInt64
    package var deviceArea: UInt64
    package var firstID: UInt16 = 0
    /// The next entry to make available, and the driver's wrap counter.
    package private(set) var place: UInt16 = 0
    package private(set) var wrap = true
    /// Where the next used descriptor will stand, and the wrap counter for that.
    private var usedPlace: UInt16 = 0
    private var usedWrap = true
    /// Entries of the buffers under way, by id.
    private var entries: [UInt16: UInt16] = [:]

    /// Puts the three areas one behind the other from `base` (a multiple of 16) on.
    package init(_ memory: GuestMemory, at base: UInt64, size: UInt16) {
        self.memory = memory
        self.size = size
        descriptorRing = base
        driverArea = base + 16 * UInt64(size)
        deviceArea = driverArea + 4
    }

    /// The flags that make an entry at `place` available.
    package var availableFlags: UInt16 { wrap ? Self.available : Self.used }

    // MARK: The driver's way

    /// Makes a buffer of `elements` available, its first entry last. Gives its id.
    @discardableResult
    package mutating func offer(_ elements: [Buffer]) throws -> UInt16 {
        let id = firstID &+ place
        let first = (place: place, flags: flags(elements, 0))
        for (position, element) in elements.enumerated() {
            try setDescriptor(place, address: element.address, length: element.length, id: id)
            if position > 0 { try setFlags(place, flags(elements, position)) }
            advance()
        }
        try setFlags(first.place, first.flags)
        entries[id] = UInt16(elements.count)
        return id
    }

    private func flags(_ elements: [Buffer], _ position: Int) -> UInt16 {
        availableFlags | (elements[position].isWritable ? Self.write : 0)
            | (position == elements.count - 1 ? 0 : Self.next)
    }

    /// Makes a buffer available whose elements stand in a table of their own at `table`.
    @discardableResult
    package mutating func offerIndirect(_ elements: [Buffer], table: UInt64) throws -> UInt16 {
        for (position, element) in elements.enumerated() {
            try setDescriptor(
                UInt16(position), address: element.address, length: element.length, id: 0, table: table)
            try setFlags(UInt16(position), element.isWritable ? Self.write : 0, table: table)
        }
        return try offerRaw(address: table, length: UInt32(16 * elements.count), flags: Self.indirect)
    }

    /// Makes one entry available with `flags` besides those for that. Gives its id.
    @discardableResult
    package mutating func offerRaw(address: UInt64, length: UInt32, flags: UInt16) throws -> UInt16 {
        let id = firstID &+ place
        try setDescriptor(place, address: address, length: length, id: id)
        try setFlags(place, availableFlags | flags)
        entries[id] = 1
        advance()
        return id
    }

    package mutating func advance() {
        place += 1
        guard place == size else { return }
        place = 0
        wrap.toggle()
    }

    /// The next used descriptor, if there is a new one.
    package mutating func takeUsed() throws -> (id: UInt16, length: UInt32, flags: UInt16)? {
        let entry = descriptorRing + 16 * UInt64(usedPlace)
        let flags = try memory.load(UInt16.self, at: GuestAddress(entry + 14), ordering: .acquireRelease)
        let expected = usedWrap ? Self.available | Self.used : 0
        guard flags & (Self.available | Self.used) == expected else { return nil }
        let length = try memory.load(UInt32.self, at: GuestAddress(entry + 8))
        let id = try memory.load(UInt16.self, at: GuestAddress(entry + 12))
        usedPlace += entries.removeValue(forKey: id) ?? 1
        if usedPlace >= size {
            usedPlace -= size
            usedWrap.toggle()
        }
        return (id, length, flags)
    }

    // MARK: Notifications

    /// What the driver wants to be told of. `event`: an entry, with the wrap counter in bit 15.
    package func setDriverEvent(_ flags: UInt16, _ event: UInt16 = 0) throws {
        try memory.store(event, at: GuestAddress(driverArea))
        try memory.store(flags, at: GuestAddress(driverArea + 2), ordering: .acquireRelease)
    }

    /// What the device wants to be told of.
    package var deviceEvent: (flags: UInt16, event: UInt16) {
        get throws {
            (
                try memory.load(UInt16.self, at: GuestAddress(deviceArea + 2)),
                try memory.load(UInt16.self, at: GuestAddress(deviceArea))
            )
        }
    }

    // MARK: Raw

    /// All of an entry but its flags.
    package func setDescriptor(
        _ index: UInt16, address: UInt64, length: UInt32, id: UInt16, table: UInt64? = nil
    ) throws {
        let entry = (table ?? descriptorRing) + 16 * UInt64(index)
        let bytes = address.littleEndianBytes + length.littleEndianBytes + id.littleEndianBytes
        try memory.copyIn(bytes, to: GuestAddress(entry))
    }

    package func setFlags(_ index: UInt16, _ flags: UInt16, table: UInt64? = nil) throws {
        let entry = (table ?? descriptorRing) + 16 * UInt64(index)
        try memory.copyIn(flags.littleEndianBytes, to: GuestAddress(entry + 14))
    }
}
