internal import AllocationCount
internal import NetworkFrames
internal import VMMCore
internal import VirtioDevices

/// A network that takes everything at once, and gives what the benchmark says.
final class NullNetwork: NetworkBackend {
    let properties = NetworkProperties(
        transmitOffloads: [.checksum, .tcp4, .tcp6], receiveOffloads: [.checksum, .tcp4, .tcp6])
    let isLinkUp = true
    func attach(_ client: any NetworkClient, offloads: NetworkOffloads) {}
    func detach() {}
    func send(_ bytes: [UInt8], _ range: Range<Int>) -> Bool { true }
    func commit() {}
    func resumeReceiving() {}
}

/// A driver of a network device whose rings hold the same buffers all the time.
struct NetworkDriver {
    static let ram: UInt64 = 0x4000_0000
    static let size = 256
    /// What Linux offers for mergeable buffers when frames are large: pages.
    static let receiveBufferSize = 4096
    private static let pieceSize = 4096
    /// Event index, indirect descriptors, version 1; checksums and TCP segmentation both ways, mergeable buffers.
    private static let features = VirtioFeatures.common.rawValue | 0x9983

    let memory: GuestMemory
    private let available: [GuestWindow]
    private let used: [GuestWindow]
    private var indices: [UInt16] = [0, 0]

    /// - Parameter frame: with its header, what each entry of the transmit ring holds.
    init(_ frame: [UInt8]) throws {
        guard let range = GuestRange(start: GuestAddress(Self.ram), size: 256 << 20) else { throw Failure.memory }
        let memory = try GuestMemory([range])
        self.memory = memory
        func windows(_ offset: UInt64, _ size: Int) throws -> [GuestWindow] {
            try (0..<2 as Range<UInt64>).map { queue in
                let start = GuestAddress(Self.ram + queue * 0x1_0000 + offset)
                guard let window = memory.window(at: start, size: size) else { throw Failure.memory }
                return window
            }
        }
        available = try windows(0x2000, 6 + 2 * Self.size)
        used = try windows(0x4000, 6 + 8 * Self.size)
        for entry in 0..<Self.size {
            for queue in available { queue.storeHalfword(UInt16(entry), at: 4 + 2 * entry) }
            try put(
                entry, in: Self.ram, Self.ram + 0x10_0000 + UInt64(entry * Self.receiveBufferSize),
                Self.receiveBufferSize, flags: 2, next: 0)
            try putFrame(frame, entry)
        }
    }

    /// One buffer, or a table of pieces of pages.
    private func putFrame(_ frame: [UInt8], _ entry: Int) throws {
        let start = Self.ram + 0x800_0000 + UInt64(entry) * 0x2_0000
        try memory.copyIn(frame, to: GuestAddress(start))
        guard frame.count > Self.pieceSize else {
            return try put(entry, in: Self.ram + 0x1_0000, start, frame.count, flags: 0, next: 0)
        }
        let table = Self.ram + 0x40_0000 + UInt64(entry) * 0x1000
        let count = (frame.count + Self.pieceSize - 1) / Self.pieceSize
        for piece in 0..<count {
            let offset = piece * Self.pieceSize
            try put(
                piece, in: table, start + UInt64(offset), min(Self.pieceSize, frame.count - offset),
                flags: piece < count - 1 ? 1 : 0, next: piece + 1)
        }
        try put(entry, in: Self.ram + 0x1_0000, table, 16 * count, flags: 4, next: 0)
    }

    private func put(
        _ index: Int, in table: UInt64, _ address: UInt64, _ length: Int, flags: UInt16, next: Int
    ) throws {
        let entry = table + UInt64(index) * 16
        try memory.store(address, at: GuestAddress(entry))
        try memory.store(UInt32(length), at: GuestAddress(entry + 8))
        try memory.store(flags, at: GuestAddress(entry + 12))
        try memory.store(UInt16(next), at: GuestAddress(entry + 14))
    }

    /// Brings a device to DRIVER_OK. Source: virtio 1.2 §3.1.1, §4.2.2.
    func start(_ device: VirtioMMIO) {
        func write(_ value: UInt64, _ offset: UInt64) { device.write(value, at: offset, width: .word) }
        for status in [0, 1, 3] as [UInt64] { write(status, 0x70) }
        for half in [0, 1] as [UInt64] {
            write(half, 0x24)
            write(Self.features >> (32 * half) & 0xFFFF_FFFF, 0x20)
        }
        write(0xB, 0x70)
        for queue in [0, 1] as [UInt64] {
            write(queue, 0x30)
            write(UInt64(Self.size), 0x38)
            for (offset, area) in [(0x80, 0), (0x90, 0x2000), (0xA0, 0x4000)] as [(UInt64, UInt64)] {
                write(Self.ram + queue * 0x1_0000 + area, offset)
                write(0, offset + 4)
            }
            write(1, 0x44)
        }
        write(0xF, 0x70)
    }

    mutating func offer(_ count: Int, _ queue: Int) {
        indices[queue] &+= UInt16(count)
        available[queue].storeHalfword(indices[queue], at: 2)
    }

    /// Buffers that have come back and are not offered again.
    func returned(_ queue: Int) -> Int {
        Int(used[queue].loadHalfword(at: 2) &- indices[queue] &+ (queue == 0 ? UInt16(Self.size) : 0))
    }
}

/// An Ethernet frame with TCP in it, header first; one above the MTU stands for several.
private func frame(_ count: Int) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: NetworkFrame.headerSize + count)
    var header = OffloadHeader(checksum: OffloadHeader.PartialChecksum(start: 34, offset: 16))
    if count > 1514 { header.segmentation = OffloadHeader.Segmentation(kind: .tcp4, size: 1448) }
    header.write(into: &bytes, at: 0)
    let start: [UInt8] = [8, 0, 0x45]
    bytes.replaceSubrange(24..<27, with: start)
    bytes[12 + 23] = 6
    bytes[12 + 46] = 0x50
    return bytes
}

/// The whole network device: notification or frame from the network, copy, checks, used ring, interrupt.
/// - Parameter isSending: towards the network.
func measureNetwork(size: Int, isSending: Bool, batch: Int, frames: Int) throws -> Cost {
    let bytes = frame(size)
    var driver = try NetworkDriver(bytes)
    let clock = HostClock()
    let card = VirtioNetwork(NullNetwork(), address: [2, 0, 0, 0, 0, 1], pairCount: 1)
    let mmio = VirtioMMIO(
        card, name: "network", memory: driver.memory, interrupt: NoLine(),
        faults: GuestFaultLog(clock: clock) { print($0) })
    driver.start(mmio)
    driver.offer(NetworkDriver.size, 0)
    var cost = Cost()
    cost.turns.reserveCapacity(frames / batch + 2)
    var isWarm = false
    while cost.requests < frames {
        if isSending { driver.offer(batch, 1) }
        let allocations = allocation_count()
        let start = clock.now
        if isSending {
            mmio.write(1, at: 0x50, width: .word)
        } else {
            for _ in 0..<batch {
                guard card.receive(bytes, 0..<bytes.count) else { throw Failure.notServed }
            }
            card.receivedAll()
        }
        let end = clock.now
        let made = allocation_count() - allocations
        guard isSending ? driver.returned(1) == 0 : driver.returned(0) > 0 else { throw Failure.notServed }
        if !isSending { driver.offer(driver.returned(0), 0) }
        mmio.write(1, at: 0x64, width: .word)
        // The first turn fills caches and makes the storage that goes round from then on.
        defer { isWarm = true }
        guard isWarm else { continue }
        cost.allocations += made
        cost.requests += batch
        cost.turns.append(Double((end - start).rawValue) / Double(batch))
    }
    return cost
}

func reportNetwork(_ name: String, _ size: Int, _ cost: Cost) {
    let sorted = cost.turns.sorted()
    let median = max(sorted[sorted.count / 2], 0.01)
    let thousands = (1_000_000 / median * 10).rounded() / 10
    let gigabits = (Double(size) * 8 / median * 10).rounded() / 10
    print(
        "\(name)   \(thousands) k frames/s, \(gigabits) Gbit/s, \(cost.allocations) allocations in \(cost.requests) frames"
    )
}
