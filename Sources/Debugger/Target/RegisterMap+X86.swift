internal import VMMCore

extension RegisterMap where Registers == X86Registers {
    /// Source: GDB manual, G.5.5 "i386 Features". The x87 registers must be named; their values are not told.
    static var architectural: RegisterMap {
        RegisterMap(
            "i386:x86-64", programCounter: "rip", breakpointSize: 1...1,
            [
                ("org.gnu.gdb.i386.core", flagsType, general + x87),
                ("org.gnu.gdb.i386.segments", "", bases),
                ("org.swvmm.i386.system", "", system),
            ])
    }

    private static var general: [Entry] {
        func word(_ name: String, _ path: any (WritableKeyPath<X86Registers, UInt64> & Sendable)) -> Entry {
            Entry(name, type: "int64", path)
        }
        func selector(_ name: String, _ path: any (WritableKeyPath<X86Registers, UInt16> & Sendable)) -> Entry {
            Entry(name, bits: 32, type: "int32", path)
        }
        return [
            word("rax", \.rax), word("rbx", \.rbx), word("rcx", \.rcx), word("rdx", \.rdx), word("rsi", \.rsi),
            word("rdi", \.rdi), Entry("rbp", type: "data_ptr", \.rbp), Entry("rsp", type: "data_ptr", \.rsp),
            word("r8", \.r8), word("r9", \.r9), word("r10", \.r10), word("r11", \.r11), word("r12", \.r12),
            word("r13", \.r13), word("r14", \.r14), word("r15", \.r15), Entry("rip", type: "code_ptr", \.rip),
            Entry("eflags", bits: 32, type: "i386_eflags", \.rflags),
            selector("cs", \.cs.selector), selector("ss", \.ss.selector), selector("ds", \.ds.selector),
            selector("es", \.es.selector), selector("fs", \.fs.selector), selector("gs", \.gs.selector),
        ]
    }

    /// Source: Intel SDM vol. 1, 3.4.3 "EFLAGS Register".
    private static var flagsType: String {
        RegisterLayout.flags(
            "i386_eflags", bytes: 4,
            [
                ("CF", 0...0), ("PF", 2...2), ("AF", 4...4), ("ZF", 6...6), ("SF", 7...7), ("TF", 8...8), ("IF", 9...9),
                ("DF", 10...10), ("OF", 11...11), ("IOPL", 12...13), ("NT", 14...14), ("RF", 16...16), ("VM", 17...17),
                ("AC", 18...18), ("VIF", 19...19), ("VIP", 20...20), ("ID", 21...21),
            ])
    }

    private static var x87: [Entry] {
        (0...7).map { Entry(unavailable: "st\($0)", bits: 80, type: "i387_ext") }
            + ["fctrl", "fstat", "ftag", "fiseg", "fioff", "foseg", "fooff", "fop"].map {
                Entry(unavailable: $0, bits: 32, type: "int", group: "float")
            }
    }

    private static var bases: [Entry] {
        [Entry("fs_base", type: "int64", \.fs.base), Entry("gs_base", type: "int64", \.gs.base)]
    }

    private static var system: [Entry] {
        func entry(_ name: String, _ path: any (WritableKeyPath<X86Registers, UInt64> & Sendable)) -> Entry {
            Entry(name, type: "uint64", group: "system", path)
        }
        return [
            entry("cr0", \.cr0), entry("cr2", \.cr2), entry("cr3", \.cr3), entry("cr4", \.cr4), entry("cr8", \.cr8),
            entry("efer", \.efer), entry("gdtr_base", \.gdtr.base), entry("idtr_base", \.idtr.base),
        ]
    }
}
