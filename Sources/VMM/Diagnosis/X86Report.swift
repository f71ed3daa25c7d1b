internal import Disassembly
internal import VMMCore

/// The x86 part of a report: the registers, and the code around RIP.
enum X86Report {
    /// A vCPU as a report shows it. On its own thread between two `run()`, or when none runs it.
    static func describe<CPU: AddressTranslating>(
        _ index: VCPUIndex, _ vcpu: CPU, _ exits: ExitTrace, _ memory: GuestMemory
    ) -> MachineReport.VCPU where CPU.Registers == X86Registers {
        MachineReport.VCPU(index, vcpu, exits, memory, rows: registerRows, situation: situation) { registers in
            (programCounter(registers), decodeMode(registers))
        }
    }

    static func registerRows(_ registers: X86Registers) -> [[(name: String, value: String)]] {
        func row(_ items: (String, UInt64)...) -> [(name: String, value: String)] {
            items.map { (name: $0.0, value: sixteenDigits($0.1)) }
        }
        func segments(_ items: (String, X86Segment)...) -> [(name: String, value: String)] {
            items.map { name, segment in
                (
                    name: name,
                    value: "\(hexadecimal(UInt64(segment.selector))) (base \(hexadecimal(segment.base)), limit "
                        + "\(hexadecimal(UInt64(segment.limit))), rights \(hexadecimal(UInt64(segment.accessRights))))"
                )
            }
        }
        return [
            row(("rip", registers.rip), ("rflags", registers.rflags), ("rsp", registers.rsp), ("rbp", registers.rbp)),
            row(("rax", registers.rax), ("rbx", registers.rbx), ("rcx", registers.rcx), ("rdx", registers.rdx)),
            row(("rsi", registers.rsi), ("rdi", registers.rdi), ("r8 ", registers.r8), ("r9 ", registers.r9)),
            row(("r10", registers.r10), ("r11", registers.r11), ("r12", registers.r12), ("r13", registers.r13)),
            row(("r14", registers.r14), ("r15", registers.r15)),
            row(("cr0", registers.cr0), ("cr2", registers.cr2), ("cr3", registers.cr3), ("cr4", registers.cr4)),
            row(("cr8", registers.cr8), ("efer", registers.efer), ("apic_base", registers.apicBase)),
            segments(("cs", registers.cs), ("ss", registers.ss)),
            segments(("ds", registers.ds), ("tr", registers.tr)),
            [
                (
                    name: "gdtr",
                    value: "\(hexadecimal(registers.gdtr.base))+\(hexadecimal(UInt64(registers.gdtr.limit)))"
                ),
                (
                    name: "idtr",
                    value: "\(hexadecimal(registers.idtr.base))+\(hexadecimal(UInt64(registers.idtr.limit)))"
                ),
            ],
        ]
    }

    /// The linear address of the next instruction.
    static func programCounter(_ registers: X86Registers) -> UInt64 {
        isLongMode(registers) ? registers.rip : registers.cs.base &+ registers.rip
    }

    /// How the CPU decodes code now. Source: Intel SDM vol. 3A §2.2 (EFER.LMA), §3.4.5 (CS.L, CS.D).
    static func decodeMode(_ registers: X86Registers) -> Disassembler.Mode {
        if isLongMode(registers) && registers.cs.accessRights & (1 << 13) != 0 { return .x86Long }
        let isProtected = registers.cr0 & 1 != 0
        return isProtected && registers.cs.accessRights & (1 << 14) != 0 ? .x86Protected : .x86Real
    }

    private static func isLongMode(_ registers: X86Registers) -> Bool { registers.efer & (1 << 10) != 0 }
}
