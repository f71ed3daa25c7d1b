internal import CURing
internal import Glibc

/// liburing: a ring of requests to the kernel about open files, which must stay open as long as requests are under way.
///
/// Threading: the methods that prepare and submit are called one at a time; `take` on one thread, which may wait in it
/// meanwhile. Source: io_uring(7), liburing 2.3.
@safe
package final class IORing: Sendable {
    package enum Operation: Sendable {
        /// `address` and `length` are memory.
        case read, write
        /// `address` and `length` are an array of iovec, which must live until `submit` has taken it, and how many.
        case readVectors, writeVectors
    }

    package struct Completion: Sendable {
        package let tag: UInt64
        /// Bytes, 0, or a negative errno.
        package let result: Int32
    }

    /// The kernel has no such ring for us.
    package struct Refusal: Error, Hashable, Sendable {
        package let errno: Int32
    }

    /// Of a request that only ends a wait.
    package static let wakeTag = UInt64.max

    // SAFETY: open from init to deinit. Submission and completion are separate parts of it.
    private nonisolated(unsafe) let ring: OpaquePointer

    /// - Parameter entries: requests that can be prepared; twice as many completions have room.
    package init(entries: UInt32) throws(Refusal) {
        // SAFETY: no memory of ours.
        guard let ring = unsafe uring_open(entries) else { throw Refusal(errno: errno) }
        unsafe self.ring = ring
    }

    deinit {
        // SAFETY: nobody uses the ring: that would need a reference to self.
        unsafe uring_close(ring)
    }

    /// False: the ring is full. The memory must live until the completion.
    @unsafe
    package func prepare(
        _ operation: Operation, _ descriptor: Int32, _ address: UnsafeRawPointer?, _ length: UInt32, at offset: UInt64,
        tag: UInt64
    ) -> Bool {
        let code =
            switch operation {
            case .read: URING_READ
            case .write: URING_WRITE
            case .readVectors: URING_READ_VECTORS
            case .writeVectors: URING_WRITE_VECTORS
            }
        // SAFETY: the caller vouches for the memory.
        return unsafe uring_prepare(ring, code, descriptor, address, length, offset, tag)
    }

    /// fdatasync.
    package func prepareSynchronize(_ descriptor: Int32, tag: UInt64) -> Bool {
        // SAFETY: no memory.
        unsafe uring_prepare(ring, URING_SYNCHRONIZE, descriptor, nil, 0, 0, tag)
    }

    /// fallocate with a mode of <linux/falloc.h>.
    package func prepareAllocate(
        _ descriptor: Int32, mode: Int32, at offset: UInt64, _ length: UInt64, tag: UInt64
    ) -> Bool {
        // SAFETY: no memory.
        unsafe uring_prepare_allocate(ring, descriptor, mode, offset, length, tag)
    }

    /// Has `take` give `wakeTag`.
    package func prepareWake() -> Bool {
        // SAFETY: no memory.
        unsafe uring_prepare_nothing(ring, Self.wakeTag)
    }

    /// Gives the kernel what was prepared. 0, or an errno: ask again.
    package func submit() -> Int32 {
        // SAFETY: the ring is open.
        unsafe uring_submit(ring)
    }

    /// The next completion; nil: there is none, and none is waited for.
    package func take(waiting: Bool) -> Completion? {
        var tag: UInt64 = 0
        var result: Int32 = 0
        while true {
            // SAFETY: the ring is open, and both locals live.
            if unsafe uring_take(ring, waiting, &tag, &result) == 0 { return Completion(tag: tag, result: result) }
            // Only an interruption ends a wait.
            if !waiting { return nil }
        }
    }
}
