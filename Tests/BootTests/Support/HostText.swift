internal import Glibc

/// Files of the host, read whole and written whole.
enum HostText {
    static func read(_ path: String) throws -> String { String(decoding: try bytes(path), as: UTF8.self) }

    static func bytes(_ path: String) throws -> [UInt8] {
        // SAFETY: the path is a terminated copy for the length of the call.
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw HostRefusal(call: "open \(path)", errno: errno) }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        while let piece = readPiece(descriptor) { bytes += piece }
        return bytes
    }

    /// The next bytes of a descriptor; nil at its end, and when it fails.
    static func readPiece(_ descriptor: Int32) -> [UInt8]? {
        let capacity = 16_384
        // SAFETY: the buffer has `capacity` bytes.
        let piece = unsafe [UInt8](unsafeUninitializedCapacity: capacity) { buffer, count in
            count = unsafe max(0, Glibc.read(descriptor, buffer.baseAddress, capacity))
        }
        return piece.isEmpty ? nil : piece
    }

    /// The names of the files in a directory; none when it cannot be read.
    static func names(in path: String) -> [String] {
        // SAFETY: the directory stream is used and closed here; d_name is terminated.
        guard let directory = unsafe opendir(path) else { return [] }
        defer { unsafe _ = closedir(directory) }
        var names: [String] = []
        while let entry = unsafe readdir(directory) {
            let name = unsafe withUnsafeBytes(of: entry.pointee.d_name) {
                unsafe String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names
    }

    static func write(_ bytes: [UInt8], to path: String) throws {
        // SAFETY: the path is a terminated copy for the length of the call.
        let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw HostRefusal(call: "open \(path)", errno: errno) }
        defer { close(descriptor) }
        try write(bytes, to: descriptor)
    }

    static func write(_ bytes: [UInt8], to descriptor: Int32) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            // SAFETY: the slice outlives the call.
            let count = unsafe rest.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
            guard count >= 0 || errno == EINTR else { throw HostRefusal(call: "write", errno: errno) }
            rest = rest.dropFirst(max(count, 0))
        }
    }
}

/// A directory for a test's files, removed with this object.
final class TemporaryDirectory {
    let path: String

    init() throws {
        var template = Array("/tmp/swvmm-tests.XXXXXX".utf8CString)
        // SAFETY: a terminated template that mkdtemp changes in place.
        guard unsafe mkdtemp(&template) != nil else { throw HostRefusal(call: "mkdtemp", errno: errno) }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit {
        for name in names { unsafe _ = unlink("\(path)/\(name)") }
        unsafe _ = rmdir(path)
    }

    /// The names of the files in it.
    var names: [String] { HostText.names(in: path) }

    /// Writes a file, and gives its path.
    func file(_ name: String, _ bytes: [UInt8]) throws -> String {
        let path = "\(path)/\(name)"
        try HostText.write(bytes, to: path)
        return path
    }

    /// A file of `size` bytes with this beginning, and nothing on the disk behind it.
    func sparseFile(_ name: String, _ bytes: [UInt8], size: Int) throws -> String {
        let path = try file(name, bytes)
        // SAFETY: the path is a terminated copy for the length of the call.
        guard unsafe truncate(path, size) == 0 else { throw HostRefusal(call: "truncate", errno: errno) }
        return path
    }
}
