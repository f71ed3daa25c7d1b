import Glibc
import HostBridge
import HostIO
import Testing
import VMMCore

@Suite struct KeptHostFileTests {
    private let path = "/tmp/swvmm-kept.\(getpid()).\(UInt64.random(in: 0 ... .max))"

    private func remove() { unsafe _ = unlink(path) }

    /// Writes into the file itself, as an editor that keeps the file does; a later time than before is certain.
    private func writeInPlace(_ bytes: [UInt8]) throws {
        let descriptor = unsafe open(path, O_WRONLY | O_TRUNC)
        #expect(descriptor >= 0)
        defer { close(descriptor) }
        #expect(unsafe write(descriptor, bytes, bytes.count) == bytes.count)
        let later = timespec(tv_sec: 4_000_000_000, tv_nsec: 0)
        #expect(unsafe futimens(descriptor, [later, later]) == 0)
    }

    @Test("a file reads the same each time")
    func again() throws {
        defer { remove() }
        try HostFile.write([1, 2, 3], to: path)
        let file = try KeptHostFile(path, limit: 3)
        for _ in 0..<2 { #expect(try file.read() == [1, 2, 3]) }
    }

    @Test("parts are read for the host, and into guest memory")
    func parts() throws {
        defer { remove() }
        try HostFile.write([1, 2, 3, 4], to: path)
        let file = try KeptHostFile(path, limit: 4)
        #expect(file.size == 4)
        #expect(file.read(1..<3) == [2, 3])
        let memory = try GuestMemory([#require(GuestRange(start: GuestAddress(0), size: 0x1000))])
        #expect(try file.read(1..<4, into: memory, at: GuestAddress(0x10)))
        #expect(try memory.copyOut(GuestAddress(0x10), count: 4) == [2, 3, 4, 0])
        #expect(throws: GuestMemoryError.self) { try file.read(0..<4, into: memory, at: GuestAddress(0xFFF)) }
        #expect(file.problem == nil)
    }

    @Test("a file that has become shorter has no such part any more, and says how short it is")
    func shrunk() throws {
        defer { remove() }
        try HostFile.write([1, 2, 3, 4], to: path)
        let memory = try GuestMemory([#require(GuestRange(start: GuestAddress(0), size: 0x1000))])
        for isForGuest in [false, true] {
            let file = try KeptHostFile(path, limit: 4)
            #expect(unsafe truncate(path, 2) == 0)
            if isForGuest {
                #expect(try !file.read(1..<4, into: memory, at: GuestAddress(0)))
            } else {
                #expect(file.read(1..<4) == nil)
            }
            #expect(file.problem?.path == path && file.problem?.problem == .truncated(size: 4, read: 2))
            let error = #expect(throws: HostFileError.self) { try file.check() }
            #expect(error?.problem == .changed)
            #expect(unsafe truncate(path, 4) == 0)
        }
    }

    @Test("a file above the limit is not opened")
    func limit() throws {
        defer { remove() }
        try HostFile.write([1, 2, 3], to: path)
        let error = #expect(throws: HostFileError.self) { try KeptHostFile(path, limit: 2) }
        #expect(error?.problem == .tooLarge(size: 3, limit: 2))
    }

    @Test("another file of the name, or none, plays no part")
    func replaced() throws {
        defer { remove() }
        try HostFile.write([1, 2, 3], to: path)
        let file = try KeptHostFile(path, limit: 3)
        try HostFile.write([4, 5], to: path)
        #expect(try file.read() == [1, 2, 3])
        #expect(try HostFile.read(path, limit: 3) == [4, 5])
        remove()
        #expect(try file.read() == [1, 2, 3])
    }

    @Test(
        "a file that was written to is refused: of another size, or of the same",
        arguments: [[9, 9, 9], [9]] as [[UInt8]])
    func written(_ bytes: [UInt8]) throws {
        defer { remove() }
        try HostFile.write([1, 2, 3], to: path)
        let file = try KeptHostFile(path, limit: 3)
        try writeInPlace(bytes)
        do throws(HostFileError) {
            _ = try file.read()
            Issue.record("what was written since was read")
        } catch {
            #expect(error.path == path)
            #expect(error.problem == .changed)
        }
    }
}
