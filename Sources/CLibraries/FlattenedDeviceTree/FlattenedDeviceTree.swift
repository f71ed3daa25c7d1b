internal import CFDT

/// A valid flattened device tree: made from nodes, or taken from a file and checked, by libfdt.
///
/// Source: Devicetree Specification 0.4, chapter 5 (DTB format).
package struct FlattenedDeviceTree: Hashable, Sendable {
    /// `totalsize` bytes.
    package let bytes: [UInt8]

    /// What Linux on arm64 takes. Source: Linux Documentation/arch/arm64/booting.rst, 2.
    package static let maximumSize = 2 << 20

    /// Flattens `root`, with an empty reservation block.
    ///
    /// Throws `.tooLarge`, or `.malformed` for a name that no node or property can have.
    package init(root: DeviceTreeNode) throws(FlattenedDeviceTreeError) {
        let size = min(Self.bound(root) + 1024, Self.maximumSize)
        var buffer = Buffer(size: size)
        // SAFETY: libfdt gets the buffer's address and size, and keeps within them; names and values outlive the calls.
        try unsafe buffer.withPointer { pointer, size throws(FlattenedDeviceTreeError) in
            try Self.check(unsafe fdt_create(pointer, size))
            try Self.check(unsafe fdt_finish_reservemap(pointer))
            try unsafe Self.write(root, to: pointer)
            try Self.check(unsafe fdt_finish(pointer))
        }
        bytes = buffer.tree
    }

    /// Takes `totalsize` bytes of a file, whatever follows them, after a complete check of their structure.
    package init(checking file: [UInt8]) throws(FlattenedDeviceTreeError) {
        guard file.count >= Self.headerSize else {
            throw .truncated(needed: UInt64(Self.headerSize), size: UInt64(file.count))
        }
        guard file.starts(with: [0xD0, 0x0D, 0xFE, 0xED]) else { throw .badMagic }
        let totalSize = file[4..<8].reduce(0) { $0 << 8 | UInt64($1) }
        guard totalSize <= UInt64(file.count) else { throw .truncated(needed: totalSize, size: UInt64(file.count)) }
        guard totalSize <= UInt64(Self.maximumSize) else { throw .tooLarge(limit: Self.maximumSize) }
        guard totalSize >= UInt64(Self.headerSize) else { throw .malformed(.layout) }
        var buffer = Buffer(file.prefix(Int(totalSize)))
        // SAFETY: fdt_check_full reads `size` bytes at most.
        try unsafe buffer.withPointer { pointer, size throws(FlattenedDeviceTreeError) in
            try Self.check(unsafe fdt_check_full(pointer, Int(size)))
        }
        bytes = Array(file.prefix(Int(totalSize)))
    }

    /// The fields of version 17.
    private static let headerSize = 40

    /// The value of a property, or nil when `path` (`/chosen`) has no such property.
    package func property(_ name: String, at path: String) -> [UInt8]? {
        var buffer = Buffer(bytes[...])
        // SAFETY: the tree was checked; the property's bytes are in it and are copied while it is alive.
        return unsafe buffer.withPointer { pointer, _ in
            let node = unsafe fdt_path_offset(pointer, path)
            var length: Int32 = 0
            guard node >= 0, let value = unsafe fdt_getprop(pointer, node, name, &length), length >= 0 else {
                return nil
            }
            return unsafe [UInt8](UnsafeRawBufferPointer(start: value, count: Int(length)))
        }
    }

    /// A copy with properties of a node at the root set; the node is added when it is missing.
    package func setting(
        _ properties: [DeviceTreeProperty], of node: String
    ) throws(FlattenedDeviceTreeError) -> FlattenedDeviceTree {
        let addition = Self.bound(DeviceTreeNode(node, properties)) + 1024
        var buffer = Buffer(bytes[...], size: min(bytes.count + addition, Self.maximumSize))
        // SAFETY: the tree was checked; libfdt gets the buffer's address and size, and keeps within them.
        try unsafe buffer.withPointer { pointer, size throws(FlattenedDeviceTreeError) in
            try Self.check(unsafe fdt_open_into(pointer, pointer, size))
            var offset = unsafe fdt_subnode_offset(pointer, 0, node)
            if offset == -FDT_ERR_NOTFOUND { offset = unsafe fdt_add_subnode(pointer, 0, node) }
            try Self.check(offset)
            for property in properties {
                try Self.check(
                    unsafe fdt_setprop(pointer, offset, property.name, property.value, Int32(property.value.count)))
            }
            try Self.check(unsafe fdt_pack(pointer))
        }
        return FlattenedDeviceTree(trusted: buffer.tree)
    }

    private init(trusted bytes: [UInt8]) { self.bytes = bytes }
}

// MARK: - libfdt

extension FlattenedDeviceTree {
    /// - Parameter pointer: a tree between `fdt_finish_reservemap` and `fdt_finish`.
    private static func write(
        _ node: DeviceTreeNode, to pointer: UnsafeMutableRawPointer
    ) throws(FlattenedDeviceTreeError) {
        // SAFETY: libfdt keeps within the buffer that it was given; names and values outlive the calls.
        try check(unsafe fdt_begin_node(pointer, node.name))
        for property in node.properties {
            guard let count = Int32(exactly: property.value.count) else { throw .tooLarge(limit: maximumSize) }
            try check(unsafe fdt_property(pointer, property.name, property.value, count))
        }
        for child in node.children { try unsafe write(child, to: pointer) }
        try check(unsafe fdt_end_node(pointer))
    }

    /// No flattened node is larger: tags, padded names and values, and each property's name once more for the strings.
    private static func bound(_ node: DeviceTreeNode) -> Int {
        node.properties.reduce(node.name.utf8.count + 12) {
            $0 + 20 + $1.name.utf8.count + $1.value.count
        } + node.children.reduce(0) { $0 + bound($1) }
    }

    private static func check(_ result: Int32) throws(FlattenedDeviceTreeError) {
        switch -result {
        case ...0: return
        case FDT_ERR_NOSPACE: throw .tooLarge(limit: maximumSize)
        case FDT_ERR_BADMAGIC: throw .badMagic
        case FDT_ERR_BADVERSION: throw .malformed(.version)
        case FDT_ERR_BADLAYOUT, FDT_ERR_TRUNCATED: throw .malformed(.layout)
        case FDT_ERR_BADSTRUCTURE: throw .malformed(.structure)
        case let code: throw .malformed(.other(code))
        }
    }

    /// Memory for libfdt, which wants trees on 8-byte boundaries.
    private struct Buffer {
        private var words: [UInt64]
        private let size: Int

        init(size: Int) {
            words = Array(repeating: 0, count: (size + 7) / 8)
            self.size = size
        }

        /// A copy of a tree, with room up to `size`.
        init(_ tree: ArraySlice<UInt8>, size: Int? = nil) {
            self.init(size: max(size ?? 0, tree.count))
            // SAFETY: the words hold at least `tree.count` bytes.
            unsafe words.withUnsafeMutableBytes { unsafe $0.copyBytes(from: tree) }
        }

        mutating func withPointer<Result, Failure: Error>(
            _ body: (UnsafeMutableRawPointer, Int32) throws(Failure) -> Result
        ) throws(Failure) -> Result {
            let size = Int32(size)
            // SAFETY: the pointer is good for `size` bytes for as long as `body` runs.
            return try unsafe words.withUnsafeMutableBufferPointer { buffer throws(Failure) in
                guard let base = buffer.baseAddress else { preconditionFailure("a buffer is never empty") }
                return try unsafe body(UnsafeMutableRawPointer(base), size)
            }
        }

        /// The first `totalsize` bytes.
        var tree: [UInt8] {
            // SAFETY: the view lives as long as the closure.
            unsafe words.withUnsafeBytes { buffer in
                let total = unsafe buffer.dropFirst(4).prefix(4).reduce(0) { $0 << 8 | Int($1) }
                return unsafe [UInt8](buffer.prefix(total))
            }
        }
    }
}

/// Why bytes are no device tree, or nodes cannot become one.
package enum FlattenedDeviceTreeError: Error, Hashable, Sendable {
    /// `needed` bytes are wanted of a file of `size`.
    case truncated(needed: UInt64, size: UInt64)
    /// The first four bytes are not d0 0d fe ed.
    case badMagic
    case tooLarge(limit: Int)
    case malformed(Part)

    package enum Part: Hashable, Sendable {
        /// A version of the format that libfdt does not read.
        case version
        /// Blocks outside of the file, or in an impossible order.
        case layout
        /// The structure block.
        case structure
        /// libfdt's own number.
        case other(Int32)
    }
}
