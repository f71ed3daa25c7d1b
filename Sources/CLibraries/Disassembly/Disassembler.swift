internal import CCapstone
internal import Glibc

/// Disassembles machine code with capstone, for reports.
///
/// The library is opened when the first report wants it: linked at start-up its relocations alone would cost each boot
/// two milliseconds and four megabytes. Without it (a host that lacks libcapstone) `init` returns nil.
/// Threading: one thread at a time.
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

    private let library: CapstoneLibrary
    private let handle: csh

    package init?(_ mode: Mode) {
        guard let library = CapstoneLibrary.shared else { return nil }
        var handle = csh()
        let (architecture, flags) =
            switch mode {
            case .x86Real: (CS_ARCH_X86, CS_MODE_16)
            case .x86Protected: (CS_ARCH_X86, CS_MODE_32)
            case .x86Long: (CS_ARCH_X86, CS_MODE_64)
            case .arm64: (CS_ARCH_ARM64, CS_MODE_LITTLE_ENDIAN)
            }
        // SAFETY: `handle` is a live local; the function has capstone's declared signature.
        guard unsafe library.open(architecture, flags, &handle) == CS_ERR_OK else { return nil }
        self.library = library
        self.handle = handle
    }

    deinit {
        var handle = handle
        // SAFETY: the handle is open and ours.
        unsafe _ = library.close(&handle)
    }

    /// The instructions in `code`, up to `limit` of them or to the first byte that is none.
    package func disassemble(_ code: [UInt8], at address: UInt64, limit: Int) -> [Instruction] {
        var list: UnsafeMutablePointer<cs_insn>?
        // SAFETY: `code` outlives the call; capstone allocates `list`, which is freed below with its own count.
        let count = unsafe code.withUnsafeBufferPointer { buffer in
            unsafe library.disassemble(handle, buffer.baseAddress, buffer.count, address, limit, &list)
        }
        guard let list = unsafe list, count > 0 else { return [] }
        defer { unsafe library.free(list, count) }
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

/// The entry points of libcapstone, looked up once.
@safe
private struct CapstoneLibrary: Sendable {
    typealias Open = @convention(c) (cs_arch, cs_mode, UnsafeMutablePointer<csh>?) -> cs_err
    typealias Close = @convention(c) (UnsafeMutablePointer<csh>?) -> cs_err
    typealias Disassemble =
        @convention(c) (
            csh, UnsafePointer<UInt8>?, Int, UInt64, Int, UnsafeMutablePointer<UnsafeMutablePointer<cs_insn>?>?
        ) -> Int
    typealias Free = @convention(c) (UnsafeMutablePointer<cs_insn>?, Int) -> Void

    let open: Open
    let close: Close
    let disassemble: Disassemble
    let free: Free

    static let shared: CapstoneLibrary? = {
        // The layout of cs_insn changed between versions 4 and 5: only the header's own version will do.
        // SAFETY: dlopen and dlsym with terminated names; the library is never closed, so the pointers stay valid.
        guard let library = unsafe dlopen("libcapstone.so.\(CS_API_MAJOR)", RTLD_NOW | RTLD_LOCAL),
            let open = unsafe dlsym(library, "cs_open"), let close = unsafe dlsym(library, "cs_close"),
            let disassemble = unsafe dlsym(library, "cs_disasm"), let free = unsafe dlsym(library, "cs_free")
        else { return nil }
        // SAFETY: the types are those of capstone.h.
        return unsafe CapstoneLibrary(
            open: unsafeBitCast(open, to: Open.self), close: unsafeBitCast(close, to: Close.self),
            disassemble: unsafeBitCast(disassemble, to: Disassemble.self), free: unsafeBitCast(free, to: Free.self))
    }()
}
