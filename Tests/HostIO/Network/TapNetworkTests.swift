import Glibc
import HostIO
import HostSupport
import NetworkFrames
import Synchronization
import Testing
import VMMCore
import VMMTestSupport

/// A tap in a network namespace of the test's own, and the host's side of it, which is a packet socket.
private final class OwnTap: Sendable {
    static let name = "swvmm-test"
    let network: any NetworkBackend
    /// Frames behind a header of 10 bytes.
    let host: Int32

    /// Root may make namespaces, where the host has the device.
    static let isPossible: Bool = {
        let error = Mutex<Int32>(EPERM)
        guard unsafe access("/dev/net/tun", R_OK | W_OK) == 0,
            let thread = try? HostThread.start(name: "probe", { error.withLock { $0 = host_own_network() } })
        else { return false }
        thread.join()
        return error.withLock { $0 } == 0
    }()

    /// - Parameters:
    ///   - type: of the frames that the host's side gets.
    ///   - queues: more than one: a `TapQueues`.
    init(_ loop: EventLoop, type: UInt16 = 0x88B5, queues: Int = 1) throws {
        let made = Mutex<(network: any NetworkBackend, host: Int32)?>(nil)
        // A namespace is a thread's; descriptors that were made in it stay in it.
        let thread = try HostThread.start(name: "namespace") {
            guard host_own_network() == 0 else { return }
            let network: (any NetworkBackend)? =
                queues > 1
                ? try? TapQueues(name: Self.name, count: queues, mtu: 1500, loop: loop)
                : try? TapNetwork(name: Self.name, mtu: 1500, loop: loop)
            guard let network else { return }
            let host = unsafe host_packet_socket(Self.name, type)
            made.withLock { $0 = (network, host) }
        }
        thread.join()
        let (network, host) = try #require(made.withLock { $0 })
        (self.network, self.host) = (network, host)
        try #require(host >= 0)
    }

    deinit { close(host) }

    func type(_ frame: [UInt8]) { #expect(unsafe send(host, frame, frame.count, 0) == frame.count) }

    /// The next frame without its header. Empty: none came.
    func receive() -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 10 + 65_550)
        let count = unsafe recv(host, &bytes, bytes.count, 0)
        return count > 10 ? Array(bytes[10..<count]) : []
    }
}

/// Source: Linux Documentation/networking/tuntap.rst.
@Suite(
    .enabled(if: OwnTap.isPossible, "no /dev/net/tun here, or this user makes no network namespaces"),
    .timeLimit(.minutes(1)))
struct TapNetworkTests {
    private let running: RunningLoop
    private let client = RecordingClient()

    init() throws { running = try RunningLoop() }

    private static let hostHeader = [UInt8](repeating: 0, count: 10)

    /// 5,000 bytes of TCP payload in one IPv4 frame that stands for four.
    private static func large() -> (header: [UInt8], frame: [UInt8]) {
        let total = 40 + 5000
        var frame: [UInt8] = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0]
        frame += [0x45, 0, UInt8(total >> 8), UInt8(total & 0xFF), 0, 1, 0x40, 0, 64, 6, 0, 0]
        frame += [10, 0, 2, 15, 10, 0, 2, 2, 0xC0, 0, 0, 80, 0, 0, 0, 0, 0, 0, 0, 1, 0x50, 0x10, 1, 0, 0, 0, 0, 0]
        frame += [UInt8](repeating: 0x55, count: 5000)
        var header = [UInt8](repeating: 0, count: NetworkFrame.headerSize)
        let partial = OffloadHeader.PartialChecksum(start: 34, offset: 16)
        let segmentation = OffloadHeader.Segmentation(kind: .tcp4, size: 1448)
        OffloadHeader(checksum: partial, segmentation: segmentation, headerLength: 54)
            .write(into: &header, at: 0, bufferCount: 0)
        return (header, frame)
    }

    @Test(
        "several queues of one device: frames of each reach the host's interface, and what the host sends comes once, by one of them"
    )
    func queues() throws {
        let tap = try OwnTap(running.loop, queues: 3)
        let network = try #require(tap.network as? TapQueues)
        #expect(network.queueCount == 3)
        network.attach(client, offloads: [])
        // The numbers of queues that are not there are taken modulo their count.
        let frames = (1...7).map { Frames.ethernet(UInt8($0)) }
        for (queue, frame) in frames.enumerated() {
            #expect(network.send(Frames.noHeader + frame, 0..<(12 + frame.count), queue: queue))
            #expect(tap.receive() == frame)
        }
        for frame in frames { tap.type(Self.hostHeader + frame) }
        #expect(waits { client.marked.count >= frames.count })
        running.settle()
        #expect(Set(client.marked.map { Array($0.dropFirst(12)) }) == Set(frames))
        #expect(client.marked.count == frames.count)
        network.detach()
    }

    @Test("a device of several queues is taken with one, and one of one queue by who wants several")
    func otherQueues() throws {
        let outcome = Mutex<[Int]>([])
        let loop = running.loop
        let thread = try HostThread.start(name: "namespace") {
            guard host_own_network() == 0 else { return }
            let several = try? TapQueues(name: "several", count: 2, mtu: 1500, loop: loop)
            let one = try? TapNetwork(name: "several", mtu: 1500, loop: loop)
            let plain = try? TapNetwork(name: "plain", mtu: 1500, loop: loop)
            // A device is in use as long as its only queue is.
            let busy = try? TapQueues(name: "plain", count: 2, mtu: 1500, loop: loop)
            outcome.withLock {
                $0 = [several?.queueCount ?? 0, one == nil ? 0 : 1, plain == nil ? 0 : 1, busy == nil ? 0 : 1]
            }
        }
        thread.join()
        #expect(outcome.withLock { $0 } == [2, 1, 1, 0])
    }

    @Test("frames reach the host's interface in their order, without the header")
    func sends() throws {
        let tap = try OwnTap(running.loop)
        tap.network.attach(client, offloads: [])
        let frames = [Frames.ethernet(1), Frames.ethernet(2, count: 1514), Frames.ethernet(3, count: 61)]
        for frame in frames { #expect(tap.network.send(Frames.noHeader + frame)) }
        tap.network.commit()
        for frame in frames { #expect(tap.receive() == frame) }
    }

    @Test("what the host sends comes with a header of zeros, also in num_buffers")
    func receives() throws {
        let tap = try OwnTap(running.loop)
        tap.network.attach(client, offloads: [])
        let frames = [Frames.ethernet(1), Frames.ethernet(2, count: 1514)]
        for frame in frames { tap.type(Self.hostHeader + frame) }
        for _ in 0..<50 where client.marked.count < frames.count { client.arrived.wait() }
        #expect(client.marked == frames.map { Frames.noHeader + $0 })
    }

    @Test("a refused frame is offered again when there is room, and none is lost")
    func refused() throws {
        let tap = try OwnTap(running.loop)
        client.setRoom(0)
        tap.network.attach(client, offloads: [])
        for mark in 1...3 { tap.type(Self.hostHeader + Frames.ethernet(UInt8(mark))) }
        client.refused.wait()
        running.settle()
        #expect(client.frames == [])
        client.setRoom(Int.max)
        tap.network.resumeReceiving()
        for _ in 0..<50 where client.marked.count < 3 { client.arrived.wait() }
        #expect(client.marked.map { $0[12] } == [1, 2, 3])
    }

    @Test("a client with TSO gets a large frame whole, with what is left to do; one without gets finished pieces")
    func receiveOffloads() throws {
        let tap = try OwnTap(running.loop, type: 0x0800)
        let (header, frame) = Self.large()
        tap.network.attach(client, offloads: [.checksum, .tcp4])
        tap.type(header.prefix(10) + frame)
        for _ in 0..<50 where client.packets.isEmpty { client.arrived.wait() }
        let whole = try #require(client.packets.first)
        #expect(whole.count == NetworkFrame.headerSize + frame.count)
        let found = try OffloadHeader(whole, at: 0, frameLength: frame.count)
        #expect(found.segmentation == OffloadHeader.Segmentation(kind: .tcp4, size: 1448))
        #expect(found.checksum == OffloadHeader.PartialChecksum(start: 34, offset: 16))

        let plain = RecordingClient()
        tap.network.attach(plain, offloads: [])
        tap.type(header.prefix(10) + frame)
        for _ in 0..<50 where plain.packets.count < 4 { plain.arrived.wait() }
        #expect(plain.packets.map(\.count) == [1448, 1448, 1448, 656].map { NetworkFrame.headerSize + 54 + $0 })
        #expect(plain.packets.allSatisfy { Array($0.prefix(NetworkFrame.headerSize)) == Frames.noHeader })
    }

    @Test("a large frame of the client goes to the kernel as it is")
    func sendOffloads() throws {
        let tap = try OwnTap(running.loop, type: 0x0800)
        tap.network.attach(client, offloads: [])
        let (header, frame) = Self.large()
        #expect(tap.network.properties.transmitOffloads.isSuperset(of: [.checksum, .tcp4, .tcp6, .ecn]))
        #expect(tap.network.send(header + frame))
        #expect(tap.receive().count == frame.count)
    }

    @Test("what the kernel refuses is dropped: the client goes on")
    func nonsense() throws {
        let tap = try OwnTap(running.loop)
        tap.network.attach(client, offloads: [])
        let wrong: [UInt8] = [1, 0xFF] + [UInt8](repeating: 0xFF, count: 10)
        #expect(tap.network.send(wrong + Frames.ethernet(1)))
        #expect(tap.network.send(Frames.noHeader + Frames.ethernet(2)))
        #expect(tap.receive() == Frames.ethernet(2))
    }

    @Test("a name that is too long, and descriptors of something else")
    func refusals() throws {
        let long = String(repeating: "x", count: 16)
        #expect(throws: NetworkError.tapRefused(name: long, errno: ENAMETOOLONG)) {
            try TapNetwork(name: long, mtu: 1500, loop: running.loop)
        }
        let ends = Ends.pipe()
        #expect(throws: NetworkError.noTapDescriptor(ends.near, errno: ENOTTY)) {
            try TapNetwork(passed: ends.near, mtu: 1500, loop: running.loop)
        }
        #expect(throws: NetworkError.noTapDescriptor(-1, errno: EBADF)) {
            try TapNetwork(passed: -1, mtu: 1500, loop: running.loop)
        }
    }
}

extension RecordingClient {
    /// Frames of the tests' own type: the host's kernel says something of its own, too.
    fileprivate var marked: [[UInt8]] { frames.filter { $0.count >= 26 && $0[24...25] == [0x88, 0xB5] } }
    /// Of IPv4 with TCP.
    fileprivate var packets: [[UInt8]] { frames.filter { $0.count >= 36 && $0[24...25] == [8, 0] && $0[35] == 6 } }
}
