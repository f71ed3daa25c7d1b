import Testing
import VMMCore
import VMMTestSupport
import VirtioDevices

/// A vsock device for the guest with CID 42, and a driver for it. Packets to send lie at `packets`, receive buffers at `buffers`.
final class VsockFixture {
    typealias Base = VirtioFixture<VirtioVsock>

    static let cid: UInt64 = 42
    static let guestPort: UInt32 = 1000
    static let hostPort: UInt32 = 80
    static let bufferSize = 512
    static var packets: UInt64 { Base.buffers + 0x4_0000 }
    static var buffers: UInt64 { Base.buffers }
    static let rx = 0, tx = 1, event = 2

    /// A packet that the guest got.
    struct Packet: Equatable, CustomStringConvertible {
        var operation: VsockHeader.Operation?
        var guestPort: UInt32
        var hostPort: UInt32
        var payload: [UInt8] = []
        var flags: UInt32 = 0
        var description: String {
            "\(operation.map { "\($0)" } ?? "?") \(hostPort)>\(guestPort) \(payload.count) \(flags)"
        }
    }

    let vsock = ScriptedVsock()
    let base: Base
    var driver: MockMMIODriver { base.driver }
    /// Receive buffers that are offered, in their order.
    private var offered: [UInt32: UInt64] = [:]
    private var nextBuffer = 0
    /// Of the packets that were received last.
    private(set) var lastHeader: VsockHeader?
    /// What the guest's sockets say of their buffers.
    var room: UInt32 = 1 << 16
    var forwarded: UInt32 = 0

    init(buffers: Int = 32, queueSize: UInt16 = 64) throws {
        base = try Base(VirtioVsock(vsock, guestCID: Self.cid), queueSize: queueSize)
        vsock.listen(Self.hostPort)
        base.start()
        try offerBuffers(buffers)
    }

    // MARK: The guest

    func offerBuffers(_ count: Int, size: Int = bufferSize, notifies: Bool = true) throws {
        for _ in 0..<count {
            let address = Self.buffers + UInt64(nextBuffer % 128 * 0x400)
            nextBuffer += 1
            let id = try base.queues[Self.rx].offer([.writable(address, UInt32(size))])
            offered[UInt32(id)] = address
        }
        if notifies, count > 0 { driver.notify(UInt64(Self.rx)) }
    }

    /// Offers a packet in the transmit queue, its header and payload in two buffers.
    func offer(_ packet: VsockHeader, _ payload: [UInt8] = [], slot: UInt64 = 0) throws {
        var bytes: [UInt8] = []
        packet.encode(to: &bytes)
        let address = Self.packets + slot * 0x1000
        try base.memory.copyIn(bytes + payload, to: GuestAddress(address))
        var buffers: [MockDriverQueue.Buffer] = [.readable(address, 44)]
        if !payload.isEmpty { buffers.append(.readable(address + 44, UInt32(payload.count))) }
        try base.queues[Self.tx].offer(buffers)
    }

    func header(
        _ operation: VsockHeader.Operation, guestPort: UInt32 = VsockFixture.guestPort,
        hostPort: UInt32 = VsockFixture.hostPort, length: Int = 0, flags: UInt32 = 0
    ) -> VsockHeader {
        var header = VsockHeader(
            from: (Self.cid, guestPort), to: (VsockHeader.hostCID, hostPort), operation, length: UInt32(length),
            flags: flags)
        header.bufferSize = room
        header.forwarded = forwarded
        return header
    }

    func kick() { driver.notify(UInt64(Self.tx)) }

    /// Sends a packet, and expects its buffers back.
    func send(_ packet: VsockHeader, _ payload: [UInt8] = [], _ location: SourceLocation = #_sourceLocation) throws {
        try offer(packet, payload)
        kick()
        let used = try #require(try base.queues[Self.tx].takeUsed(), sourceLocation: location)
        #expect(used.length == 0, sourceLocation: location)
    }

    func send(
        _ operation: VsockHeader.Operation, guestPort: UInt32 = VsockFixture.guestPort,
        hostPort: UInt32 = VsockFixture.hostPort, _ payload: [UInt8] = [], flags: UInt32 = 0,
        _ location: SourceLocation = #_sourceLocation
    ) throws {
        let packet = header(
            operation, guestPort: guestPort, hostPort: hostPort, length: payload.count, flags: flags)
        try send(packet, payload, location)
    }

    /// What came back in the receive queue; the buffers are not offered again.
    func received(_ location: SourceLocation = #_sourceLocation) throws -> [Packet] {
        var packets: [Packet] = []
        while let used = try base.queues[Self.rx].takeUsed() {
            let address = try #require(offered[used.id], sourceLocation: location)
            let bytes = try base.memory.copyOut(GuestAddress(address), count: Int(used.length))
            let header = try #require(VsockHeader(bytes), sourceLocation: location)
            #expect(header.sourceCID == 2 && header.destinationCID == Self.cid, sourceLocation: location)
            #expect(Int(header.length) == bytes.count - 44, sourceLocation: location)
            lastHeader = header
            packets.append(
                Packet(
                    operation: VsockHeader.Operation(rawValue: header.operation), guestPort: header.destinationPort,
                    hostPort: header.sourcePort, payload: Array(bytes[44...]), flags: header.flags))
        }
        return packets
    }

    func packet(
        _ operation: VsockHeader.Operation, _ payload: [UInt8] = [], guestPort: UInt32 = VsockFixture.guestPort,
        hostPort: UInt32 = VsockFixture.hostPort, flags: UInt32 = 0
    ) -> Packet {
        Packet(operation: operation, guestPort: guestPort, hostPort: hostPort, payload: payload, flags: flags)
    }

    // MARK: Streams

    /// A stream that the guest has asked for.
    func open(
        guestPort: UInt32 = VsockFixture.guestPort, _ location: SourceLocation = #_sourceLocation
    ) throws -> ScriptedVsock.End {
        try send(.request, guestPort: guestPort, [], location)
        let end = try #require(vsock.opened.values.last, sourceLocation: location)
        #expect(try received(location) == [packet(.response, guestPort: guestPort)], sourceLocation: location)
        return end
    }
}
