internal import GuestABI
package import VMMCore

/// The modules that a FreeBSD loader tells a kernel of: the kernel itself first, then what was loaded with it.
///
/// In memory: for each module a NAME record, TYPE, ARGS if it has any, ADDR, SIZE and its metadata; then {0, 0}. A record is
/// a 32-bit type, a 32-bit length, and the payload padded to 8 bytes (the length leaves the padding out).
/// Source: FreeBSD stand/userboot/userboot/bootinfo64.c and stand/common/modinfo.c; sys/sys/linker.h.
package struct FreeBSDMetadata: Hashable, Sendable {
    package struct Module: Hashable, Sendable {
        package var name: String
        package var type: String
        /// The kernel's command line.
        package var arguments: String?
        package var address: UInt64
        package var size: UInt64
        package var items: [Item]

        package init(
            name: String, type: String, arguments: String? = nil, address: UInt64, size: UInt64, items: [Item] = []
        ) {
            self.name = name
            self.type = type
            self.arguments = arguments
            self.address = address
            self.size = size
            self.items = items
        }
    }

    /// One MODINFO_METADATA record.
    package struct Item: Hashable, Sendable {
        /// The subtype, without `KernelMetadata.metadata`.
        package var type: UInt32
        package var payload: [UInt8]

        package init(type: UInt32, payload: [UInt8]) {
            self.type = type
            self.payload = payload
        }

        /// A number of 4 or 8 bytes, as HOWTO and the addresses are.
        package init<Value: FixedWidthInteger & UnsignedInteger>(type: UInt32, value: Value) {
            var writer = ByteWriter()
            writer.append(value)
            self.init(type: type, payload: writer.bytes)
        }

        /// The payload as a number, when it is 4 or 8 bytes long.
        package var number: UInt64? {
            switch payload.count {
            case 4: ImageBytes(payload).load(UInt32.self, at: 0).map(UInt64.init)
            case 8: ImageBytes(payload).load(UInt64.self, at: 0)
            default: nil
            }
        }
    }

    package var modules: [Module]

    package init(modules: [Module]) { self.modules = modules }

    /// The records as they lie in memory.
    package var encoded: [UInt8] {
        var writer = ByteWriter()
        for module in modules {
            writer.record(KernelMetadata.name, string: module.name)
            writer.record(KernelMetadata.type, string: module.type)
            if let arguments = module.arguments { writer.record(KernelMetadata.arguments, string: arguments) }
            writer.record(Item(type: KernelMetadata.address, value: module.address))
            writer.record(Item(type: KernelMetadata.size, value: module.size))
            for item in module.items {
                writer.record(Item(type: item.type | KernelMetadata.metadata, payload: item.payload))
            }
        }
        writer.append(KernelMetadata.end)
        writer.append(UInt32(0))
        return writer.bytes
    }
}

extension FreeBSDMetadata.Item {
    /// SMAP: 20-byte entries {u64 base, u64 length, u32 type}. Source: FreeBSD sys/x86/include/metadata.h, pc/bios.h.
    package static func systemMemoryMap(_ entries: [MemoryMapEntry]) -> Self {
        var writer = ByteWriter()
        for entry in entries {
            writer.append(entry.range.start.rawValue)
            writer.append(entry.range.size)
            writer.append(entry.type)
        }
        return Self(type: KernelMetadata.systemMemoryMap, payload: writer.bytes)
    }

    /// The memory map of an SMAP payload; nil when its length is no multiple of an entry, or an entry is no range.
    package static func decodeSystemMemoryMap(_ payload: [UInt8]) -> [MemoryMapEntry]? {
        guard payload.count.isMultiple(of: 20) else { return nil }
        let bytes = ImageBytes(payload)
        return collect(count: payload.count / 20) { index in
            let offset = UInt64(index) * 20
            guard let base = bytes.load(UInt64.self, at: offset), let length = bytes.load(UInt64.self, at: offset + 8),
                let type = bytes.load(UInt32.self, at: offset + 16),
                let range = GuestRange(start: GuestAddress(base), size: length)
            else { return nil }
            return MemoryMapEntry(range: range, type: type)
        }
    }

    private static let efiHeaderSize: UInt64 = 32
    private static let efiDescriptorSize: UInt64 = 40

    /// EFI_MAP: a header {u64 size of what follows, u64 descriptor size, u32 version} padded to 16 bytes, then EFI memory
    /// descriptors {u32 type, pad, u64 physical, u64 virtual, u64 4 KiB pages, u64 attributes}.
    ///
    /// Usable RAM is EfiConventionalMemory (7), all else EfiReservedMemoryType (0); the attribute is EFI_MEMORY_WB.
    /// Source: FreeBSD sys/arm64/include/metadata.h; UEFI 2.10 §7.2.3 (GetMemoryMap).
    package static func efiMemoryMap(_ entries: [MemoryMapEntry]) -> Self {
        var writer = ByteWriter()
        writer.append(UInt64(entries.count) * efiDescriptorSize)
        writer.append(efiDescriptorSize)
        writer.append(UInt32(1))
        writer.pad(to: Int(efiHeaderSize))
        for entry in entries {
            writer.append(UInt32(entry.type == MemoryMapEntryType.usable ? 7 : 0))
            writer.append(UInt32(0))
            writer.append(entry.range.start.rawValue)
            writer.append(UInt64(0))
            writer.append(entry.range.size / PageAlignment.size)
            writer.append(UInt64(8))
        }
        return Self(type: KernelMetadata.efiMemoryMap, payload: writer.bytes)
    }

    /// The memory map of an EFI_MAP payload, or nil when it is not well formed.
    package static func decodeEFIMemoryMap(_ payload: [UInt8]) -> [MemoryMapEntry]? {
        let bytes = ImageBytes(payload)
        guard let size = bytes.load(UInt64.self, at: 0), let stride = bytes.load(UInt64.self, at: 8),
            stride >= efiDescriptorSize, bytes.range(at: efiHeaderSize, count: size) != nil
        else { return nil }
        return collect(count: Int(size / stride)) { index in
            let offset = efiHeaderSize + UInt64(index) * stride
            guard let type = bytes.load(UInt32.self, at: offset), let base = bytes.load(UInt64.self, at: offset + 8),
                let pages = bytes.load(UInt64.self, at: offset + 24), pages < 1 << 52,
                let range = GuestRange(start: GuestAddress(base), size: pages * PageAlignment.size)
            else { return nil }
            return MemoryMapEntry(
                range: range, type: type == 7 ? MemoryMapEntryType.usable : MemoryMapEntryType.reserved)
        }
    }

    private static func collect(count: Int, _ entry: (Int) -> MemoryMapEntry?) -> [MemoryMapEntry]? {
        var entries: [MemoryMapEntry] = []
        for index in 0..<count {
            guard let next = entry(index) else { return nil }
            entries.append(next)
        }
        return entries
    }
}

/// One range of a guest's memory map.
package struct MemoryMapEntry: Hashable, Sendable {
    package let range: GuestRange
    /// `MemoryMapEntryType`.
    package let type: UInt32

    package init(range: GuestRange, type: UInt32) {
        self.range = range
        self.type = type
    }
}

extension [MemoryMapEntry] {
    /// What may hold the image and what comes with it.
    package var usableRanges: [GuestRange] {
        filter { $0.type == MemoryMapEntryType.usable }.map(\.range)
    }
}

extension ByteWriter {
    fileprivate mutating func record(_ type: UInt32, string: String) {
        record(FreeBSDMetadata.Item(type: type, payload: Array(string.utf8) + [0]))
    }

    fileprivate mutating func record(_ item: FreeBSDMetadata.Item) {
        append(item.type)
        // A payload of 4 GiB cannot come about: strings and maps have limits, far below.
        append(UInt32(clamping: item.payload.count))
        append(contentsOf: item.payload)
        pad(to: 8)
    }
}
