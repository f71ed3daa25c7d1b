import Glibc
import HostIO
import Testing
import VMMCore
import VMMTestSupport

@Suite(.timeLimit(.minutes(1))) struct UnixVsockTests {
    private let running: RunningLoop
    private let directory: SocketDirectory
    private let path: String
    private let client = RecordingVsockClient()

    init() throws {
        running = try RunningLoop()
        directory = try SocketDirectory()
        path = directory.path("v.sock")
    }

    private func vsock(_ client: RecordingVsockClient? = nil) throws -> UnixVsock {
        let vsock = try UnixVsock(path: path, loop: running.loop)
        vsock.attach(client ?? self.client)
        return vsock
    }

    private func bytes(_ count: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 / 251) } }

    // MARK: Programs that connect

    @Test("CONNECT asks for a port, OK says that the guest accepts; then bytes go both ways, those behind the line too")
    func connected() throws {
        let vsock = try vsock()
        let program = try Program(connectingTo: path)
        program.send("CONNECT 1234\nhello")
        let end = try client.next()
        #expect(client.asked.values.map(\.port) == [1234])
        end.accepted(hostPort: 77)
        #expect(program.line() == "OK 77")
        #expect(client.receive(5, from: end) == Array("hello".utf8))
        client.send([1, 2, 3], to: end)
        #expect(program.receive(3) == [1, 2, 3])
        withExtendedLifetime(vsock) {}
    }

    @Test("a line may come in pieces, and end with a carriage return")
    func pieces() throws {
        let vsock = try vsock()
        let program = try Program(connectingTo: path)
        for piece in ["CON", "NECT 42949", "67295\r", "\n"] {
            program.send(piece)
            running.settle()
        }
        _ = try client.next()
        #expect(client.asked.values.map(\.port) == [.max])
        withExtendedLifetime(vsock) {}
    }

    @Test(
        "what is no line disconnects",
        arguments: [
            "\n", "CONNECT\n", "CONNECT \n", "CONNECT x\n", "CONNECT -1\n", "CONNECT 4294967296\n", "CONNECT 1 \n",
            "connect 1\n", "CONNECT 00000000000000000000000000001", "GET / HTTP/1.1\r\n",
        ])
    func badLine(_ line: String) throws {
        let vsock = try vsock()
        let program = try Program(connectingTo: path)
        program.send(line)
        #expect(program.isAtEnd)
        #expect(client.asked.count == 0)
        withExtendedLifetime(vsock) {}
    }

    @Test("without a guest, and when it refuses, the program is disconnected")
    func refused() throws {
        let client = RecordingVsockClient(accepts: false)
        let vsock = try vsock(client)
        let first = try Program(connectingTo: path)
        first.send("CONNECT 1\n")
        #expect(first.isAtEnd)
        #expect(client.asked.count == 1)
        vsock.detach()
        let second = try Program(connectingTo: path)
        second.send("CONNECT 1\n")
        #expect(second.isAtEnd)
        #expect(client.asked.count == 1)
    }

    @Test("a program that says nothing is disconnected, and a guest that does not answer is not waited for")
    func silence() throws {
        let vsock = try UnixVsock(
            path: path, loop: running.loop, greetingPatience: .milliseconds(20), answerPatience: .milliseconds(20))
        vsock.attach(client)
        let silent = try Program(connectingTo: path)
        silent.send("CONNECT")
        #expect(silent.isAtEnd)
        let waiting = try Program(connectingTo: path)
        waiting.send("CONNECT 1\n")
        let end = try client.next()
        client.isAbandoned.wait()
        #expect(client.abandoned.values == [end.number])
        end.close()
        #expect(waiting.isAtEnd)
    }

    @Test("more silent programs than are kept wait in the backlog, and come in turn")
    func many() throws {
        let vsock = try vsock()
        var silent = try (0..<100).map { _ in try Program(connectingTo: path) }
        let last = try Program(connectingTo: path)
        last.send("CONNECT 9\n")
        running.settle()
        #expect(client.asked.count == 0)
        silent.removeAll()
        _ = try client.next()
        #expect(client.asked.values.map(\.port) == [9])
        withExtendedLifetime(vsock) {}
    }

    @Test("who asks for it is called on the loop's thread")
    func turn() throws {
        let vsock = try vsock()
        vsock.callBack()
        client.isOnTurn.wait()
        vsock.detach()
        vsock.callBack()
        running.settle()
    }

    // MARK: Programs that listen

    @Test("the guest's stream to a port goes to who listens at PATH_PORT; to nobody where nobody listens")
    func opened() throws {
        let vsock = try vsock()
        #expect(vsock.open(hostPort: 80) == nil)
        let listener = try Program.listener(at: directory.path("v.sock_80"))
        let end = try #require(vsock.open(hostPort: 80))
        #expect(vsock.open(hostPort: 8) == nil)
        let program = listener.accept()
        client.send([1, 2], to: end)
        #expect(program.receive(2) == [1, 2])
        program.send([3])
        #expect(client.receive(1, from: end) == [3])
        listener.close()
        // The file is there still.
        #expect(vsock.open(hostPort: 80) == nil)
        vsock.detach()
        #expect(vsock.open(hostPort: 80) == nil)
    }

    private func pair(_ vsock: UnixVsock) throws -> (program: Program, end: any VsockEnd) {
        let listener = try Program.listener(at: directory.path("v.sock_1"))
        let end = try #require(vsock.open(hostPort: 1))
        return (listener.accept(), end)
    }

    @Test("a program that does not read makes the stream wait, and one that does not write, too")
    func backPressure() throws {
        let vsock = try vsock()
        let (program, end) = try pair(vsock)
        let all = bytes(4 << 20)
        var sent = 0
        while case .moved(let count) = end.write(Array(all[sent...].prefix(65536)), count: min(65536, all.count - sent))
        {
            sent += count
        }
        #expect(sent > 0 && sent < all.count)
        #expect(program.receive(sent) == Array(all[..<sent]))
        client.isWritable.wait()
        #expect(end.write([1], count: 1) == .moved(1))
        var piece: [UInt8] = [0]
        #expect(end.read(into: &piece, limit: 1) == .wouldBlock)
        program.send([7])
        client.isReadable.wait()
        #expect(end.read(into: &piece, limit: 1) == .moved(1))
        #expect(piece == [7])
    }

    @Test("half-closes go both ways")
    func halves() throws {
        let vsock = try vsock()
        let (program, end) = try pair(vsock)
        client.send([1], to: end)
        end.shutDown(.sends)
        #expect(program.receive(2) == [1])
        program.send([2])
        program.shutDown(SHUT_WR)
        #expect(client.receive(2, from: end) == [2])
        var piece: [UInt8] = [0]
        #expect(end.read(into: &piece, limit: 1) == .ended)
        withExtendedLifetime(vsock) {}
    }

    @Test("the program receives no more, or the guest does: who writes is told")
    func receivesNoMore() throws {
        let vsock = try vsock()
        let (program, end) = try pair(vsock)
        program.shutDown(SHUT_RD)
        #expect(end.write([1], count: 1) == .ended)
        end.shutDown(.receives)
        let sent = unsafe send(program.descriptor, [1], 1, Int32(MSG_NOSIGNAL))
        #expect(sent == -1)
        withExtendedLifetime(vsock) {}
    }

    @Test("a program that leaves while room is waited for is noticed")
    func leaves() throws {
        let vsock = try vsock()
        let (program, end) = try pair(vsock)
        let piece = [UInt8](repeating: 0, count: 65536)
        while case .moved = end.write(piece, count: piece.count) {}
        program.close()
        client.isWritable.wait()
        #expect([.ended, .failed].contains(end.write(piece, count: piece.count)))
        withExtendedLifetime(vsock) {}
    }

    @Test("an end that is closed: the program gets what was written, then the end; again it does nothing")
    func closed() throws {
        let vsock = try vsock()
        let (program, end) = try pair(vsock)
        client.send(bytes(1000), to: end)
        end.close()
        end.close()
        #expect(program.receive(1001) == bytes(1000))
        #expect(end.write([1], count: 1) == .ended)
        unsafe unlink("\(path)_1")
        let (other, _) = try pair(vsock)
        vsock.detach()
        #expect(other.isAtEnd)
    }

    // MARK: The socket's file

    private var exists: Bool { unsafe access(path, F_OK) == 0 }

    @Test("the socket is this user's alone, and goes with the vsock")
    func file() throws {
        var vsock: UnixVsock? = try vsock()
        var status = stat()
        #expect(unsafe stat(path, &status) == 0)
        #expect(status.st_mode & 0o777 == 0o600)
        withExtendedLifetime(vsock) {}
        vsock = nil
        #expect(!exists)
    }

    @Test("another's socket that has taken the path stays")
    func replaced() throws {
        var vsock: UnixVsock? = try vsock()
        withExtendedLifetime(vsock) {}
        unsafe unlink(path)
        let other = try Program.listener(at: path)
        vsock = nil
        #expect(exists)
        other.close()
        // Nobody serves it any more: it is replaced.
        let next = try UnixVsock(path: path, loop: running.loop)
        _ = try Program(connectingTo: path)
        withExtendedLifetime(next) {}
    }

    @Test("a path that cannot be: in use, no socket, in no directory, or too long for a port behind it")
    func badPath() throws {
        let vsock = try vsock()
        #expect(throws: TCPServerError.pathInUse(path)) { try UnixVsock(path: path, loop: running.loop) }
        let file = directory.path("file")
        unsafe close(creat(file, 0o600))
        #expect(throws: TCPServerError.notASocket(path: file)) { try UnixVsock(path: file, loop: running.loop) }
        #expect(throws: TCPServerError.hostRefused(errno: ENOENT)) {
            try UnixVsock(path: directory.path("no/v"), loop: running.loop)
        }
        let long = "/" + String(repeating: "x", count: 96)
        #expect(throws: TCPServerError.badPath(long, limit: 96)) { try UnixVsock(path: long, loop: running.loop) }
        withExtendedLifetime(vsock) {}
    }
}
