internal import CCapstone

/// Disassembles machine code with capstone, for reports.
///
/// `init` returns nil when capstone was built without the architecture. Threading: one thread at a time.
package struct Disassembler: ~Copyable {
    /// One instruction.
    package struct Instruction: Sendable {
        package let address: UInt64
        package let bytes: [UInt8]
        /// The mnemonic and the operands, as the architecture's assemblers write them (Intel syntax on x86).
        package let text: String
    }

    package enum Mode: Sendable {
        case x86Real
        case x86Protected
        case x86Long
        case arm64
    }

    private let handle: csh

    package init?(_ mode: Mode) {
        var handle = csh()
        let (architecture, flags) =
            switch mode {
            case .x86Real: (CS_ARCH_X86, CS_MODE_16)
            case .x86Protected: (CS_ARCH_X86, CS_MODE_32)
            case .x86Long: (CS_ARCH_X86, CS_MODE_64)
            case .arm64: (CS_ARCH_ARM64, CS_MODE_LITTLE_ENDIAN)
            }
        // SAFETY: `handle` is a live local; the function has capstone's declared signature.
        guard unsafe cs_open(architecture, flags, &handle) == CS_ERR_OK else { return nil }
        self.handle = handle
    }

    deinit {
        var handle = handle
        // SAFETY: the handle is open and ours.
        unsafe _ = cs_close(&handle)
    }

    /// The instructions in `code`, up to `limit` of them or to the first byte that is none.
    package func disassemble(_ code: [UInt8], at address: UInt64, limit: Int) -> [Instruction] {
        var list: UnsafeMutablePointer<cs_insn>?
        // SAFETY: `code` outlives the call; capstone allocates `list`, which is freed below with its own count.
        let count = unsafe code.withUnsafeBufferPointer { buffer in
            unsafe cs_disasm(handle, buffer.baseAddress, buffer.count, address, limit, &list)
        }
        guard let list = unsafe list, count > 0 else { return [] }
        defer { unsafe cs_free(list, count) }
        return (0..<count).map { index in
            // SAFETY: capstone filled `count` elements.
            let instruction = unsafe list[index]
            // The arrays are 16 (or 24) bytes of code and NUL-terminated text, imported as tuples.
            let bytes = unsafe withUnsafeBytes(of: instruction.bytes) {
                unsafe [UInt8]($0.prefix(Int(instruction.size)))
            }
            let mnemonic = unsafe withUnsafeBytes(of: instruction.mnemonic) { unsafe text($0) }
            let operands = unsafe withUnsafeBytes(of: instruction.op_str) { unsafe text($0) }
            return Instruction(
                address: unsafe instruction.address, bytes: bytes,
                text: operands.isEmpty ? mnemonic : "\(mnemonic) \(operands)")
        }
    }

    private func text(_ buffer: UnsafeRawBufferPointer) -> String {
        unsafe String(decoding: buffer.prefix { $0 != 0 }, as: UTF8.self)
    }
}
