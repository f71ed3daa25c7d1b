internal import GuestABI

/// Why bytes are no metadata. Offsets count from the first record.
package enum FreeBSDMetadataError: Error, Hashable, Sendable {
    /// A record header or payload runs past the end.
    case truncated(offset: UInt64, needed: UInt64, size: UInt64)
    /// A record before the first NAME.
    case nameMissing(offset: UInt64, type: UInt32)
    /// The length of ADDR or SIZE is not 8, or that of the end not 0.
    case badLength(offset: UInt64, type: UInt32, length: UInt32)
    /// A string without its NUL, or with bytes behind it.
    case badString(offset: UInt64, type: UInt32)
    case unknownType(offset: UInt64, type: UInt32)
    /// A second TYPE, ARGS, ADDR or SIZE in a module.
    case duplicate(offset: UInt64, type: UInt32)
    /// TYPE, ADDR or SIZE is not there.
    case incompleteModule(name: String)
    /// More records than any loader writes.
    case tooManyRecords(limit: Int)
}

extension FreeBSDMetadata {
    /// A loader writes a dozen records a module.
    private static let maximumRecords = 4096

    /// Reads records as the kernel would, with bounds. Bytes behind the end record are left alone.
    package static func decode(_ bytes: [UInt8]) throws(FreeBSDMetadataError) -> FreeBSDMetadata {
        let image = ImageBytes(bytes)
        var modules: [Module] = []
        var current: PartialModule?
        var offset: UInt64 = 0
        for _ in 0..<maximumRecords {
            let record = try Record(image, at: offset)
            switch record.type {
            case KernelMetadata.end:
                guard record.payload.isEmpty else { throw record.badLength }
                if let current { modules.append(try current.complete()) }
                return FreeBSDMetadata(modules: modules)
            case KernelMetadata.name:
                if let current { modules.append(try current.complete()) }
                current = PartialModule(name: try record.string())
            default:
                guard current != nil else { throw .nameMissing(offset: offset, type: record.type) }
                try current?.take(record)
            }
            offset = record.end
        }
        throw .tooManyRecords(limit: maximumRecords)
    }

    private struct PartialModule {
        let name: String
        var type: String?
        var arguments: String?
        var address: UInt64?
        var size: UInt64?
        var items: [Item] = []

        mutating func take(_ record: Record) throws(FreeBSDMetadataError) {
            switch record.type {
            case KernelMetadata.type: try set(&type, to: try record.string(), from: record)
            case KernelMetadata.arguments: try set(&arguments, to: try record.string(), from: record)
            case KernelMetadata.address: try set(&address, to: try record.number(), from: record)
            case KernelMetadata.size: try set(&size, to: try record.number(), from: record)
            default:
                guard record.type & KernelMetadata.metadata != 0 else {
                    throw .unknownType(offset: record.offset, type: record.type)
                }
                items.append(Item(type: record.type & ~KernelMetadata.metadata, payload: record.payload))
            }
        }

        private func set<Value>(
            _ field: inout Value?, to value: Value, from record: Record
        ) throws(FreeBSDMetadataError) {
            guard field == nil else { throw .duplicate(offset: record.offset, type: record.type) }
            field = value
        }

        func complete() throws(FreeBSDMetadataError) -> Module {
            guard let type, let address, let size else { throw .incompleteModule(name: name) }
            return Module(name: name, type: type, arguments: arguments, address: address, size: size, items: items)
        }
    }

    private struct Record {
        let offset: UInt64
        let type: UInt32
        let payload: [UInt8]
        /// Where the next record starts.
        let end: UInt64

        init(_ image: ImageBytes, at offset: UInt64) throws(FreeBSDMetadataError) {
            guard let type = image.load(UInt32.self, at: offset), let length = image.load(UInt32.self, at: offset + 4)
            else { throw .truncated(offset: offset, needed: 8, size: image.count) }
            // Fits: offset is at most the size of an array.
            let padded = (UInt64(length) + 7) & ~7
            guard image.range(at: offset + 8, count: padded) != nil,
                let payload = image.slice(at: offset + 8, count: UInt64(length))
            else { throw .truncated(offset: offset, needed: 8 + padded, size: image.count) }
            self.offset = offset
            self.type = type
            self.payload = Array(payload)
            end = offset + 8 + padded
        }

        var badLength: FreeBSDMetadataError {
            .badLength(offset: offset, type: type, length: UInt32(clamping: payload.count))
        }

        func string() throws(FreeBSDMetadataError) -> String {
            guard payload.firstIndex(of: 0) == payload.count - 1 else { throw .badString(offset: offset, type: type) }
            return String(decoding: payload.dropLast(), as: UTF8.self)
        }

        func number() throws(FreeBSDMetadataError) -> UInt64 {
            guard payload.count == 8, let value = ImageBytes(payload).load(UInt64.self, at: 0) else { throw badLength }
            return value
        }
    }
}
