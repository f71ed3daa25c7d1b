import NetworkFrames
import Testing
import VMMCore
import VMMTestSupport
import VirtioDevices

/// A network device with two pairs of queues, and a driver for it. Frames to send lie at `frames`, receive buffers at `buffers`.
struct NetworkFixture {
    typealias Base = VirtioFixture<VirtioNetwork>
    typealias Buffer = MockDriverQueue.Buffer

    enum Feature {
        static let checksum: UInt64 = 1 << 0, guestChecksum: UInt64 = 1 << 1, guestOffloads: UInt64 = 1 << 2
        static let mtu: UInt64 = 1 << 3, address: UInt64 = 1 << 5
        static let guestTCP4: UInt64 = 1 << 7, guestTCP6: UInt64 = 1 << 8, guestECN: UInt64 = 1 << 9
        static let hostTCP4: UInt64 = 1 << 11, hostTCP6: UInt64 = 1 << 12, hostECN: UInt64 = 1 << 13
        static let mergeable: UInt64 = 1 << 15, status: UInt64 = 1 << 16, control: UInt64 = 1 << 17
        static let controlReceive: UInt64 = 1 << 18, controlExtra: UInt64 = 1 << 20
        static let announce: UInt64 = 1 << 21, multiQueue: UInt64 = 1 << 22, controlAddress: UInt64 = 1 << 23
        static let guestUDP4: UInt64 = 1 << 54, guestUDP6: UInt64 = 1 << 55, hostUDP: UInt64 = 1 << 56
        static let speed: UInt64 = 1 << 63
    }

    static let everything: NetworkOffloads = [.checksum, .tcp4, .tcp6, .udp, .ecn]
    static let address: [UInt8] = [0x52, 0x54, 0x00, 0x12, 0x34, 0x56]
    static let peer: [UInt8] = [0x52, 0x55, 0x0A, 0x00, 0x02, 0x02]
    static var frames: UInt64 { Base.buffers }
    static var buffers: UInt64 { Base.buffers + 0x2_0000 }
    static var commands: UInt64 { Base.buffers + 0x6_0000 }
    /// With multiqueue agreed on.
    static let controlIndex = 4

    let network: ScriptedNetwork
    let base: Base
    var device: VirtioNetwork { base.device }
    var driver: MockMMIODriver { base.driver }

    init(
        _ features: UInt64 = 0, mtu: UInt16 = 1500, offloads: NetworkOffloads = NetworkFixture.everything,
        pairs: Int = 2, queueSize: UInt16 = 16, starts: Bool = true
    ) throws {
        network = ScriptedNetwork(
            NetworkProperties(mtu: mtu, transmitOffloads: offloads, receiveOffloads: offloads))
        base = try Base(VirtioNetwork(network, address: Self.address, pairCount: pairs), queueSize: queueSize)
        if starts { base.start(features) }
    }

    func put(_ bytes: [UInt8], _ address: UInt64) throws { try base.memory.copyIn(bytes, to: GuestAddress(address)) }
    func get(_ address: UInt64, _ count: Int) throws -> [UInt8] {
        try base.memory.copyOut(GuestAddress(address), count: count)
    }

    // MARK: Frames

    /// The header of a frame: flags, gso_type, hdr_len, gso_size, csum_start, csum_offset, num_buffers.
    static func header(
        flags: UInt8 = 0, kind: UInt8 = 0, length: UInt16 = 0, size: UInt16 = 0, start: UInt16 = 0,
        offset: UInt16 = 0, buffers: UInt16 = 0
    ) -> [UInt8] {
        let tail = start.littleEndianBytes + offset.littleEndianBytes + buffers.littleEndianBytes
        return [flags, kind] + length.littleEndianBytes + size.littleEndianBytes + tail
    }

    /// An Ethernet frame of `count` bytes that carries nothing anybody knows.
    static func frame(_ count: Int, to destination: [UInt8] = peer, seed: UInt8 = 0) -> [UInt8] {
        let headers = destination + address + [0x88, 0xB5]
        return headers + (0..<max(0, count - 14)).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 / 251) &+ seed }
    }

    /// A UDP frame of a flow between two ports of 10.0.2.15 and 10.0.2.2.
    static func datagram(guestPort: UInt16, isSent: Bool) -> [UInt8] {
        let guest: [UInt8] = [10, 0, 2, 15], host: [UInt8] = [10, 0, 2, 2]
        let ports = [guestPort, 7].map { $0.byteSwapped.littleEndianBytes }
        let ip: [UInt8] = [0x45, 0, 0, 32, 0, 0, 0, 0, 64, 17, 0, 0]
        let link = isSent ? peer + address : address + peer
        let addresses = isSent ? guest + host : host + guest
        let udp: [UInt8] = (isSent ? ports[0] + ports[1] : ports[1] + ports[0]) + [0, 12, 0, 0]
        let frame: [[UInt8]] = [link, [8, 0], ip, addresses, udp, [1, 2, 3, 4]]
        return frame.flatMap(\.self)
    }

    // MARK: To send

    /// Offers a frame in a transmit queue, its header in one buffer and the rest in another.
    func offer(
        _ frame: [UInt8], header: [UInt8] = NetworkFixture.header(), at address: UInt64 = NetworkFixture.frames,
        pair: Int = 0
    ) throws {
        try put(header + frame, address)
        try base.queues[2 * pair + 1].offer([
            .readable(address, UInt32(header.count)), .readable(address + UInt64(header.count), UInt32(frame.count)),
        ])
    }

    func kick(pair: Int = 0) { driver.notify(UInt64(2 * pair + 1)) }

    /// Offers a frame, notifies, and expects it to come back. Gives what the network got.
    func send(
        _ frame: [UInt8], header: [UInt8] = NetworkFixture.header(), pair: Int = 0,
        _ location: SourceLocation = #_sourceLocation
    ) throws -> [UInt8]? {
        let count = network.sent.count
        try offer(frame, header: header, pair: pair)
        kick(pair: pair)
        let used = try #require(try base.queues[2 * pair + 1].takeUsed(), sourceLocation: location)
        #expect(used.length == 0, sourceLocation: location)
        return network.sent.values.dropFirst(count).first
    }

    // MARK: To receive

    /// Offers receive buffers of `sizes`, one behind the other. Gives their addresses.
    @discardableResult
    func offerBuffers(
        _ sizes: [Int], from start: UInt64 = NetworkFixture.buffers, pair: Int = 0, notifies: Bool = true
    ) throws -> [UInt64] {
        var address = start
        var addresses: [UInt64] = []
        for size in sizes {
            try base.queues[2 * pair].offer([.writable(address, UInt32(size))])
            addresses.append(address)
            address += UInt64(size)
        }
        if notifies { driver.notify(UInt64(2 * pair)) }
        return addresses
    }

    /// The lengths of buffers that came back.
    func received(pair: Int = 0) throws -> [Int] {
        var lengths: [Int] = []
        while let used = try base.queues[2 * pair].takeUsed() { lengths.append(Int(used.length)) }
        return lengths
    }

    // MARK: Commands

    /// Sends a command and gives its answer.
    func command(
        _ bytes: [UInt8], queue: Int = controlIndex, _ location: SourceLocation = #_sourceLocation
    ) throws -> UInt8 {
        try put(bytes, Self.commands)
        try put([0xEE], Self.commands + 0x8000)
        try base.queues[queue].offer([
            .readable(Self.commands, UInt32(bytes.count)), .writable(Self.commands + 0x8000, 1),
        ])
        driver.notify(UInt64(queue))
        let used = try #require(try base.queues[queue].takeUsed(), sourceLocation: location)
        #expect(used.length == 1, sourceLocation: location)
        return try get(Self.commands + 0x8000, 1)[0]
    }

    /// The driver gets a frame to `destination`: there are buffers enough.
    func takes(_ destination: [UInt8]) throws -> Bool {
        try offerBuffers([2048])
        network.give(Self.header() + Self.frame(60, to: destination))
        return try received() != []
    }
}
