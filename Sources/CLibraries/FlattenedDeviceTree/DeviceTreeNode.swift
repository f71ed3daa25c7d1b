/// A node of a device tree, as a plain value: what a platform composes before it is flattened.
package struct DeviceTreeNode: Hashable, Sendable {
    /// With the unit address, where there is one: `memory@40000000`. Empty for the root.
    package var name: String
    package var properties: [DeviceTreeProperty]
    package var children: [DeviceTreeNode]

    package init(_ name: String, _ properties: [DeviceTreeProperty] = [], children: [DeviceTreeNode] = []) {
        self.name = name
        self.properties = properties
        self.children = children
    }
}

/// A name and the bytes of its value. Source: Devicetree Specification 0.4, 2.2.4 (property value types).
package struct DeviceTreeProperty: Hashable, Sendable {
    package let name: String
    package let value: [UInt8]

    package init(_ name: String, bytes: [UInt8]) {
        self.name = name
        value = bytes
    }

    /// `<empty>`: its presence says it all.
    package init(_ name: String) { self.init(name, bytes: []) }

    /// `<u32>` or an array of cells, big-endian.
    package init(_ name: String, cells: UInt32...) { self.init(name, cells: cells) }

    package init(_ name: String, cells: [UInt32]) {
        self.init(name, bytes: cells.flatMap { BigEndian.bytes($0) })
    }

    /// `<u64>` values: two cells each, as `reg` has them with two address and two size cells.
    package init(_ name: String, pairs: [UInt64]) {
        self.init(name, bytes: pairs.flatMap { BigEndian.bytes($0) })
    }

    /// `<string>` or `<stringlist>`: each closed by NUL. A string ends at a NUL of its own.
    package init(_ name: String, strings: String...) {
        self.init(name, bytes: strings.flatMap { $0.utf8.prefix { $0 != 0 } + [0] })
    }
}

enum BigEndian {
    static func bytes<Value: FixedWidthInteger>(_ value: Value) -> [UInt8] {
        stride(from: Value.bitWidth - 8, through: 0, by: -8).map { UInt8(truncatingIfNeeded: value >> Value($0)) }
    }
}
