import CSupport

/// A processor exception in the kernel: reported, and the end.
enum ExceptionReport {
    static func stop(_ frame: InterruptFrame) -> Never {
        let output = Panic.begin()
        output.newLine()
        output.write("exception: ")
        output.write(name(frame.vector))
        output.write(", vector ")
        output.write(decimal: frame.vector)
        output.write(", error code 0x")
        output.write(hex: frame.errorCode)
        output.newLine()
        if frame.vector == 6, CallStack.isText(frame.rip), load16(frame.rip) == 0x0B0F {
            output.write("Swift runtime failure: a precondition, an overflow or an index out of range (ud2) in ")
            CallStack.writeName(frame.rip, to: output)
            output.newLine()
        }
        if frame.vector == 14 { writePageFault(frame, to: output) }
        Panic.writePlace(to: output)
        for index in 0..<InterruptFrame.registerCount {
            let (name, value) = frame.register(index)
            output.write(name)
            output.spaces(1)
            output.write(hex: value, digits: 16)
            if index % 4 == 3 { output.newLine() } else { output.spaces(2) }
        }
        output.write("call stack:")
        output.newLine()
        CallStack.write(pc: frame.rip, frame: frame.rbp, to: output)
        Platform.reportPanic()
    }

    /// Source: Intel SDM volume 3, §6.15, "Interrupt 14", figure 4-12.
    private static func writePageFault(_ frame: InterruptFrame, to output: TextOutput) {
        output.write(frame.errorCode & 16 != 0 ? "instruction fetch" : frame.errorCode & 2 != 0 ? "write" : "read")
        output.write(" at 0x")
        output.write(hex: read_cr2(), digits: 16)
        output.write(
            frame.errorCode & 8 != 0
                ? ": reserved bit set in a table"
                : frame.errorCode & 1 != 0 ? ": not allowed by the page" : ": no page there")
        if read_cr2() < 4096 { output.write(" (a null pointer)") }
        output.newLine()
    }

    /// Source: Intel SDM volume 3, table 6-1.
    private static func name(_ vector: UInt64) -> StaticString {
        switch vector {
        case 0: "#DE divide error"
        case 1: "#DB debug"
        case 2: "NMI"
        case 3: "#BP breakpoint"
        case 4: "#OF overflow"
        case 5: "#BR bound range"
        case 6: "#UD invalid opcode"
        case 7: "#NM no floating point"
        case 8: "#DF double fault"
        case 10: "#TS invalid TSS"
        case 11: "#NP segment not present"
        case 12: "#SS stack fault"
        case 13: "#GP general protection"
        case 14: "#PF page fault"
        case 16: "#MF floating point"
        case 17: "#AC alignment check"
        case 18: "#MC machine check"
        case 19: "#XM vector floating point"
        default: "reserved"
        }
    }
}
