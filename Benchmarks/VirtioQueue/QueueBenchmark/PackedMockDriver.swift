internal import VMMCore
internal import VirtioDevices

/// A driver of a packed ring.
struct PackedMockDriver: MockDriver {
    static let features: VirtioFeatures = [.version1, .indirectDescriptors, .eventIndex, .packedRing]
    private static let size = MockRequest.queueSize

    let memory: GuestMemory
    let layout: QueueLayout
    private let ring: GuestWindow
    private let isIndirect: Bool
    /// The next entry to write, with the wrap counter.
    private var place = 0
    private var wrap = true
    /// The first entry of what was offered last, and its number of entries.
    private var offered: (place: Int, wrap: Bool, entries: Int) = (0, true, 0)

    init(indirect: Bool) throws {
        memory = try MockRequest.memory()
        let ram = MockRequest.ram
        layout = QueueLayout(
            size: UInt32(Self.size), descriptorTable: GuestAddress(ram), driverArea: GuestAddress(ram + 0x2000),
            deviceArea: GuestAddress(ram + 0x4000))
        guard let ring = memory.window(at: layout.descriptorTable, size: 16 * Self.size) else { throw Failure.memory }
        self.ring = ring
        isIndirect = indirect
        guard indirect else { return }
        for request in 0..<Self.size {
            for (position, part) in MockRequest.shape.enumerated() {
                let entry = MockRequest.table(request) + UInt64(position) * 16
                try memory.store(MockRequest.buffer(request), at: GuestAddress(entry))
                try memory.store(part.length, at: GuestAddress(entry + 8))
                try memory.store(UInt32(part.isWritable ? 2 : 0) << 16, at: GuestAddress(entry + 12))
            }
        }
    }

    mutating func offer(_ count: Int) {
        offered = (place, wrap, count * (isIndirect ? 1 : MockRequest.shape.count))
        for request in 0..<count {
            if isIndirect {
                put(MockRequest.table(request), 48, request, flags: 4)
            } else {
                for (position, part) in MockRequest.shape.enumerated() {
                    let isLast = position == MockRequest.shape.count - 1
                    put(
                        MockRequest.buffer(request), part.length, request,
                        flags: (part.isWritable ? 2 : 0) | (isLast ? 0 : 1))
                }
            }
        }
    }

    private mutating func put(_ address: UInt64, _ length: UInt32, _ id: Int, flags: UInt16) {
        ring.storeDoubleword(address, at: place * 16)
        ring.storeWord(length, at: place * 16 + 8)
        ring.storeHalfword(UInt16(id), at: place * 16 + 12)
        ring.storeHalfword(flags | (wrap ? 1 << 7 : 1 << 15), at: place * 16 + 14)
        place += 1
        if place == Self.size {
            place = 0
            wrap.toggle()
        }
    }

    /// Served in order, the last request's used descriptor stands where its first descriptor did.
    func isServed() -> Bool {
        let last = offered.place + offered.entries - (isIndirect ? 1 : MockRequest.shape.count)
        let isNextLap = last >= Self.size
        let flags = ring.loadHalfword(at: (isNextLap ? last - Self.size : last) * 16 + 14)
        let expected: UInt16 = offered.wrap != isNextLap ? 1 << 7 | 1 << 15 : 0
        return flags & (1 << 7 | 1 << 15) == expected
    }
}
