package import VMMCore

/// A file of the host that an image, or what comes with it, is read from where it is needed. Ranges lie in it.
///
/// Threading: any thread.
package protocol ImageFile: AnyObject, Sendable {
    /// In bytes, when it was opened.
    var size: Int { get }

    /// Nil when the host does not give these bytes: the file tells why.
    func read(_ range: Range<Int>) -> [UInt8]?

    /// Reads into guest memory from `address` on. False when the host does not give these bytes.
    func read(_ range: Range<Int>, into memory: GuestMemory, at address: GuestAddress) throws(GuestMemoryError) -> Bool
}

/// The bytes of a boot image, or of what comes with it, with bounds-checked little-endian reads. An offset may be any value; a read
/// past the end gives nil, as does one that the host refuses.
///
/// Of a file only the start is kept; what goes into guest memory is read straight into it.
package struct ImageBytes: Sendable {
    /// Holds what tells the formats apart, and an ELF file's program headers.
    private static let headSize = 64 << 10

    /// The first bytes: of a file the first `headSize`, otherwise all.
    private let head: [UInt8]
    private let file: (any ImageFile)?
    package let count: UInt64

    package init(_ bytes: [UInt8]) {
        head = bytes
        file = nil
        count = UInt64(bytes.count)
    }

    package init(_ file: any ImageFile) {
        head = file.read(0..<min(file.size, Self.headSize)) ?? []
        self.file = file
        count = UInt64(file.size)
    }

    package var isEmpty: Bool { count == 0 }

    /// Of all bytes.
    package var indices: Range<Int> { 0..<Int(count) }

    /// The array range of `count` bytes at `offset`, or nil when they are not all in the image.
    package func range(at offset: UInt64, count: UInt64) -> Range<Int>? {
        let (end, overflow) = offset.addingReportingOverflow(count)
        guard !overflow, end <= self.count else { return nil }
        return Int(offset)..<Int(end)
    }

    package func slice(at offset: UInt64, count: UInt64) -> ArraySlice<UInt8>? {
        range(at: offset, count: count).flatMap { slice($0) }
    }

    /// - Parameter range: of `indices`. The slice has indices of its own.
    package func slice(_ range: Range<Int>) -> ArraySlice<UInt8>? {
        range.upperBound <= head.count ? head[range] : file?.read(range)?[...]
    }

    /// As `slice`, but bytes that the host refuses are an error.
    func read(_ range: Range<Int>) throws(BootImageError) -> ArraySlice<UInt8> {
        guard let bytes = slice(range) else { throw Self.unreadable(range) }
        return bytes
    }

    /// Enough bytes from the start of `range` to tell what is there.
    func start(of range: Range<Int>) -> ArraySlice<UInt8> { slice(range.prefix(8)) ?? [] }

    /// All bytes, for what cannot read them piece by piece.
    package func whole() throws(BootImageError) -> [UInt8] {
        guard let file else { return head }
        guard let bytes = file.read(indices) else { throw Self.unreadable(indices) }
        return bytes
    }

    /// Writes bytes into guest memory.
    ///
    /// - Parameter range: of `indices`.
    package func copy(
        _ range: Range<Int>, into memory: GuestMemory, at address: GuestAddress
    ) throws(BootImageError) {
        do throws(GuestMemoryError) {
            guard let file else { return try memory.copyIn(head.span.extracting(range), to: address) }
            if try file.read(range, into: memory, at: address) { return }
        } catch {
            throw .memory(error)
        }
        throw Self.unreadable(range)
    }

    private static func unreadable(_ range: Range<Int>) -> BootImageError {
        .unreadable(offset: UInt64(range.lowerBound), size: UInt64(range.count))
    }

    /// A little-endian integer at `offset`, of any alignment.
    package func load<Value: FixedWidthInteger & UnsignedInteger>(_ type: Value.Type, at offset: UInt64) -> Value? {
        guard let slice = slice(at: offset, count: UInt64(Value.bitWidth / 8)) else { return nil }
        return slice.reversed().reduce(0) { ($0 << 8) | Value($1) }
    }

    package func loadBigEndian<Value: FixedWidthInteger & UnsignedInteger>(
        _ type: Value.Type, at offset: UInt64
    ) -> Value? { load(type, at: offset)?.byteSwapped }

    /// True when the bytes at `offset` are `expected`.
    package func has(_ expected: [UInt8], at offset: UInt64) -> Bool {
        slice(at: offset, count: UInt64(expected.count)).map { $0.elementsEqual(expected) } ?? false
    }

    /// The text up to the next NUL, at most `limit` bytes; nil when `offset` is outside or a byte is not printable ASCII.
    package func text(at offset: UInt64, limit: UInt64) -> String? {
        guard offset < count else { return nil }
        guard let window = slice(at: offset, count: min(limit, count - offset)) else { return nil }
        let text = window.prefix { $0 != 0 }
        guard text.allSatisfy({ (0x20..<0x7F).contains($0) }) else { return nil }
        return String(decoding: text, as: UTF8.self)
    }
}

/// Builds little-endian records.
package struct ByteWriter: Sendable {
    package private(set) var bytes: [UInt8] = []

    package init() {}

    package mutating func append<Value: FixedWidthInteger>(_ value: Value) {
        for shift in stride(from: 0, to: Value.bitWidth, by: 8) {
            bytes.append(UInt8(truncatingIfNeeded: value >> Value(shift)))
        }
    }

    /// The same for page tables of thousands of entries: a generic method is slow when another module calls it.
    package mutating func append(_ value: UInt64) {
        for shift in stride(from: UInt64(0), to: 64, by: 8) { bytes.append(UInt8(truncatingIfNeeded: value >> shift)) }
    }

    package mutating func append(contentsOf more: some Sequence<UInt8>) { bytes.append(contentsOf: more) }

    /// Zero bytes up to the next multiple of `alignment`.
    package mutating func pad(to alignment: Int) {
        while !bytes.count.isMultiple(of: alignment) { bytes.append(0) }
    }

    /// Overwrites bytes that are already there; writes past the end are left out.
    package mutating func patch<Value: FixedWidthInteger>(_ value: Value, at offset: Int) {
        for index in 0..<Value.bitWidth / 8 where bytes.indices.contains(offset + index) {
            bytes[offset + index] = UInt8(truncatingIfNeeded: value >> Value(index * 8))
        }
    }
}

package enum PageAlignment {
    package static let size: UInt64 = 4096

    /// `value` rounded up to a multiple of 4 KiB, or nil past 2^64.
    package static func roundUp(_ value: UInt64) -> UInt64? {
        let (sum, overflow) = value.addingReportingOverflow(size - 1)
        return overflow ? nil : sum & ~(size - 1)
    }
}
