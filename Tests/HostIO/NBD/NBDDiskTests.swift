import Glibc
import HostBridge
import HostIO
import Synchronization
import Testing
import VMMCore
import VMMTestSupport

/// Disks of a server, which is nbdkit, by way of the program swvmm-nbd that is built beside the tests.
@Suite(.enabled(if: NBDServer.isHere, "no nbdkit here, or no swvmm-nbd beside the tests"))
struct NBDDiskTests {
    private let client: DiskClient
    private let failures = Recorder<DiskFailure>()
    private let losses = Recorder<NBDLoss>()

    init() throws { client = try DiskClient() }

    private func open(_ server: NBDServer, isReadOnly: Bool = false) throws -> NBDDisk {
        try NBDDisk(server.uri, isReadOnly: isReadOnly) { [failures] in
            failures.record($0)
        } onLoss: { [losses] in
            losses.record($0)
        }
    }

    private func problem(_ uri: String, isReadOnly: Bool = false) -> NBDProblem? {
        do {
            _ = try NBDDisk(uri, isReadOnly: isReadOnly) { _ in
            } onLoss: { _ in
            }
        } catch {
            if case .export(let problem) = error.problem { return problem }
        }
        return nil
    }

    @Test("what is written in pieces is read in other pieces, of any alignment and more than all slots hold")
    func roundTrip() throws {
        let server = try NBDServer("memory", "8M")
        let disk = try open(server)
        #expect(disk.properties.capacity == 8 << 20 && !disk.properties.isReadOnly)
        #expect(disk.properties.logicalBlockSize == 512)
        let pattern = (0..<700_000 / 512 * 512).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
        let length = UInt32(pattern.count)
        try client.memory.copyIn(pattern, to: GuestAddress(0x1003))
        let pieces = [
            buffer(0x1003, 1), buffer(0x5000, 0), buffer(0x1004, 300_000), buffer(0x1004 + 300_000, length - 300_001),
        ]
        #expect(client.perform(disk, .write, at: 512, UInt64(length), pieces) == .done)
        #expect(client.perform(disk, .flush) == .done)
        try client.memory.fill(GuestAddress(0x1000), count: 1 << 20, with: 0)
        #expect(
            client.perform(disk, .read, at: 512, UInt64(length), [buffer(0x2001, 4000), buffer(0x3001, length - 4000)])
                == .done)
        #expect(try client.memory.copyOut(GuestAddress(0x2001), count: 4000) == Array(pattern[..<4000]))
        #expect(try client.memory.copyOut(GuestAddress(0x3001), count: Int(length) - 4000) == Array(pattern[4000...]))
        #expect(failures.count == 0 && losses.count == 0)
    }

    @Test(
        "zeros and discards: the range, and nothing else",
        arguments: [[], ["--filter=nozero"], ["--filter=fua"]])
    func zeros(arguments: [String]) throws {
        let server = try NBDServer(["memory", "1M"] + arguments)
        let disk = try open(server)
        try client.memory.fill(GuestAddress(0x1000), count: 1 << 20, with: 7)
        #expect(client.perform(disk, .write, 1 << 20, [buffer(0x1000, 1 << 20)], tag: 2) == .done)
        #expect(client.perform(disk, .writeZeroes(mayUnmap: false), at: 512, 1024, tag: 4) == .done)
        #expect(client.perform(disk, .writeZeroes(mayUnmap: true), at: 8192, 300_032, tag: 6) == .done)
        #expect(client.perform(disk, .discard, at: 512 << 10, 4096) == .done)
        #expect(client.perform(disk, .read, 1 << 20, [buffer(0x1000, 1 << 20)]) == .done)
        let bytes = try client.memory.copyOut(GuestAddress(0x1000), count: 1 << 20)
        for (index, byte) in bytes.enumerated() where !(524_288..<528_384).contains(index) {
            let isZero = (512..<1536).contains(index) || (8192..<308_224).contains(index)
            guard byte != (isZero ? 0 : 7) else { continue }
            Issue.record("byte \(index) is \(byte)")
            return
        }
        #expect(failures.count == 0)
    }

    @Test("more requests at once than there are slots")
    func manyRequests() throws {
        let server = try NBDServer("pattern", "16M")
        let disk = try open(server, isReadOnly: true)
        for number in 0..<300 as Range<UInt64> {
            disk.submit(
                BlockRequest(
                    tag: number, operation: .read, offset: number * 3072, length: 3072,
                    buffers: [buffer(0x1000 + number * 3072, 3072)]), for: client)
        }
        disk.commit()
        for number in 0..<300 as Range<UInt64> { #expect(client.wait(number) == .done) }
        // nbdkit's pattern: each 8 bytes are their position, big-endian.
        let bytes = try client.memory.copyOut(GuestAddress(0x1000), count: 300 * 3072)
        for position in stride(from: 0, to: bytes.count, by: 8) {
            let value = bytes[position..<position + 8].reduce(0) { $0 << 8 | Int($1) }
            guard value != position else { continue }
            Issue.record("\(value) at \(position)")
            return
        }
    }

    @Test("what the server refuses is an I/O error with its reason, and the next request goes on")
    func serverErrors() throws {
        let server = try NBDServer(["memory", "1M", "--filter=error", "error-pwrite=ENOSPC", "error-pwrite-rate=100%"])
        let disk = try open(server)
        #expect(client.perform(disk, .write, 4096, [buffer(0x1000, 4096)]) == .failed)
        #expect(failures.values.map(\.reason) == [.hostRefused(errno: ENOSPC)])
        #expect(client.perform(disk, .read, 4096, [buffer(0x1000, 4096)]) == .done)
        #expect(client.perform(disk, .write, 4096, [buffer(1 << 40, 4096)]) == .failed)
        #expect(client.perform(disk, .read, 4096, [buffer(0x1000, 4096)]) == .done)
        #expect(losses.count == 0)
    }

    @Test("a server that is killed: what is under way fails, and so does what comes later; the loss is told once")
    func killed() throws {
        let server = try NBDServer(["memory", "1M", "--filter=delay", "rdelay=60"])
        let disk = try open(server)
        for number in 0..<100 as Range<UInt64> {
            disk.submit(
                BlockRequest(tag: number, operation: .read, offset: 0, length: 512, buffers: [buffer(0x1000, 512)]),
                for: client)
        }
        disk.commit()
        server.send(SIGKILL)
        for number in 0..<100 as Range<UInt64> { #expect(client.wait(number) == .failed) }
        #expect(client.perform(disk, .write, 512, [buffer(0x1000, 512)]) == .failed)
        #expect(client.perform(disk, .flush) == .failed)
        disk.drain(client)
        #expect(losses.values == [.disconnected] && failures.count == 102)
    }

    @Test("a server that stands still is given up when its client has to go")
    func stalled() throws {
        let server = try NBDServer("memory", "1M")
        let disk = try open(server)
        server.stop()
        for number in 0..<100 as Range<UInt64> {
            disk.submit(
                BlockRequest(tag: number, operation: .read, offset: 0, length: 512, buffers: [buffer(0x1000, 512)]),
                for: client)
        }
        disk.commit()
        disk.drain(client)
        let ends = client.ends.withLock { $0.values.map { $0 } }
        #expect(ends.count == 100 && ends.allSatisfy { $0 == .failed || $0 == .abandoned })
        #expect(ends.contains(.failed) && losses.values == [.givenUp])
    }

    @Test("a disk that cannot be written is read only when that was asked for")
    func readOnly() throws {
        let server = try NBDServer(["-r", "memory", "1M"])
        #expect(problem(server.uri) == .notWritable)
        let disk = try open(server, isReadOnly: true)
        #expect(disk.properties.isReadOnly)
        #expect(client.perform(disk, .read, 512, [buffer(0x1000, 512)]) == .done)
    }

    @Test("what is no disk is told apart")
    func refused() throws {
        if case .refused(let words) = problem("nbd+unix:///?socket=/nonexistent/socket") {
            #expect(words.contains("No such file or directory"))
        } else {
            Issue.record("there is a server")
        }
        if case .refused = problem("nbd://[") {} else { Issue.record("that is no URI") }
        let odd = try NBDServer("memory", "1000")
        #expect(problem(odd.uri) == .notSectorSized(1000))
        let empty = try NBDServer("memory", "0")
        #expect(problem(empty.uri) == .empty)
        let large = try NBDServer([
            "memory", "1M", "--filter=blocksize-policy", "blocksize-minimum=8192", "blocksize-preferred=8192",
            "blocksize-error-policy=error",
        ])
        #expect(problem(large.uri) == .blocksTooLarge(8192))
        let blocks = try NBDServer([
            "memory", "1M", "--filter=blocksize-policy", "blocksize-minimum=4096", "blocksize-preferred=4096",
            "blocksize-error-policy=error",
        ])
        #expect(try open(blocks).properties.logicalBlockSize == 4096)
    }

    @Test("URIs are told from paths")
    func schemes() {
        for uri in ["nbd://host", "nbds://h:1/e", "nbd+unix:///?socket=/s", "nbd+vsock://2"] {
            #expect(NBDDisk.isURI(uri))
        }
        for path in ["nbd", "nbd:/x", "./nbd://x", "/dev/nbd0", "http://nbd://"] { #expect(!NBDDisk.isURI(path)) }
    }
}

/// nbdkit, which ends with the test.
final class NBDServer: Sendable {
    static let isHere = nbdkit != nil && isProgram((HostFacts.programDirectory ?? "") + "/swvmm-nbd")

    private static let nbdkit: String? = ["/usr/sbin/nbdkit", "/usr/bin/nbdkit"].first(where: isProgram)

    private static func isProgram(_ path: String) -> Bool { unsafe access(path, X_OK) == 0 }

    private struct Refused: Error {}

    let uri: String
    private let socket: String
    private let id: pid_t
    private let ending: Int32

    convenience init(_ arguments: String...) throws { try self.init(arguments) }

    init(_ arguments: [String]) throws {
        let path = try #require(Self.nbdkit)
        let socket = "/tmp/swvmm-nbd.\(getpid()).\(UInt64.random(in: 0 ... .max))"
        self.socket = socket
        uri = "nbd+unix:///?socket=" + socket
        let all: [String] = [path, "--foreground", "--exit-with-parent", "--unix", socket] + arguments
        let words = unsafe all.map { unsafe strdup($0) } + [nil]
        defer { unsafe words.forEach { unsafe free($0) } }
        var child = pid_t()
        var descriptor: Int32 = -1
        let null = unsafe Glibc.open("/dev/null", O_RDWR | O_CLOEXEC)
        defer { close(null) }
        guard unsafe host_spawn(path, words, [null, null, STDERR_FILENO], &child, &descriptor) == 0 else {
            throw Refused()
        }
        (id, ending) = (child, descriptor)
        // It listens as soon as the socket is there.
        for _ in 0..<1000 where unsafe access(socket, F_OK) != 0 { usleep(10_000) }
    }

    func send(_ signal: Int32) { _ = kill(id, signal) }

    /// When it returns, no thread of the server runs any more. After the signal alone one may still answer.
    func stop() {
        send(SIGSTOP)
        var status: Int32 = 0
        while unsafe waitpid(id, &status, WUNTRACED) < 0 && errno == EINTR {}
    }

    deinit {
        _ = kill(id, SIGKILL)
        var status: Int32 = 0
        unsafe _ = waitpid(id, &status, 0)
        close(ending)
        unsafe _ = unlink(socket)
    }
}
