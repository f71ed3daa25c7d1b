internal import VMMCore
internal import VirtioDevices

/// A driver that keeps a ring full of the same requests, with nothing in it that takes time of its own.
protocol MockDriver {
    /// - Parameter indirect: each request has a table of its own.
    init(indirect: Bool) throws

    var memory: GuestMemory { get }
    var layout: QueueLayout { get }
    /// What it takes of the queues' features.
    static var features: VirtioFeatures { get }

    /// Makes `count` requests available, at most as many as fit.
    mutating func offer(_ count: Int)

    /// Everything that was offered has come back. Asked once after each `offer`.
    mutating func isServed() -> Bool
}

/// What the requests are, and where they lie.
enum MockRequest {
    static let ram: UInt64 = 0x4000_0000
    static let queueSize = 256

    /// A block read: header, data, status.
    static let shape: [(length: UInt32, isWritable: Bool)] = [(16, false), (4096, true), (1, true)]

    static func buffer(_ request: Int) -> UInt64 { ram + 0x10_0000 + UInt64(request) * 0x2000 }
    static func table(_ request: Int) -> UInt64 { ram + 0x1_0000 + UInt64(request) * 64 }

    static func memory() throws -> GuestMemory {
        guard let range = GuestRange(start: GuestAddress(ram), size: 64 << 20) else { throw Failure.memory }
        return try GuestMemory([range])
    }
}

/// A driver of a split ring.
struct SplitMockDriver: MockDriver {
    static let features: VirtioFeatures = [.version1, .indirectDescriptors, .eventIndex]
    private static let ram = MockRequest.ram
    private static let size = MockRequest.queueSize

    let memory: GuestMemory
    let layout: QueueLayout
    private let available: GuestWindow
    private let used: GuestWindow
    private var index: UInt16 = 0

    init(indirect: Bool) throws {
        memory = try MockRequest.memory()
        layout = QueueLayout(
            size: UInt32(Self.size), descriptorTable: GuestAddress(Self.ram),
            driverArea: GuestAddress(Self.ram + 0x2000), deviceArea: GuestAddress(Self.ram + 0x4000))
        guard let available = memory.window(at: layout.driverArea, size: 6 + 2 * Self.size),
            let used = memory.window(at: layout.deviceArea, size: 6 + 8 * Self.size)
        else { throw Failure.memory }
        self.available = available
        self.used = used
        // A divisor of the ring, so that no request stands in two entries under way.
        let capacity = indirect ? Self.size : Self.size / 4
        for request in 0..<capacity {
            let table = indirect ? MockRequest.table(request) : Self.ram
            let first = indirect ? 0 : request * MockRequest.shape.count
            for (position, part) in MockRequest.shape.enumerated() {
                let isLast = position == MockRequest.shape.count - 1
                try put(
                    first + position, in: table, address: MockRequest.buffer(request),
                    length: part.length, flags: (part.isWritable ? 2 : 0) | (isLast ? 0 : 1),
                    next: UInt16(first + position + 1))
            }
            if indirect { try put(request, in: Self.ram, address: table, length: 48, flags: 4, next: 0) }
        }
        // The ring's entries stay what they are: the requests in turn.
        for entry in 0..<Self.size {
            let head = UInt16(entry % capacity * (indirect ? 1 : MockRequest.shape.count))
            available.storeHalfword(head, at: 4 + 2 * entry)
        }
    }

    private func put(
        _ index: Int, in table: UInt64, address: UInt64, length: UInt32, flags: UInt16, next: UInt16
    ) throws {
        let entry = table + UInt64(index) * 16
        try memory.store(address, at: GuestAddress(entry))
        try memory.store(length, at: GuestAddress(entry + 8))
        try memory.store(flags, at: GuestAddress(entry + 12))
        try memory.store(next, at: GuestAddress(entry + 14))
    }

    mutating func offer(_ count: Int) {
        index &+= UInt16(count)
        available.storeHalfword(index, at: 2)
    }

    func isServed() -> Bool { used.loadHalfword(at: 2) == index }
}

extension MockDriver {
    /// Brings a device to DRIVER_OK with this ring as its queue 0. Source: virtio 1.2 §3.1.1, §4.2.2.
    /// - Parameter extra: features of the device type.
    func start(_ device: VirtioMMIO, extra: UInt64) {
        let features = Self.features.rawValue | extra
        func write(_ value: UInt64, _ offset: UInt64) { device.write(value, at: offset, width: .word) }
        for status in [0, 1, 3] as [UInt64] { write(status, 0x70) }
        for half in [0, 1] as [UInt64] {
            write(half, 0x24)
            write(features >> (32 * half) & 0xFFFF_FFFF, 0x20)
        }
        write(0xB, 0x70)
        write(0, 0x30)
        write(UInt64(layout.size), 0x38)
        for (offset, address) in [(0x80, layout.descriptorTable), (0x90, layout.driverArea), (0xA0, layout.deviceArea)]
        {
            write(address.rawValue & 0xFFFF_FFFF, UInt64(offset))
            write(address.rawValue >> 32, UInt64(offset) + 4)
        }
        write(1, 0x44)
        write(0xF, 0x70)
    }
}

enum Failure: Error {
    case memory
    case notServed
    case fault(QueueFault)
}
