internal import Glibc
internal import Uring
internal import VMMCore

/// The memory that requests to a ring name: guest memory by arrays of iovec, and zeros.
///
/// Threading: by who may prepare requests, one at a time.
@safe
final class DiskRingMemory: Sendable {
    private static let zeroCount = 1 << 16
    private static let pageSize = 4096

    /// Of arrays for the requests of one call to the kernel.
    let vectorCount: Int
    // SAFETY: allocated in init, freed in deinit; written by who prepares requests, read by the kernel until it has taken them.
    private nonisolated(unsafe) let vectors: UnsafeMutableBufferPointer<iovec>
    // SAFETY: allocated in init, freed in deinit, never written after init.
    private nonisolated(unsafe) let zeros: UnsafeMutableRawBufferPointer

    init(vectorCount: Int) {
        self.vectorCount = vectorCount
        // SAFETY: iovec and bytes are trivial types; both are initialised here.
        unsafe vectors = .allocate(capacity: vectorCount)
        unsafe vectors.initialize(repeating: iovec())
        unsafe zeros = .allocate(byteCount: Self.zeroCount, alignment: Self.pageSize)
        unsafe zeros.initializeMemory(as: UInt8.self, repeating: 0)
    }

    deinit {
        // SAFETY: no request is under way: its ring is gone first.
        unsafe vectors.deallocate()
        unsafe zeros.deallocate()
    }

    /// Prepares a read or write of `range` of the request's bytes, as far as the vectors go. Gives how many it used; nil: the ring
    /// is full.
    func prepareTransfer(
        _ ring: IORing, _ descriptor: Int32, _ request: borrowing BlockRequest, _ range: Range<UInt64>,
        _ memory: GuestMemory, vectors place: Range<Int>, tag: UInt64
    ) throws(GuestMemoryError) -> Int? {
        let isRead = request.operation == .read
        let offset = request.offset + range.lowerBound
        // SAFETY: the place is inside the array, and nobody uses it before the kernel has taken the request. What the entries
        // name lives as long as the request's client, which holds the memory.
        let room = unsafe UnsafeMutableBufferPointer(rebasing: vectors[place])
        let count = unsafe try memory.fill(room, request.buffers, range: range)
        // One buffer needs no array.
        if count == 1, let only = unsafe room.first {
            let length = UInt32(truncatingIfNeeded: unsafe only.iov_len)
            let isPrepared = unsafe ring.prepare(
                isRead ? .read : .write, descriptor, UnsafeRawPointer(only.iov_base), length, at: offset, tag: tag)
            return isPrepared ? 0 : nil
        }
        let isPrepared = unsafe ring.prepare(
            isRead ? .readVectors : .writeVectors, descriptor, UnsafeRawPointer(room.baseAddress), UInt32(count),
            at: offset, tag: tag)
        return isPrepared ? count : nil
    }

    /// Prepares a write of zeros, of some of the bytes. False: the ring is full.
    func prepareZeroes(_ ring: IORing, _ descriptor: Int32, at offset: UInt64, _ length: UInt64, tag: UInt64) -> Bool {
        // SAFETY: the zeros live longer than the ring's requests.
        unsafe ring.prepare(
            .write, descriptor, UnsafeRawPointer(zeros.baseAddress), UInt32(min(length, UInt64(Self.zeroCount))),
            at: offset, tag: tag)
    }
}
