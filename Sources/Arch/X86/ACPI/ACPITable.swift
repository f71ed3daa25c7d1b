internal import Boot

/// The frame of a system description table: a header of 36 bytes, and a checksum over all of it.
///
/// Source: ACPI 6.4 §5.2.6, table 5.4.
struct ACPITable {
    static let headerSize = 36
    private static let checksumOffset = 9

    private var writer = ByteWriter()

    /// - Parameter signature: four characters.
    init(_ signature: String, revision: UInt8) {
        writer.append(contentsOf: signature.utf8.prefix(4))
        writer.append(UInt32(0))
        writer.append(contentsOf: [revision, 0])
        writer.append(contentsOf: ACPIIdentity.oem.utf8)
        writer.append(contentsOf: ACPIIdentity.table.utf8)
        writer.append(ACPIIdentity.revision)
        writer.append(contentsOf: ACPIIdentity.creator.utf8)
        writer.append(ACPIIdentity.revision)
    }

    mutating func append<Value: FixedWidthInteger>(_ value: Value) { writer.append(value) }
    mutating func append(contentsOf bytes: some Sequence<UInt8>) { writer.append(contentsOf: bytes) }

    /// A register in ports. Source: ACPI 6.4 §5.2.3.2, generic address structure.
    ///
    /// - Parameter width: of the register in bytes; 0: there is no such register.
    mutating func appendPorts(_ port: UInt16, width: UInt8, accessSize: UInt8) {
        append(contentsOf: width == 0 ? [0, 0, 0, 0] : [1, width &* 8, 0, accessSize])
        append(width == 0 ? 0 : UInt64(port))
    }

    /// The table with its length and checksum.
    func finished() -> [UInt8] {
        var result = writer
        result.patch(UInt32(clamping: result.bytes.count), at: 4)
        result.patch(ACPIChecksum.of(result.bytes), at: Self.checksumOffset)
        return result.bytes
    }
}

/// Who made the tables.
enum ACPIIdentity {
    /// Six characters.
    static let oem = "SWVMM "
    /// Eight characters.
    static let table = "PC      "
    /// Four characters.
    static let creator = "SWVM"
    static let revision: UInt32 = 1
}

enum ACPIChecksum {
    /// What makes the sum of all bytes zero, put where there is a zero now.
    static func of(_ bytes: some Sequence<UInt8>) -> UInt8 { 0 &- bytes.reduce(0, &+) }
}
