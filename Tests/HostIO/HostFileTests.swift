import Glibc
import HostIO
import Testing

@Suite struct HostFileTests {
    private let directory: String

    init() throws {
        directory = "/tmp/swvmm-hostfile.\(getpid()).\(UInt64.random(in: 0 ... .max))"
        #expect(unsafe mkdir(directory, 0o700) == 0)
    }

    private func remove() {
        for name in ["file", "pipe"] { unsafe _ = unlink("\(directory)/\(name)") }
        #expect(unsafe rmdir(directory) == 0, "something was left in the directory")
    }

    private func problem(_ body: () throws(HostFileError) -> Void) -> HostFileError.Problem? {
        do throws(HostFileError) {
            try body()
            return nil
        } catch {
            return error.problem
        }
    }

    @Test("what is written is read, also over what was there")
    func roundTrip() throws {
        defer { remove() }
        let path = "\(directory)/file"
        for bytes in [[UInt8](repeating: 7, count: 100_000), [], [1, 2, 3]] {
            try HostFile.write(bytes, to: path)
            #expect(try HostFile.read(path, limit: 100_000) == bytes)
        }
    }

    @Test("a file over the limit is not read; one of exactly the limit is")
    func limit() throws {
        defer { remove() }
        let path = "\(directory)/file"
        try HostFile.write([1, 2, 3], to: path)
        #expect(try HostFile.read(path, limit: 3) == [1, 2, 3])
        let refusal = problem { () throws(HostFileError) in _ = try HostFile.read(path, limit: 2) }
        #expect(refusal == .tooLarge(size: 3, limit: 2))
    }

    @Test("missing files, directories, devices and pipes are told apart, without waiting")
    func notFiles() {
        defer { remove() }
        let pipe = "\(directory)/pipe"
        #expect(unsafe mkfifo(pipe, 0o600) == 0)
        for (path, expected) in [
            ("\(directory)/none", .cannotOpen(errno: ENOENT)), (directory, .isDirectory),
            ("/dev/null", .notARegularFile), (pipe, .notARegularFile), ("", .cannotOpen(errno: ENOENT)),
        ] as [(String, HostFileError.Problem)] {
            #expect(problem { () throws(HostFileError) in _ = try HostFile.read(path, limit: 10) } == expected)
        }
    }

    @Test("a path that cannot be written is told before and when it is written, and nothing is left")
    func unwritable() {
        defer { remove() }
        for (path, expected) in [
            ("\(directory)/none/file", .cannotWrite(errno: ENOENT)), (directory, .isDirectory),
            ("/dev/null", .notARegularFile), ("", .cannotWrite(errno: ENOENT)),
        ] as [(String, HostFileError.Problem)] {
            #expect(problem { () throws(HostFileError) in try HostFile.checkWritable(path) } == expected)
            #expect(problem { () throws(HostFileError) in try HostFile.write([1], to: path) } == expected)
        }
        #expect(problem { () throws(HostFileError) in try HostFile.checkWritable("\(directory)/file") } == nil)
    }
}
