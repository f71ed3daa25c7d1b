internal import Glibc
internal import HostBridge

/// Facts about the host.
package enum HostFacts {
    /// The host's words for an errno value.
    package static func describe(errno code: Int32) -> String {
        // SAFETY: strerror returns a terminated string that is copied at once.
        guard let text = unsafe strerror(code) else { return "error \(code)" }
        return unsafe String(cString: text)
    }

    /// Size of the host's pages, in bytes.
    package static var pageSize: Int { max(0, sysconf(Int32(_SC_PAGESIZE))) }

    /// Physical memory in bytes.
    package static var physicalMemory: UInt64 {
        let pages = sysconf(Int32(_SC_PHYS_PAGES))
        let pageSize = sysconf(Int32(_SC_PAGESIZE))
        guard pages > 0, pageSize > 0 else { return 0 }
        return UInt64(pages) * UInt64(pageSize)
    }

    /// Memory that programs can still have without swapping, in bytes: MemAvailable, or less where a control group (v2) says
    /// so; nil where /proc is missing.
    package static var availableMemory: UInt64? {
        guard let text = text(of: "/proc/meminfo"),
            let line = text.split(separator: "\n").first(where: { $0.hasPrefix("MemAvailable:") }),
            let kibibytes = UInt64(line.filter { $0.isASCII && $0.isNumber })
        else { return nil }
        let whole = kibibytes << 10
        guard let limit = number(in: "/sys/fs/cgroup/memory.max"),
            let used = number(in: "/sys/fs/cgroup/memory.current")
        else { return whole }
        return min(whole, limit > used ? limit - used : 0)
    }

    private static func number(in path: String) -> UInt64? {
        text(of: path).flatMap { UInt64($0.prefix { $0.isNumber }) }
    }

    /// The cores that this process may use, at least 1.
    package static var usableCores: Int {
        let count = Int(host_usable_cores())
        return max(1, count > 0 ? count : Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))))
    }

    /// The directory of the running program's file, without a slash at its end; nil where /proc is missing.
    package static var programDirectory: String? {
        var path = [CChar](repeating: 0, count: Int(PATH_MAX))
        // SAFETY: readlink writes at most the buffer's size.
        let length = unsafe readlink("/proc/self/exe", &path, path.count)
        let buffer = path.map { UInt8(bitPattern: $0) }
        guard length > 0, let slash = buffer[..<length].lastIndex(of: UInt8(ascii: "/")) else { return nil }
        return String(decoding: buffer[..<slash], as: UTF8.self)
    }

    /// A variable of the process's environment.
    package static func environment(_ name: String) -> String? {
        // SAFETY: the string is copied at once; nothing here changes the environment.
        unsafe getenv(name).map { unsafe String(cString: $0) }
    }

    /// The columns of the terminal that standard output is; nil when it is none, or a dumb one.
    package static var outputColumns: Int? {
        guard isatty(STDOUT_FILENO) == 1, let kind = environment("TERM"), kind != "dumb" else { return nil }
        let columns = Int(host_terminal_columns(STDOUT_FILENO))
        return columns > 0 ? columns : 80
    }

    /// The first `limit` bytes of a text file such as those in /proc, or nil.
    package static func text(of path: String, limit: Int = 65_536) -> String? {
        // SAFETY: the path is a terminated copy for the length of the call.
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        // SAFETY: each read goes into the rest of the buffer, whose capacity is `limit`.
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: limit) { buffer, initialized in
            while initialized < limit, let start = buffer.baseAddress {
                let count = unsafe read(descriptor, start + initialized, limit - initialized)
                guard count > 0 else { return }
                initialized += count
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

extension HostFacts {
    /// The CPU's feature flags as Linux names them (x86: `flags`, arm64: `Features`); empty where /proc is missing.
    package static var cpuFlags: Set<Substring> {
        guard let text = text(of: "/proc/cpuinfo", limit: 16_384) else { return [] }
        for line in text.split(separator: "\n") where line.hasPrefix("flags") || line.hasPrefix("Features") {
            guard let colon = line.firstIndex(of: ":") else { continue }
            return Set(line[line.index(after: colon)...].split(separator: " "))
        }
        return []
    }
}
