import Glibc
import HostIO
import Synchronization
import Testing
import VMMCore
import VMMTestSupport

@Suite(.timeLimit(.minutes(1))) struct StreamNetworkTests {
    private let running: RunningLoop
    private let ends = Ends.sockets()
    private let client = RecordingClient()
    private let failures = Failures()
    private let network: StreamNetwork

    init() throws {
        running = try RunningLoop()
        network = try Self.open(ends, .absent, [], running.loop, failures)
        network.attach(client, offloads: [])
    }

    private static func open(
        _ ends: Ends, _ headers: FrameHeaders, _ receiveOffloads: NetworkOffloads, _ loop: EventLoop,
        _ failures: Failures
    ) throws -> StreamNetwork {
        let properties = NetworkProperties(transmitOffloads: [.checksum], receiveOffloads: receiveOffloads)
        return try StreamNetwork(socket: ends.giveNear(), properties, headers, loop: loop) { failures.add($0) }
    }

    @Test("each frame goes behind its length, without the header, in the order of the calls")
    func sends() {
        let frames = [Frames.ethernet(1), Frames.ethernet(2, count: 1514), Frames.ethernet(3, count: 65_000)]
        for frame in frames { #expect(network.send(Frames.noHeader + frame)) }
        network.commit()
        #expect(ends.receive(4 * 3 + 60 + 1514 + 65_000) == frames.flatMap(Frames.framed))
    }

    @Test("frames that come get a header of zeros, however they are cut")
    func receives() {
        let frames = [Frames.ethernet(1), Frames.ethernet(2, count: 1514), Frames.ethernet(3, count: 14)]
        let stream = frames.flatMap(Frames.framed)
        for start in stride(from: 0, to: stream.count, by: 61) {
            ends.type(Array(stream[start..<min(start + 61, stream.count)]))
            running.settle()
        }
        for _ in frames { client.arrived.wait() }
        #expect(client.frames == frames.map { Frames.noHeader + $0 })
    }

    @Test("many large frames go round in the buffer")
    func goesRound() throws {
        let ends = ends
        let count = 200
        let writer = try HostThread.start(name: "peer") {
            for number in 0..<count {
                ends.type(Frames.framed(Frames.ethernet(UInt8(number), count: 14 + 320 * number)))
            }
        }
        for number in 0..<count {
            client.arrived.wait()
            let frame = client.state.withLock { $0.frames.removeFirst() }
            #expect(frame == Frames.noHeader + Frames.ethernet(UInt8(number), count: 14 + 320 * number))
        }
        writer.join()
    }

    @Test("a frame that the client refuses is offered again when there is room, and none is lost")
    func refused() {
        client.setRoom(1)
        ends.type((1...3).flatMap { Frames.framed(Frames.ethernet($0)) })
        client.arrived.wait()
        client.refused.wait()
        #expect(client.frames.count == 1)
        // More input does not bring it back.
        ends.type(Frames.framed(Frames.ethernet(4)))
        running.settle()
        #expect(client.frames.count == 1)
        client.setRoom(Int.max)
        network.resumeReceiving()
        for _ in 2...4 { client.arrived.wait() }
        #expect(client.frames.map { $0[12] } == [1, 2, 3, 4])
    }

    @Test("room that is told of while the client refuses counts")
    func resumesDuringRefusal() throws {
        let client = HastyClient(network)
        network.attach(client, offloads: [])
        ends.type(Frames.framed(Frames.ethernet(1)))
        client.taken.wait()
    }

    @Test("a peer that does not read makes send say so, and canSend follows when it reads again")
    func peerIsSlow() throws {
        let frame = Frames.noHeader + Frames.ethernet(7, count: 9000)
        var sent = 0
        while network.send(frame) {
            sent += 1
            network.commit()
            #expect(sent < 10_000)
            guard sent < 10_000 else { return }
        }
        let ends = ends
        let total = sent
        let reader = try HostThread.start(name: "peer") { _ = ends.receive(total * 9004) }
        client.mayGoOn.wait()
        #expect(network.send(frame))
        network.commit()
        reader.join()
        #expect(ends.receive(9004) == Frames.framed(Array(frame.dropFirst(12))))
    }

    @Test("when the peer closes, the link is down and what is sent is dropped")
    func peerCloses() {
        #expect(network.isLinkUp)
        ends.type(Frames.framed(Frames.ethernet(1)))
        ends.closeFar()
        client.linkHasChanged.wait()
        #expect(client.state.withLock { $0.links } == [false])
        #expect(client.frames.count == 1)
        #expect(!network.isLinkUp)
        for _ in 0..<100 { #expect(network.send(Frames.noHeader + Frames.ethernet(1, count: 60_000))) }
        network.commit()
        running.settle()
        #expect(failures.all == [.peerClosed])
    }

    @Test("a length that no frame has ends the link", arguments: [0, 65_551, UInt32.max])
    func badLength(_ length: UInt32) {
        ends.type(length.bigEndianBytes + [1, 2, 3, 4])
        client.linkHasChanged.wait()
        running.settle()
        #expect(failures.all == [.badLength(Int(length))])
    }

    @Test("what is too short for Ethernet is left out, and the stream goes on")
    func tooShort() {
        ends.type(Frames.framed([1, 2, 3]) + Frames.framed(Frames.ethernet(2)))
        client.arrived.wait()
        #expect(client.frames == [Frames.noHeader + Frames.ethernet(2)])
    }

    @Test("after detach nothing comes, and the next client gets only what comes then")
    func detach() {
        client.setRoom(0)
        ends.type(Frames.framed(Frames.ethernet(1)))
        client.refused.wait()
        network.detach()
        running.settle()
        let next = RecordingClient()
        network.attach(next, offloads: [])
        ends.type(Frames.framed(Frames.ethernet(2)))
        next.arrived.wait()
        #expect(next.frames == [Frames.noHeader + Frames.ethernet(2)])
        #expect(client.frames == [])
    }

    @Test("a stream with headers keeps them when the client understands them, and gives zeros otherwise")
    func headers() throws {
        let ends = Ends.sockets()
        let network = try Self.open(ends, .present, .checksum, running.loop, failures)
        let header: [UInt8] = [2] + [UInt8](repeating: 0, count: 11)
        network.attach(client, offloads: .checksum)
        ends.type(Frames.framed(header + Frames.ethernet(1)))
        client.arrived.wait()
        // As a device does: the turn that brought the first frame ends before another client, or other offloads, come.
        network.detach()
        network.attach(client, offloads: [])
        ends.type(Frames.framed(header + Frames.ethernet(2)))
        client.arrived.wait()
        #expect(client.frames == [header + Frames.ethernet(1), Frames.noHeader + Frames.ethernet(2)])
        #expect(network.send([1] + header.dropFirst() + Frames.ethernet(3)))
        network.commit()
        #expect(ends.receive(4 + 12 + 60) == Frames.framed([1] + header.dropFirst() + Frames.ethernet(3)))
    }

    @Test("a path where nobody listens, and one that is none")
    func cannotConnect() {
        #expect(throws: NetworkError.cannotConnect(path: "/nonexistent", errno: ENOENT)) {
            try StreamNetwork(path: "/nonexistent", mtu: 1500, loop: running.loop) { _ in }
        }
        let long = String(repeating: "x", count: 200)
        #expect(throws: NetworkError.badSocketPath(long, limit: 107)) {
            try StreamNetwork(path: long, mtu: 1500, loop: running.loop) { _ in }
        }
    }
}

/// Refuses the first frame, and has room before it has said so.
private final class HastyClient: NetworkClient {
    private let network: StreamNetwork
    private let offers = Recorder<Int>()
    let taken = Gate()

    init(_ network: StreamNetwork) { self.network = network }

    func receive(_ bytes: [UInt8], _ range: Range<Int>) -> Bool {
        offers.record(1)
        if offers.count > 1 {
            taken.open()
            return true
        }
        network.resumeReceiving()
        return false
    }

    func receivedAll() {}
    func canSend() {}
    func linkChanged(isUp: Bool) {}
}
