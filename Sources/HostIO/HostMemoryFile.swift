internal import Glibc
internal import HostBridge

/// Files without a name, in the host's memory: for what other programs shall map.
package enum HostMemoryFile {
    /// One of so many zeros, which belongs to the caller and closes on exec. Nil: the host refused; `errno` tells why.
    package static func make(size: UInt64) -> Int32? {
        // SAFETY: a constant string.
        let descriptor = unsafe host_memory_file("swvmm-memory", off_t(clamping: size))
        return descriptor >= 0 ? descriptor : nil
    }
}
