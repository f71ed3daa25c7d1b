import Testing
import VMMCore
import VMMTestSupport
import VirtioDevices

/// A block device of 64 sectors with two queues, and a driver for its requests.
///
/// Headers lie at `buffers`, data at `data`, status bytes at `status`.
struct BlockFixture {
    typealias Base = VirtioFixture<VirtioBlock>

    static let flush: UInt64 = 1 << 9, discard: UInt64 = 1 << 13, writeZeroes: UInt64 = 1 << 14
    static let multiQueue: UInt64 = 1 << 12, readOnly: UInt64 = 1 << 5
    static let ok: UInt8 = 0, ioError: UInt8 = 1, unsupported: UInt8 = 2
    /// What a status byte holds before the device has written it.
    static let untouched: UInt8 = 0xEE

    static var header: UInt64 { Base.buffers }
    static var data: UInt64 { Base.buffers + 0x1000 }
    static var status: UInt64 { Base.buffers + 0x6_0000 }

    let storage: ScriptedStorage
    let base: Base

    init(
        _ storage: ScriptedStorage = ScriptedStorage(), serial: String = "",
        features: UInt64? = nil, queueSize: UInt16 = 8
    ) throws {
        self.storage = storage
        let range = try #require(GuestRange(start: GuestAddress(Base.ram), size: Base.ramSize))
        let memory = try GuestMemory([range])
        let device = VirtioBlock(storage, serial: serial, memory: memory, queueCount: 2)
        base = try Base(device, queueSize: queueSize, memory: memory)
        base.start(features ?? (Self.flush | Self.discard | Self.writeZeroes) & base.driver.offeredFeatures)
    }

    func put(_ bytes: [UInt8], _ address: UInt64) throws { try base.memory.copyIn(bytes, to: GuestAddress(address)) }
    func get(_ address: UInt64, _ count: Int) throws -> [UInt8] {
        try base.memory.copyOut(GuestAddress(address), count: count)
    }
    var statusByte: UInt8 { get throws { try get(Self.status, 1)[0] } }

    /// Offers a request: header, `data`, status.
    func offer(
        _ type: UInt32, sector: UInt64 = 0, _ data: [MockDriverQueue.Buffer] = [], queue: Int = 0
    ) throws {
        try put(type.littleEndianBytes + [0, 0, 0, 0] + sector.littleEndianBytes, Self.header)
        try put([Self.untouched], Self.status)
        try base.queues[queue].offer([.readable(Self.header, 16)] + data + [.writable(Self.status, 1)])
        base.driver.notify(UInt64(queue))
    }

    /// Offers a request and gives its status and used length.
    func perform(
        _ type: UInt32, sector: UInt64 = 0, _ data: [MockDriverQueue.Buffer] = [], queue: Int = 0,
        _ location: SourceLocation = #_sourceLocation
    ) throws -> (status: UInt8, length: UInt32) {
        try offer(type, sector: sector, data, queue: queue)
        let used = try #require(try base.queues[queue].takeUsed(), sourceLocation: location)
        return (try statusByte, used.length)
    }

    /// A discard or write of zeros.
    func range(_ type: UInt32, sector: UInt64, count: UInt32, flags: UInt32 = 0) throws -> UInt8 {
        try put(sector.littleEndianBytes + count.littleEndianBytes + flags.littleEndianBytes, Self.data)
        return try perform(type, [.readable(Self.data, 16)]).status
    }
}
