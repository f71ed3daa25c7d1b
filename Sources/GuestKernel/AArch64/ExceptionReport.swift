import CSupport

/// An exception that is no interrupt, in the kernel: reported, and the end.
enum ExceptionReport {
    static func stop(_ frame: InterruptFrame, entry: UInt64) -> Never {
        let syndrome = read_esr()
        let output = Panic.begin()
        output.newLine()
        output.write("exception: ")
        output.write(
            entry & 3 == 0 ? className(syndrome >> 26 & 63) : entry & 3 == 3 ? "SError" : "unexpected interrupt")
        output.write(", ESR 0x")
        output.write(hex: syndrome, digits: 8)
        output.newLine()
        // BRK from the compiler's traps carries 1.
        if syndrome >> 26 & 63 == 0x3C {
            output.write("Swift runtime failure: a precondition, an overflow or an index out of range (brk) in ")
            CallStack.writeName(frame.elr, to: output)
            output.newLine()
        }
        writeFault(syndrome, to: output)
        Panic.writePlace(to: output)
        for index in 0..<31 {
            output.write("X")
            output.write(decimal: index)
            output.spaces(index < 10 ? 2 : 1)
            writeWord(frame.x(index), index, to: output)
        }
        output.write("SP  ")
        writeWord(frame.sp, 3, to: output)
        output.write("PC  ")
        writeWord(frame.elr, 0, to: output)
        output.write("SPSR ")
        writeWord(frame.spsr, 1, to: output)
        output.write("FAR ")
        writeWord(read_far(), 3, to: output)
        output.write("call stack:")
        output.newLine()
        CallStack.write(pc: frame.elr, frame: frame.x(29), to: output)
        Platform.reportPanic()
    }

    private static func writeWord(_ value: UInt64, _ column: Int, to output: TextOutput) {
        output.write(hex: value, digits: 16)
        if column % 4 == 3 { output.newLine() } else { output.spaces(2) }
    }

    /// Instruction and data aborts: what was tried, where, and why it failed. Source: Arm DDI 0487, ESR_ELx, DFSC.
    private static func writeFault(_ syndrome: UInt64, to output: TextOutput) {
        let exceptionClass = syndrome >> 26 & 63
        guard exceptionClass == 0x21 || exceptionClass == 0x25 else { return }
        output.write(exceptionClass == 0x21 ? "instruction fetch" : syndrome & 1 << 6 != 0 ? "write" : "read")
        output.write(" at 0x")
        output.write(hex: read_far(), digits: 16)
        switch syndrome & 0x3F {
        case 0x00...0x03: output.write(": address size fault")
        case 0x04...0x07: output.write(": no page there")
        case 0x08...0x0B: output.write(": access flag fault")
        case 0x0C...0x0F: output.write(": not allowed by the page")
        case 0x10: output.write(": nothing answers there")
        case 0x21: output.write(": not aligned")
        default: output.write(": other fault")
        }
        if read_far() < 4096 { output.write(" (a null pointer)") }
        output.newLine()
    }

    /// Source: Arm DDI 0487, ESR_ELx, EC.
    private static func className(_ value: UInt64) -> StaticString {
        switch value {
        case 0x00: "unknown instruction"
        case 0x07: "vector registers trapped"
        case 0x0E: "illegal execution state"
        case 0x15: "SVC"
        case 0x18: "trapped system register"
        case 0x21: "instruction abort"
        case 0x22: "PC alignment fault"
        case 0x25: "data abort"
        case 0x26: "SP alignment fault"
        case 0x2F: "SError"
        case 0x3C: "BRK"
        default: "exception"
        }
    }
}
