import Glibc

/// Whole files and directories, by Glibc alone: a build tool has no use for Foundation's start-up time.
enum Files {
    static func read(_ path: String) throws(BuilderError) -> [UInt8] {
        // SAFETY: the path is a String bridged for the call.
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .system(call: "open", path: path, errno: errno) }
        defer { close(descriptor) }
        return try readAll(descriptor, path: path)
    }

    /// Reads until the end of the file or pipe.
    static func readAll(_ descriptor: Int32, path: String) throws(BuilderError) -> [UInt8] {
        var bytes: [UInt8] = []
        while true {
            var failure: Int32 = 0
            // SAFETY: read fills at most the capacity it is told, and its result is the initialized count.
            let chunk = unsafe [UInt8](unsafeUninitializedCapacity: 65_536) { buffer, count in
                let n = unsafe Glibc.read(descriptor, buffer.baseAddress, buffer.count)
                failure = n < 0 ? errno : 0
                count = max(n, 0)
            }
            if failure == EINTR { continue }
            if failure != 0 { throw .system(call: "read", path: path, errno: failure) }
            if chunk.isEmpty { return bytes }
            bytes += chunk
        }
    }

    /// Writes `bytes` to `path`, replacing what is there.
    static func write(_ bytes: [UInt8], to path: String) throws(BuilderError) {
        // SAFETY: the path is a String bridged for the call.
        let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw .system(call: "open", path: path, errno: errno) }
        defer { close(descriptor) }
        var rest = bytes[...]
        while !rest.isEmpty {
            // SAFETY: the pointer is used within the closure only, for at most the buffer's count.
            let n = unsafe rest.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if n < 0 && errno == EINTR { continue }
            guard n > 0 else { throw .system(call: "write", path: path, errno: errno) }
            rest = rest.dropFirst(n)
        }
    }

    static func makeDirectory(_ path: String) throws(BuilderError) {
        // SAFETY: as in `read`.
        guard unsafe mkdir(path, 0o755) == 0 || errno == EEXIST else {
            throw .system(call: "mkdir", path: path, errno: errno)
        }
    }

    /// The files under `directory`, at any depth, whose names end in `suffix`; sorted, so that builds repeat.
    static func list(_ directory: String, suffix: String) throws(BuilderError) -> [String] {
        // SAFETY: the stream is used and closed in this function only.
        guard let stream = unsafe opendir(directory) else {
            throw .system(call: "opendir", path: directory, errno: errno)
        }
        // SAFETY: as above.
        defer { unsafe _ = closedir(stream) }
        var found: [String] = []
        // SAFETY: an entry is valid until the next readdir of the same stream, and copied at once.
        while let entry = unsafe readdir(stream) {
            // SAFETY: d_name is a C string within the entry.
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                unsafe pointer.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            // SAFETY: plain load of a field.
            let isDirectory = unsafe Int32(entry.pointee.d_type) == Int32(DT_DIR)
            if name.hasPrefix(".") { continue }
            let path = directory + (directory.hasSuffix("/") ? "" : "/") + name
            if isDirectory {
                found += try list(path, suffix: suffix)
            } else if name.hasSuffix(suffix) {
                found.append(path)
            }
        }
        return found.sorted()
    }
}
