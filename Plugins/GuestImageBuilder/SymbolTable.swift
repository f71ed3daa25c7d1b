/// Writes the kernel's own symbol table, from which it names the functions of a call stack, as assembly.
///
/// Layout of the section `.kernel_symbols` (little-endian): u32 count, u32 zero; then `count` entries of
/// {u32 address of the function, u32 offset of its name from the section's start}, sorted by address; then the names,
/// each ended by NUL.
enum SymbolTable {
    /// Longer names, those of generic specializations, are cut.
    static let longestName = 96

    static func assembly(addresses: [UInt64], names: [String]) -> String {
        var text = """
            .section .kernel_symbols, "a"
            .balign 8
            .globl kernel_symbols
            kernel_symbols:
            .long \(addresses.count), 0

            """
        for (index, address) in addresses.enumerated() {
            text += ".long \(address), .Lname\(index) - kernel_symbols\n"
        }
        for (index, name) in names.enumerated() {
            let plain = name.utf8.prefix(longestName).map { (0x20..<0x7F).contains($0) ? $0 : UInt8(ascii: "?") }
            let escaped = String(
                decoding: plain.flatMap { $0 == 0x22 || $0 == 0x5C ? [0x5C, $0] : [$0] }, as: UTF8.self)
            text += ".Lname\(index): .asciz \"\(escaped)\"\n"
        }
        return text
    }
}
