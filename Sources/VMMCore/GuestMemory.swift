internal import Glibc
internal import Synchronization

/// Guest RAM: a few regions of host memory at guest physical addresses. Files of the host can be such regions, too.
///
/// The guest and the host's other threads write while we read, so no pointer, Span or array over live RAM leaves this
/// type: access is by copy, or by sized loads and stores with an explicit ordering. Copy, validate, use once.
///
/// Each region of RAM is an anonymous private mapping without swap reservation, or a nameless file where programs of the host's
/// are to share it; pages cost host memory once touched. All have an inaccessible guard page on both sides. Threading: all methods from any thread. Addresses come from guests: any value.
package final class GuestMemory: Sendable {
    /// One contiguous piece.
    package struct Region: Sendable {
        package let range: GuestRange
        /// False: a file's bytes are there.
        package let isRAM: Bool
        fileprivate let base: HostPages

        /// RAM that other programs can map.
        var isShareable: Bool { base.descriptor != nil }
    }

    /// A file of the host whose bytes are memory of the guest.
    package struct MappedFile: Sendable {
        /// Where they are: as many as the file has, in whole 4 KiB pages.
        package var range: GuestRange
        /// Open, for writing if the guest's stores are to reach the file. The mapping holds the file by itself.
        package var descriptor: Int32
        /// The guest's stores reach the file; else they stay in memory, and are lost with it.
        package var isShared: Bool

        package init(range: GuestRange, descriptor: Int32, isShared: Bool) {
            self.range = range
            self.descriptor = descriptor
            self.isShared = isShared
        }
    }

    /// Ordered by address, not overlapping, not empty.
    package let regions: [Region]
    let writeObserver: HostWriteObservers

    /// Maps host memory for `ranges`, and files. Untouched pages of RAM read as zero.
    ///
    /// - Parameters:
    ///   - ranges: page-aligned (4 KiB) ranges in any order.
    ///   - files: at page-aligned ranges of their own.
    ///   - hugePages: advise the host to back regions of 2 MiB and more with huge pages.
    ///   - makeFile: for RAM that other programs shall map too: makes a nameless file of so many bytes, which becomes this object's;
    ///     nil, with `errno`: the host refused.
    package init(
        _ ranges: [GuestRange], files: [MappedFile] = [], hugePages: Bool = false, makeFile: ((UInt64) -> Int32?)? = nil
    ) throws(GuestMemoryError) {
        var wanted: [(range: GuestRange, backing: HostPages.Backing)] = []
        for range in ranges {
            var backing = HostPages.Backing.anonymous(hugePages: hugePages)
            if let makeFile {
                guard let file = makeFile(range.size) else { throw .hostRefused(size: range.size, errno: errno) }
                backing = .ownFile(file, hugePages: hugePages)
            }
            wanted.append((range, backing))
        }
        for file in files { wanted.append((file.range, .file(file.descriptor, isShared: file.isShared))) }
        wanted.sort { $0.range.start < $1.range.start }
        var mapped: [Region] = []
        for (range, backing) in wanted {
            if let last = mapped.last, last.range.overlaps(range) { throw .regionsOverlap(last.range, range) }
            guard range.start.rawValue % UInt64(HostPages.pageSize) == 0,
                range.size % UInt64(HostPages.pageSize) == 0
            else { throw .misalignedRegion(range) }
            let pages = try HostPages(size: range.size, backing)
            mapped.append(Region(range: range, isRAM: backing.isRAM, base: pages))
        }
        regions = mapped
        writeObserver = HostWriteObservers()
    }

    /// RAM, in bytes.
    package var size: UInt64 { regions.reduce(0) { $0 + ($1.isRAM ? $1.range.size : 0) } }

    /// RAM that other programs can map: each region with a file of its size. The descriptors live as long as this object.
    package var shareableRegions: [(range: GuestRange, descriptor: Int32)] {
        regions.compactMap { region in region.base.descriptor.map { (region.range, $0) } }
    }

    /// Where files are, ascending.
    package var fileRanges: [GuestRange] { regions.filter { !$0.isRAM }.map(\.range) }

    /// True when `count` bytes from `address` on lie in one region.
    package func contains(_ address: GuestAddress, count: UInt64) -> Bool {
        regions.contains { $0.range.contains(address, count: count) }
    }
}

// MARK: - Copies

extension GuestMemory {
    /// Copies `count` bytes out of the guest. Other writers may interleave: the result is a value, not a snapshot.
    package func copyOut(_ address: GuestAddress, count: Int) throws(GuestMemoryError) -> [UInt8] {
        let source = try unsafe hostAddress(address, count: count)
        // SAFETY: hostAddress checked that `count` bytes from `source` lie in one live mapping; the array has `count` bytes.
        return unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            if let destination = buffer.baseAddress, count > 0 { unsafe memcpy(destination, source, count) }
            initialized = count
        }
    }

    /// Copies guest bytes into `destination`, filling it. Allocates nothing.
    package func copyOut(_ address: GuestAddress, into destination: inout MutableRawSpan) throws(GuestMemoryError) {
        let count = destination.byteCount
        let source = try unsafe hostAddress(address, count: count)
        // SAFETY: `source` has `count` checked bytes; the span's storage is exclusive and as long.
        unsafe destination.withUnsafeMutableBytes { buffer in
            if let target = buffer.baseAddress, count > 0 { unsafe memcpy(target, source, count) }
        }
    }

    /// Copies guest bytes into `bytes[range]`. Allocates nothing when `bytes` has one owner.
    package func copyOut(
        _ address: GuestAddress, into bytes: inout [UInt8], at range: Range<Int>
    ) throws(GuestMemoryError) {
        precondition(range.lowerBound >= 0 && range.upperBound <= bytes.count)
        let source = try unsafe hostAddress(address, count: range.count)
        // SAFETY: `source` has as many checked bytes as the range, which lies in the array.
        unsafe bytes.withUnsafeMutableBytes { buffer in
            if let start = buffer.baseAddress, !range.isEmpty {
                unsafe memcpy(start + range.lowerBound, source, range.count)
            }
        }
    }

    /// Copies `bytes[range]` into the guest.
    package func copyIn(_ bytes: [UInt8], at range: Range<Int>, to address: GuestAddress) throws(GuestMemoryError) {
        precondition(range.lowerBound >= 0 && range.upperBound <= bytes.count)
        let target = try unsafe hostAddress(address, count: range.count)
        // SAFETY: `target` has as many checked bytes as the range, which lies in the array.
        unsafe bytes.withUnsafeBytes { buffer in
            if let start = buffer.baseAddress, !range.isEmpty {
                unsafe memcpy(target, start + range.lowerBound, range.count)
            }
        }
        writeObserver.noteWrite(address, count: UInt64(range.count))
    }

    /// Copies `bytes` into the guest: a part of a file image, say, without a copy in between.
    package func copyIn(_ bytes: Span<UInt8>, to address: GuestAddress) throws(GuestMemoryError) {
        let target = try unsafe hostAddress(address, count: bytes.count)
        // SAFETY: `target` has as many checked bytes as the span.
        unsafe bytes.withUnsafeBytes { buffer in
            if let source = buffer.baseAddress, !bytes.isEmpty { unsafe memcpy(target, source, bytes.count) }
        }
        writeObserver.noteWrite(address, count: UInt64(bytes.count))
    }

    /// Copies `bytes` into the guest.
    package func copyIn(_ bytes: [UInt8], to address: GuestAddress) throws(GuestMemoryError) {
        try copyIn(bytes.span, to: address)
    }

    /// Sets `count` bytes to `byte`.
    package func fill(_ address: GuestAddress, count: Int, with byte: UInt8) throws(GuestMemoryError) {
        let target = try unsafe hostAddress(address, count: count)
        // SAFETY: `target` has `count` checked bytes.
        unsafe memset(target, Int32(byte), count)
        writeObserver.noteWrite(address, count: UInt64(count))
    }
}

// MARK: - Sized accesses

/// The ordering of a sized access, in the terms of the C11 memory model.
package enum MemoryOrdering: Sendable {
    case relaxed
    /// Loads: acquire. Stores: release.
    case acquireRelease
    case sequentiallyConsistent
}

extension GuestMemory {
    /// Loads a little-endian integer of 1, 2, 4 or 8 bytes with one host access.
    ///
    /// - Parameter address: naturally aligned; else `GuestMemoryError.misaligned` is thrown.
    package func load<Value: GuestInteger>(
        _ type: Value.Type, at address: GuestAddress, ordering: MemoryOrdering = .relaxed
    ) throws(GuestMemoryError) -> Value {
        let pointer = try unsafe alignedHostAddress(address, count: MemoryLayout<Value>.size)
        // Fences instead of ordered accesses (C11 7.17.4): they serve all widths alike.
        if ordering == .sequentiallyConsistent { atomicMemoryFence(ordering: .sequentiallyConsistent) }
        let value = unsafe Value.relaxedLoad(pointer)
        if ordering != .relaxed { atomicMemoryFence(ordering: .acquiring) }
        return Value(littleEndian: value)
    }

    /// Stores a little-endian integer of 1, 2, 4 or 8 bytes with one host access.
    ///
    /// - Parameter address: naturally aligned; else `GuestMemoryError.misaligned` is thrown.
    package func store<Value: GuestInteger>(
        _ value: Value, at address: GuestAddress, ordering: MemoryOrdering = .relaxed
    ) throws(GuestMemoryError) {
        let pointer = try unsafe alignedHostAddress(address, count: MemoryLayout<Value>.size)
        if ordering != .relaxed { atomicMemoryFence(ordering: .releasing) }
        unsafe Value.relaxedStore(value.littleEndian, pointer)
        if ordering == .sequentiallyConsistent { atomicMemoryFence(ordering: .sequentiallyConsistent) }
        writeObserver.noteWrite(address, count: UInt64(MemoryLayout<Value>.size))
    }
}

// MARK: - Host addresses

extension GuestMemory {
    /// Calls `body` with each region's host mapping: for a backend that maps it into the guest, and for nobody else.
    ///
    /// The mappings live as long as this object.
    @unsafe
    package func forEachHostMapping<Failure: Error>(
        _ body: (GuestRange, UnsafeMutableRawPointer) throws(Failure) -> Void
    ) throws(Failure) {
        for region in regions { try unsafe body(region.range, region.base.start) }
    }

    /// The host address of `count` bytes that lie in one region.
    @unsafe
    func hostAddress(_ address: GuestAddress, count: Int) throws(GuestMemoryError) -> UnsafeMutableRawPointer {
        guard count >= 0 else { throw .outOfRange(address, count: 0) }
        for region in regions where region.range.contains(address, count: UInt64(count)) {
            return unsafe region.base.start + Int(address.rawValue - region.range.start.rawValue)
        }
        throw .outOfRange(address, count: UInt64(count))
    }

    @unsafe
    private func alignedHostAddress(_ address: GuestAddress, count: Int) throws(GuestMemoryError)
        -> UnsafeMutableRawPointer
    {
        guard address.rawValue % UInt64(count) == 0 else { throw .misaligned(address, count: UInt64(count)) }
        return try unsafe hostAddress(address, count: count)
    }
}

/// Why an access to guest memory, or making it, failed.
package enum GuestMemoryError: Error, Hashable, Sendable {
    /// Not all bytes of the access are in one region.
    case outOfRange(GuestAddress, count: UInt64)
    /// A sized access that is not naturally aligned.
    case misaligned(GuestAddress, count: UInt64)
    case regionsOverlap(GuestRange, GuestRange)
    case misalignedRegion(GuestRange)
    /// The host refused the mapping; `errno` is `mmap`'s.
    case hostRefused(size: UInt64, errno: Int32)
}
