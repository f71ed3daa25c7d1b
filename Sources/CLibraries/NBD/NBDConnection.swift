internal import CNBD
internal import Glibc

/// libnbd's connection to a server of disks, with any number of requests under way. The one type that touches the library.
///
/// Threading: one thread. Source: libnbd 1.10 on, `libnbd(3)`.
@safe
package final class NBDConnection {
    /// What the library, the host or the server says.
    package struct Refusal: Error {
        package let errno: Int32
        package let words: String
    }

    /// What a request is known by until it has ended.
    package typealias Ticket = Int64

    // SAFETY: made by init, freed by deinit only.
    private let handle: OpaquePointer

    package let facts: Facts

    package struct Facts: Sendable {
        /// In bytes.
        package var size: UInt64 = 0
        package var isReadOnly = false
        package var canFlush = false
        /// Writes can be durable by themselves.
        package var canForce = false
        package var canDiscard = false
        package var canWriteZeroes = false
        /// In bytes; 0: the server does not say.
        package var minimumBlock: UInt64 = 0
        package var preferredBlock: UInt64 = 0
        package var maximumBlock: UInt64 = 0
    }

    /// Connects, and waits until the server has told what the disk is like.
    package init(_ uri: String) throws(Refusal) {
        // SAFETY: a fresh handle, which is closed on the way of each error; strings live as long as the calls.
        guard let handle = unsafe nbd_create() else { throw Self.refusal() }
        // Files of certificates and keys that a URI names: who typed it may read them.
        guard unsafe nbd_set_uri_allow_local_file(handle, true) == 0,
            // A buffer is looked at only after a success.
            unsafe nbd_set_pread_initialize(handle, false) == 0,
            unsafe nbd_connect_uri(handle, uri) == 0
        else {
            let refusal = Self.refusal()
            unsafe nbd_close(handle)
            throw refusal
        }
        let size = unsafe nbd_get_size(handle)
        guard size >= 0 else {
            let refusal = Self.refusal()
            unsafe nbd_close(handle)
            throw refusal
        }
        func block(_ kind: Int32) -> UInt64 { UInt64(max(0, unsafe nbd_get_block_size(handle, kind))) }
        facts = unsafe Facts(
            size: UInt64(size), isReadOnly: nbd_is_read_only(handle) == 1, canFlush: nbd_can_flush(handle) == 1,
            canForce: nbd_can_fua(handle) == 1, canDiscard: nbd_can_trim(handle) == 1,
            canWriteZeroes: nbd_can_zero(handle) == 1, minimumBlock: block(LIBNBD_SIZE_MINIMUM),
            preferredBlock: block(LIBNBD_SIZE_PREFERRED), maximumBlock: block(LIBNBD_SIZE_MAXIMUM))
        unsafe self.handle = handle
    }

    deinit {
        // SAFETY: nobody else has the handle.
        unsafe nbd_close(handle)
    }

    private static func refusal() -> Refusal {
        // SAFETY: the string is the thread's last error, copied at once.
        let words = unsafe nbd_get_error().map { unsafe String(cString: $0) } ?? ""
        let code = nbd_get_errno()
        return Refusal(errno: code == 0 ? EIO : code, words: words)
    }

    private func checked(_ ticket: Int64) throws(Refusal) -> Ticket {
        guard ticket > 0 else { throw Self.refusal() }
        return ticket
    }

    // MARK: Requests

    /// The buffer must live, and be left alone, until the request has ended.
    @unsafe
    package func read(_ buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(Refusal) -> Ticket {
        // SAFETY: the caller vouches for the buffer.
        try checked(
            unsafe nbd_aio_pread(
                handle, buffer.baseAddress, buffer.count, offset, nbd_completion_callback(), 0))
    }

    /// As with `read`. `force`: with `canForce` only.
    @unsafe
    package func write(
        _ buffer: UnsafeMutableRawBufferPointer, at offset: UInt64, force: Bool
    ) throws(Refusal) -> Ticket {
        // SAFETY: the caller vouches for the buffer.
        try checked(
            unsafe nbd_aio_pwrite(
                handle, buffer.baseAddress, buffer.count, offset, nbd_completion_callback(),
                force ? LIBNBD_CMD_FLAG_FUA : 0))
    }

    package func flush() throws(Refusal) -> Ticket {
        // SAFETY: no memory.
        try checked(unsafe nbd_aio_flush(handle, nbd_completion_callback(), 0))
    }

    package func discard(at offset: UInt64, _ length: UInt64) throws(Refusal) -> Ticket {
        // SAFETY: no memory.
        try checked(unsafe nbd_aio_trim(handle, length, offset, nbd_completion_callback(), 0))
    }

    package func writeZeroes(
        at offset: UInt64, _ length: UInt64, mayUnmap: Bool, force: Bool
    ) throws(Refusal) -> Ticket {
        let flags = (mayUnmap ? 0 : LIBNBD_CMD_FLAG_NO_HOLE) | (force ? LIBNBD_CMD_FLAG_FUA : 0)
        // SAFETY: no memory.
        return try checked(unsafe nbd_aio_zero(handle, length, offset, nbd_completion_callback(), flags))
    }

    // MARK: Progress

    /// What to wait for with poll.
    package var watch: (descriptor: Int32, events: Int16) {
        // SAFETY: the handle is open.
        let direction = unsafe nbd_aio_get_direction(handle)
        let reads = direction & UInt32(LIBNBD_AIO_DIRECTION_READ) != 0
        let writes = direction & UInt32(LIBNBD_AIO_DIRECTION_WRITE) != 0
        return (unsafe nbd_aio_get_fd(handle), Int16((reads ? POLLIN : 0) | (writes ? POLLOUT : 0)))
    }

    /// Goes on with what poll has found. Refused: the connection is lost.
    package func proceed(_ found: Int16) {
        // SAFETY: the handle is open. What fails shows in `isLost`.
        if found & Int16(POLLIN | POLLHUP | POLLERR) != 0 {
            unsafe _ = nbd_aio_notify_read(handle)
        } else if found & Int16(POLLOUT) != 0 {
            unsafe _ = nbd_aio_notify_write(handle)
        }
    }

    /// A request that has ended, once each: 0, or an errno.
    package func takeEnded() -> (ticket: Ticket, errno: Int32)? {
        // SAFETY: the handle is open.
        let ticket = unsafe nbd_aio_peek_command_completed(handle)
        guard ticket > 0 else { return nil }
        let status = unsafe nbd_aio_command_completed(handle, UInt64(ticket))
        return (ticket, status == 1 ? 0 : Self.refusal().errno)
    }

    package var isLost: Bool {
        // SAFETY: the handle is open.
        unsafe nbd_aio_is_dead(handle) == 1 || nbd_aio_is_closed(handle) == 1
    }

    /// Takes leave of the server.
    package func close() {
        // SAFETY: the handle is open.
        unsafe _ = nbd_shutdown(handle, UInt32(LIBNBD_SHUTDOWN_ABANDON_PENDING))
    }
}
