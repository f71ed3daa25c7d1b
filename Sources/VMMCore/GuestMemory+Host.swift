internal import Glibc
internal import Synchronization

/// One mapping of the host with a guard page on both sides, unmapped with the last reference.
@safe
final class HostPages: Sendable {
    /// The host's page size on every machine that swvmm runs on.
    static let pageSize = 4096
    private static let hugePageSize = 2 << 20

    // SAFETY: the pointer is immutable, and the memory behind it is shared with a guest: every access is by
    // memcpy or atomics and takes concurrent writers into account.
    nonisolated(unsafe) let start: UnsafeMutableRawPointer
    private let size: Int
    // SAFETY: immutable; used in init and deinit only.
    private nonisolated(unsafe) let reservation: UnsafeMutableRawPointer
    private let reservationSize: Int
    /// A nameless file that RAM is in; nil: it is in none.
    let descriptor: Int32?

    /// What is behind a mapping.
    enum Backing {
        case anonymous(hugePages: Bool)
        /// A file that is closed with the mapping.
        case ownFile(Int32, hugePages: Bool)
        /// An open file's first bytes; the file may be closed then.
        case file(Int32, isShared: Bool)

        var isRAM: Bool {
            switch self {
            case .anonymous, .ownFile: true
            case .file: false
            }
        }
    }

    init(size: UInt64, _ backing: Backing) throws(GuestMemoryError) {
        var isMapped = false
        defer { if !isMapped, case .ownFile(let file, _) = backing { close(file) } }
        guard let bytes = Int(exactly: size), bytes < Int.max - 2 * Self.hugePageSize else {
            throw .hostRefused(size: size, errno: ENOMEM)
        }
        // Reserve with room to align on a huge page: else the host could not use any.
        let alignment = bytes >= Self.hugePageSize ? Self.hugePageSize : Self.pageSize
        let total = bytes + alignment + Self.pageSize
        let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
        // SAFETY: a fresh reservation at an address of the kernel's choice touches no existing mapping.
        guard let reserved = unsafe mmap(nil, total, PROT_NONE, flags, -1, 0), unsafe reserved != MAP_FAILED else {
            throw .hostRefused(size: size, errno: errno)
        }
        let firstUsable = UInt(bitPattern: reserved) + UInt(Self.pageSize)
        let aligned = (firstUsable + UInt(alignment) - 1) & ~UInt(alignment - 1)
        let base = unsafe reserved + Int(aligned - UInt(bitPattern: reserved))
        // SAFETY: base ..< base + bytes lies inside the reservation, with at least one page left on both sides.
        guard unsafe Self.back(base, bytes, backing) else {
            let reason = errno
            unsafe munmap(reserved, total)
            throw .hostRefused(size: size, errno: reason)
        }
        unsafe start = base
        self.size = bytes
        unsafe reservation = reserved
        reservationSize = total
        descriptor = if case .ownFile(let file, _) = backing { file } else { nil }
        isMapped = true
    }

    /// Puts what is wanted behind a part of a reservation. False: `errno` has the reason.
    @unsafe
    private static func back(_ base: UnsafeMutableRawPointer, _ bytes: Int, _ backing: Backing) -> Bool {
        let access = PROT_READ | PROT_WRITE
        switch backing {
        case .anonymous(let hugePages):
            guard unsafe mprotect(base, bytes, access) == 0 else { return false }
            unsafe advise(base, bytes, hugePages)
            return true
        case .ownFile(let descriptor, let hugePages):
            guard unsafe mmap(base, bytes, access, MAP_FIXED | MAP_SHARED, descriptor, 0) != MAP_FAILED else {
                return false
            }
            unsafe advise(base, bytes, hugePages)
            return true
        case .file(let descriptor, let isShared):
            let flags = MAP_FIXED | (isShared ? MAP_SHARED : MAP_PRIVATE | MAP_NORESERVE)
            return unsafe mmap(base, bytes, access, flags, descriptor, 0) != MAP_FAILED
        }
    }

    /// Advice only: a kernel without transparent huge pages refuses, and nothing is lost.
    @unsafe
    private static func advise(_ base: UnsafeMutableRawPointer, _ bytes: Int, _ hugePages: Bool) {
        if hugePages && bytes >= hugePageSize { unsafe _ = madvise(base, bytes, MADV_HUGEPAGE) }
    }

    deinit {
        // SAFETY: the reservation is ours alone, and no reference to it is left.
        unsafe _ = munmap(reservation, reservationSize)
        if let descriptor { close(descriptor) }
    }
}

extension GuestMemory {
    /// Gives the host's pages that lie in a part of RAM as a whole back: they read as zeros from then on, and cost nothing until they are
    /// touched. What is not RAM, as a file is not, and a host that refuses, changes nothing.
    package func discard(_ address: GuestAddress, count: UInt64) {
        let page = UInt64(max(HostPages.pageSize, sysconf(Int32(_SC_PAGESIZE))))
        guard let region = regions.first(where: { $0.isRAM && $0.range.contains(address, count: count) }),
            let end = address.advanced(by: count),
            let roundedUp = address.advanced(by: page - 1)
        else { return }
        // Regions begin at multiples of the host's pages in both address spaces.
        let first = roundedUp.rawValue & ~(page - 1)
        let last = end.rawValue & ~(page - 1)
        guard first < last, let length = Int(exactly: last - first),
            let start = unsafe try? hostAddress(GuestAddress(first), count: length)
        else { return }
        // SAFETY: `length` checked bytes of RAM's mapping, which stays; who reads them at the same time sees the old bytes or zeros,
        // as with any other writer.
        if unsafe madvise(start, length, region.isShareable ? MADV_REMOVE : MADV_DONTNEED) == 0 {
            writeObserver.noteWrite(GuestAddress(first), count: UInt64(length))
        }
    }
}

/// An integer that guest memory can be accessed with in one host access: UInt8, UInt16, UInt32, UInt64.
package protocol GuestInteger: FixedWidthInteger, BitwiseCopyable, Sendable {
    /// One relaxed atomic load. `pointer` is aligned for `Self`, in a live mapping.
    @unsafe static func relaxedLoad(_ pointer: UnsafeMutableRawPointer) -> Self
    /// One relaxed atomic store. `pointer` is aligned for `Self`, in a live mapping.
    @unsafe static func relaxedStore(_ value: Self, _ pointer: UnsafeMutableRawPointer)
}

// SAFETY, for the four types: Atomic<UIntN> has the layout of UIntN, and guest RAM is bound to no other type.

extension UInt8: GuestInteger {
    @unsafe package static func relaxedLoad(_ pointer: UnsafeMutableRawPointer) -> Self {
        unsafe pointer.assumingMemoryBound(to: Atomic<Self>.self).pointee.load(ordering: .relaxed)
    }
    @unsafe package static func relaxedStore(_ value: Self, _ pointer: UnsafeMutableRawPointer) {
        unsafe pointer.assumingMemoryBound(to: Atomic<Self>.self).pointee.store(value, ordering: .relaxed)
    }
}

extension UInt16: GuestInteger {
    @unsafe package static func relaxedLoad(_ pointer: UnsafeMutableRawPointer) -> Self {
        unsafe pointer.assumingMemoryBound(to: Atomic<Self>.self).pointee.load(ordering: .relaxed)
    }
    @unsafe package static func relaxedStore(_ value: Self, _ pointer: UnsafeMutableRawPointer) {
        unsafe pointer.assumingMemoryBound(to: Atomic<Self>.self).pointee.store(value, ordering: .relaxed)
    }
}

extension UInt32: GuestInteger {
    @unsafe package static func relaxedLoad(_ pointer: UnsafeMutableRawPointer) -> Self {
        unsafe pointer.assumingMemoryBound(to: Atomic<Self>.self).pointee.load(ordering: .relaxed)
    }
    @unsafe package static func relaxedStore(_ value: Self, _ pointer: UnsafeMutableRawPointer) {
        unsafe pointer.assumingMemoryBound(to: Atomic<Self>.self).pointee.store(value, ordering: .relaxed)
    }
}

extension UInt64: GuestInteger {
    @unsafe package static func relaxedLoad(_ pointer: UnsafeMutableRawPointer) -> Self {
        unsafe pointer.assumingMemoryBound(to: Atomic<Self>.self).pointee.load(ordering: .relaxed)
    }
    @unsafe package static func relaxedStore(_ value: Self, _ pointer: UnsafeMutableRawPointer) {
        unsafe pointer.assumingMemoryBound(to: Atomic<Self>.self).pointee.store(value, ordering: .relaxed)
    }
}
