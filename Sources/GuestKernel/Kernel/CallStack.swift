import CSupport

/// Shows call stacks, by frame pointers: each frame begins with {caller's frame, return address}, on both architectures.
enum CallStack {
    static var depthLimit: Int { 24 }

    /// Writes the functions of a stack, innermost first.
    ///
    /// - Parameters:
    ///   - pc: where the code was.
    ///   - frame: its frame pointer.
    static func write(pc: UInt64, frame: UInt64, to output: TextOutput) {
        var pc = pc
        var frame = frame
        for depth in 0..<depthLimit {
            output.write("  #")
            output.write(decimal: depth)
            output.spaces(1)
            writeName(pc, isReturnAddress: depth > 0, to: output)
            output.newLine()
            guard frame & 7 == 0, PhysicalMemory.isReadable(frame, count: 16) else { return }
            let caller = load64(frame)
            pc = load64(frame + 8)
            // Stacks grow downwards: a caller's frame is above.
            guard pc != 0, caller == 0 || caller > frame else { return }
            frame = caller
            if frame == 0, !isText(pc) { return }
        }
    }

    /// Writes an address as `0xADDRESS name + offset`.
    static func writeName(_ address: UInt64, isReturnAddress: Bool = false, to output: TextOutput) {
        output.write("0x")
        output.write(hex: address, digits: 8)
        let table = kernel_symbols_address()
        // SAFETY: the kernel's own image, mapped at its address for ever.
        let image = unsafe LiveMemory(from: kernel_start_address(), to: kernel_end_address())
        // A call may be a function's last instruction: its return address is then in the next one.
        guard table != 0, isText(address),
            let symbols = SymbolTable(memory: image, address: table, size: kernel_data_start() - table),
            let symbol = symbols.symbol(at: isReturnAddress ? address - 1 : address)
        else { return }
        output.spaces(1)
        output.write(symbol.name)
        output.write(" + ")
        output.write(decimal: symbol.offset + (isReturnAddress ? 1 : 0))
    }

    static func isText(_ address: UInt64) -> Bool { address >= kernel_text_start() && address < kernel_text_end() }
}
