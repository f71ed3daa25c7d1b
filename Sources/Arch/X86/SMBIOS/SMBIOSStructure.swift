internal import Boot

/// One structure: a header, fields, and behind them the strings that fields name by their number.
///
/// Source: DMTF DSP0134 3.4.0 (SMBIOS) §6.1.
struct SMBIOSStructure {
    private static let headerSize = 4

    private var writer = ByteWriter()
    private var strings: [String] = []

    init(type: UInt8, handle: UInt16) {
        writer.append(contentsOf: [type, 0])
        writer.append(handle)
    }

    mutating func append<Value: FixedWidthInteger>(_ value: Value) { writer.append(value) }
    mutating func append(contentsOf bytes: some Sequence<UInt8>) { writer.append(contentsOf: bytes) }

    /// A field that names a string; empty: there is none.
    mutating func append(_ text: String) { writer.append(text.isEmpty ? UInt8(0) : add(text)) }

    /// A string that no field names.
    mutating func add(_ text: String) -> UInt8 {
        strings.append(text)
        return UInt8(clamping: strings.count)
    }

    /// The structure with its length, and its strings, which two zeros end.
    func finished() -> [UInt8] {
        var result = writer
        result.patch(UInt8(clamping: result.bytes.count), at: 1)
        for string in strings {
            result.append(contentsOf: string.utf8)
            result.append(UInt8(0))
        }
        result.append(contentsOf: strings.isEmpty ? [0, 0] : [0])
        return result.bytes
    }
}
