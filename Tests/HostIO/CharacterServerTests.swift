import Glibc
import HostIO
import Testing
import VMMCore
import VMMTestSupport

@Suite(.timeLimit(.minutes(1))) struct CharacterServerTests {
    private let running: RunningLoop
    private let server: CharacterServer
    private let port: UInt16

    init() throws {
        running = try RunningLoop()
        server = try CharacterServer(.port(0), loop: running.loop)
        guard case .port(let port) = server.address else { throw TCPServerError.portInUse(0) }
        self.port = port
    }

    @Test("a client's bytes come in, and the guest's go out")
    func dialogue() throws {
        let client = try Client(port)
        client.send("$g#67")
        #expect(server.receive(5) == Array("$g#67".utf8))
        server.write("+ok")
        #expect(client.receive(3) == "+ok")
    }

    @Test("without a client output is discarded, however much")
    func noClient() throws {
        for _ in 0..<200_000 { server.write(UInt8(ascii: "x")) }
        let client = try Client(port)
        client.send("a")
        #expect(server.receive(1) == Array("a".utf8))
        server.write("b")
        #expect(client.receive(1) == "b")
    }

    @Test("the next client is served when the first has gone")
    func oneAtATime() throws {
        let first = try Client(port)
        first.send("1")
        #expect(server.receive(1) == Array("1".utf8))
        let second = try Client(port)
        second.send("2")
        running.settle()
        #expect(server.read() == nil)
        first.close()
        #expect(server.receive(1) == Array("2".utf8))
        server.write("to second")
        #expect(second.receive(9) == "to second")
    }

    /// A client that has read one byte of all that the guest's thread writes.
    private func stuckGuest() throws -> (Client, HostThread) {
        let client = try Client(port)
        client.send("a")
        #expect(server.receive(1).count == 1)
        let server = server
        let guest = try HostThread.start(name: "guest") { for _ in 0..<6 << 20 { server.write(0) } }
        _ = client.receive(1)
        return (client, guest)
    }

    @Test("a guest that waits for a client who does not read is let go when the client leaves")
    func clientLeaves() throws {
        let (client, guest) = try stuckGuest()
        client.close()
        guest.join()
    }

    @Test("shutdown lets a waiting guest go")
    func shutdown() throws {
        let (client, guest) = try stuckGuest()
        // Connected until the guest has been let go.
        defer { client.close() }
        server.shutdown()
        guest.join()
    }

    @Test("each client that comes and goes is counted, and told of; its coming before its bytes, its going after them")
    func connections() throws {
        let told = Recorder<String>()
        let server = server
        server.setConnectionHandler { told.record("connection \(server.connectionChanges)") }
        server.setInputHandler { told.record("input") }
        #expect(server.connectionChanges == 0)
        for changes: UInt64 in [1, 3] {
            let client = try Client(port)
            client.send("a")
            #expect(waits { told.count == Int(changes / 2) * 3 + 2 })
            client.close()
            #expect(waits { server.connectionChanges == changes + 1 })
            #expect(server.read() == UInt8(ascii: "a"))
        }
        running.settle()
        #expect(
            told.values == ["connection 1", "input", "connection 2", "connection 3", "input", "connection 4"])
        server.setConnectionHandler(nil)
        server.setInputHandler(nil)
    }

    @Test("a port that is taken is refused by number")
    func portInUse() throws {
        #expect(throws: TCPServerError.portInUse(port)) {
            try CharacterServer(server.address, loop: running.loop)
        }
    }
}

/// A client of 127.0.0.1.
private final class Client: Sendable {
    private let descriptor: Int32
    private let isOpen = Recorder<Bool>()

    init(_ port: UInt16) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        // Small, so that a client who does not read is soon noticed.
        var size: Int32 = 4096
        unsafe _ = setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let descriptor = descriptor
        let connected = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        try #require(connected)
    }

    deinit { close() }

    func send(_ text: String) { Ends.write(Array(text.utf8), to: descriptor) }
    func receive(_ count: Int) -> String { String(decoding: Ends.read(count, from: descriptor), as: UTF8.self) }

    func close() {
        guard isOpen.count == 0 else { return }
        isOpen.record(false)
        Glibc.close(descriptor)
    }
}
