internal import Glibc

/// Facts about the host.
package enum HostFacts {
    /// The host's words for an errno value.
    package static func describe(errno code: Int32) -> String {
        // SAFETY: strerror returns a terminated string that is copied at once.
        guard let text = unsafe strerror(code) else { return "error \(code)" }
        return unsafe String(cString: text)
    }

    /// Physical memory in bytes.
    package static var physicalMemory: UInt64 {
        let pages = sysconf(Int32(_SC_PHYS_PAGES))
        let pageSize = sysconf(Int32(_SC_PAGESIZE))
        guard pages > 0, pageSize > 0 else { return 0 }
        return UInt64(pages) * UInt64(pageSize)
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
