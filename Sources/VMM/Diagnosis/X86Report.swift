internal import Disassembly
internal import VMMCore

/// The x86 part of a report: the registers, and the code around RIP.
enum X86Report {
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

/// Turns the bytes around a program counter into lines.
enum CodeListing {
    private static let before = 24
    private static let after = 32

    /// - Parameter read: the guest's bytes from a linear address on, fewer where memory ends.
    static func lines(
        around programCounter: UInt64, mode: Disassembler.Mode, read: (_ address: UInt64, _ count: Int) -> [UInt8]
    ) -> [String] {
        let code = read(programCounter, after)
        guard !code.isEmpty else { return ["no memory is mapped at \(hexadecimal(programCounter))"] }
        guard let disassembler = Disassembler(mode) else {
            return [
                "bytes \(code.prefix(16).map(twoDigits).joined(separator: " ")) (install libcapstone for a disassembly)"
            ]
        }
        let leading = instructions(before: programCounter, disassembler, read)
        let following = disassembler.disassemble(code, at: programCounter, limit: 6)
        if following.isEmpty {
            return leading.map { line($0, marked: false) }
                + [
                    "> \(hexadecimal(programCounter)): no instruction: \(code.prefix(8).map(twoDigits).joined(separator: " "))"
                ]
        }
        return leading.map { line($0, marked: false) }
            + following.map { line($0, marked: $0.address == programCounter) }
    }

    /// x86 cannot be decoded backwards: take the longest run that ends exactly at the program counter.
    private static func instructions(
        before programCounter: UInt64, _ disassembler: borrowing Disassembler, _ read: (UInt64, Int) -> [UInt8]
    ) -> [Disassembler.Instruction] {
        for distance in stride(from: before, to: 0, by: -1) where programCounter >= UInt64(distance) {
            let start = programCounter - UInt64(distance)
            let bytes = read(start, distance)
            guard bytes.count == distance else { continue }
            let decoded = disassembler.disassemble(bytes, at: start, limit: distance)
            guard let last = decoded.last, last.address + UInt64(last.bytes.count) == programCounter else { continue }
            return decoded.suffix(4)
        }
        return []
    }

    private static func line(_ instruction: Disassembler.Instruction, marked: Bool) -> String {
        let bytes = instruction.bytes.map(twoDigits).joined(separator: " ")
        let padding = String(repeating: " ", count: max(1, 32 - bytes.count))
        return "\(marked ? ">" : " ") \(hexadecimal(instruction.address)): \(bytes)\(padding)\(instruction.text)"
    }
}
