import KernelCore

/// The kernel's own symbol table, from which it names the functions of a call stack: KernelCore's format, in a section.
enum SymbolTable {
    /// Longer names, those of generic specializations, are cut.
    static let longestName = 96

    /// - Parameters:
    ///   - functions: by ascending address, one at least.
    ///   - names: readable ones, one a function.
    static func bytes(_ functions: [ELFSymbols.Function], names: [String]) -> [UInt8] {
        guard let first = functions.first, let last = functions.last else { return [] }
        let extent = last.address + max(last.size, 1) - first.address
        var writer = SymbolTableWriter(base: first.address, extent: UInt32(clamping: extent))
        for (function, name) in zip(functions, names) {
            writer.add(String(decoding: name.utf8.prefix(longestName), as: UTF8.self), at: function.address)
        }
        return writer.encoded()
    }

    /// The section `.kernel_symbols` with a file's contents.
    static func assembly(including path: String) -> String {
        """
        .section .kernel_symbols, "a"
        .balign 8
        .globl kernel_symbols
        kernel_symbols:
        .incbin "\(path)"

        """
    }
}
