import Glibc
import HostIO
import Synchronization
import Testing
import VMMCore

/// Source: draft-ietf-opsawg-pcap §4 (file header), §5 (packet record).
@Suite struct PacketCaptureTests {
    private let path = "/tmp/swvmm-capture-\(getpid())-\(UInt32.random(in: 0...UInt32.max)).pcap"
    private let network = ScriptedBackend()
    private let client = RecordingClient()
    private let failures = Failures()

    private func capturing(_ body: (PacketCapture) throws -> Void) throws {
        defer { unsafe unlink(path) }
        let capture = try PacketCapture(of: network, to: path) { [failures] in failures.add($0) }
        capture.attach(client, offloads: [])
        try body(capture)
    }

    private func contents() -> [UInt8] {
        let descriptor = unsafe open(path, O_RDONLY)
        defer { close(descriptor) }
        return Ends.read(1 << 24, from: descriptor)
    }

    private struct Record: Hashable {
        let seconds: Int
        let nanoseconds: Int
        let frame: [UInt8]
    }

    /// Nil: a record is cut, or its two lengths differ.
    private func records() -> [Record]? {
        let file = contents()
        func word(_ offset: Int) -> Int {
            (0..<4).reduce(0) { $0 | Int(file[offset + $1]) << (8 * $1) }
        }
        var found: [Record] = []
        var offset = 24
        while offset < file.count {
            guard file.count - offset >= 16 else { return nil }
            let length = word(offset + 8)
            guard word(offset + 12) == length, file.count - offset - 16 >= length else { return nil }
            let frame = Array(file[offset + 16..<offset + 16 + length])
            found.append(Record(seconds: word(offset), nanoseconds: word(offset + 4), frame: frame))
            offset += 16 + length
        }
        return found
    }

    @Test("§4: the file header, byte by byte, is there before the first frame")
    func fileHeader() throws {
        try capturing { _ in
            #expect(
                contents() == [
                    0x4D, 0x3C, 0xB2, 0xA1,  // nanoseconds, the lowest byte first
                    2, 0, 4, 0,  // version 2.4
                    0, 0, 0, 0, 0, 0, 0, 0,  // reserved
                    0x0E, 0, 1, 0,  // the longest frame: 64 KiB behind an Ethernet header
                    1, 0, 0, 0,  // Ethernet
                ])
        }
    }

    @Test("§5: frames of both directions, without their virtio header, with the time of day")
    func bothDirections() throws {
        try capturing { capture in
            let before = time(nil)
            #expect(capture.send(Frames.noHeader + Frames.ethernet(1)))
            capture.commit()
            network.deliver([
                Frames.noHeader + Frames.ethernet(2, count: 61), Frames.noHeader + Frames.ethernet(3, count: 65_000),
            ])
            let records = records() ?? []
            #expect(
                records.map(\.frame) == [
                    Frames.ethernet(1), Frames.ethernet(2, count: 61), Frames.ethernet(3, count: 65_000),
                ])
            #expect(
                records.allSatisfy { $0.seconds >= before && $0.seconds <= time(nil) && $0.nanoseconds < 1_000_000_000 }
            )
            #expect(network.sent == [Frames.noHeader + Frames.ethernet(1)])
            #expect(client.frames.count == 2)
        }
    }

    @Test("a frame that a side refuses is not in the file until it takes it, and then once")
    func refused() throws {
        try capturing { capture in
            network.setRoom(0)
            #expect(!capture.send(Frames.noHeader + Frames.ethernet(1)))
            client.setRoom(0)
            network.deliver([Frames.noHeader + Frames.ethernet(2)])
            capture.commit()
            #expect(records() == [])
            network.setRoom(1)
            client.setRoom(1)
            #expect(capture.send(Frames.noHeader + Frames.ethernet(1)))
            capture.commit()
            network.deliver([Frames.noHeader + Frames.ethernet(2)])
            #expect(records()?.map(\.frame) == [Frames.ethernet(1), Frames.ethernet(2)])
        }
    }

    @Test("a batch that nobody ends is written in whole records")
    func longBatch() throws {
        try capturing { capture in
            for number in 0..<40 {
                #expect(capture.send(Frames.noHeader + Frames.ethernet(UInt8(number), count: 9000)))
                #expect(records() != nil)
            }
            // More than a batch of 128 KiB was sent.
            #expect((records() ?? []).count >= 14)
            capture.detach()
            #expect(records()?.map(\.frame[0]) == (0..<40).map { UInt8($0) })
        }
    }

    @Test("calls pass through, and the client keeps its place when it attaches again")
    func passesThrough() throws {
        try capturing { capture in
            capture.attach(client, offloads: .checksum)
            #expect(network.attachedOffloads == .checksum)
            network.client?.canSend()
            client.mayGoOn.wait()
            network.client?.linkChanged(isUp: false)
            #expect(client.state.withLock { $0.links } == [false])
            capture.detach()
            #expect(network.client == nil)
        }
    }

    @Test("a file that cannot be made, and a disk that is full")
    func cannotWrite() {
        for (path, reason) in [("/nonexistent/file", ENOENT), ("/dev/full", ENOSPC)] {
            do throws(NetworkError) {
                _ = try PacketCapture(of: network, to: path) { _ in }
                Issue.record("\(path) is taken")
            } catch {
                guard case .capture(let failure) = error else {
                    Issue.record("\(error)")
                    continue
                }
                #expect(failure.path == path && failure.problem == .cannotWrite(errno: reason))
            }
        }
    }
}

/// A back end that does what the test says, on the test's thread.
private final class ScriptedBackend: NetworkBackend {
    private struct State {
        var client: (any NetworkClient)?
        var offloads: NetworkOffloads = []
        var sent: [[UInt8]] = []
        var room = Int.max
    }

    private let state = Mutex(State())
    let properties = NetworkProperties(mtu: 1500, transmitOffloads: [], receiveOffloads: [])
    let isLinkUp = true

    var client: (any NetworkClient)? { state.withLock { $0.client } }
    var attachedOffloads: NetworkOffloads { state.withLock { $0.offloads } }
    var sent: [[UInt8]] { state.withLock { $0.sent } }
    func setRoom(_ room: Int) { state.withLock { $0.room = room } }

    func attach(_ client: any NetworkClient, offloads: NetworkOffloads) {
        state.withLock { ($0.client, $0.offloads) = (client, offloads) }
    }

    func detach() { state.withLock { $0.client = nil } }
    func commit() {}
    func resumeReceiving() {}

    func send(_ bytes: [UInt8], _ range: Range<Int>) -> Bool {
        state.withLock { state in
            guard state.room > 0 else { return false }
            state.room -= 1
            state.sent.append(Array(bytes[range]))
            return true
        }
    }

    func deliver(_ frames: [[UInt8]]) {
        guard let client else { return }
        for frame in frames { _ = client.receive(frame, 0..<frame.count) }
        client.receivedAll()
    }
}
