internal import Disassembly
internal import VMMCore

extension MachineReport.VCPU {
    /// A vCPU's report, whatever its architecture.
    ///
    /// - Parameters:
    ///   - rows: the registers as rows of names and values.
    ///   - location: the address of the next instruction, and how the CPU decodes it.
    init<CPU: AddressTranslating>(
        _ index: VCPUIndex, _ vcpu: CPU, _ exits: ExitTrace, _ memory: GuestMemory,
        rows: (CPU.Registers) -> [[(name: String, value: String)]],
        location: (CPU.Registers) -> (programCounter: UInt64, mode: Disassembler.Mode)
    ) {
        let registers = try? vcpu.registers()
        self.index = index
        registerRows = registers.map(rows) ?? []
        code =
            registers.map(location).map { place in
                CodeListing.lines(around: place.programCounter, mode: place.mode) { address, count in
                    CodeListing.bytes(at: address, count: count, on: vcpu, memory)
                }
            } ?? []
        exitTotal = exits.total
        lastExits = Self.lines(of: exits.last)
    }
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
                "bytes \(code.prefix(16).map(twoDigits).joined(separator: " ")) (capstone was built without this architecture)"
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

    /// Guest bytes at a virtual address, up to the first one that no RAM backs.
    static func bytes(
        at address: UInt64, count: Int, on vcpu: some AddressTranslating, _ memory: GuestMemory
    ) -> [UInt8] {
        var result: [UInt8] = []
        while result.count < count {
            let (position, overflow) = address.addingReportingOverflow(UInt64(result.count))
            guard !overflow, let physical = vcpu.translate(GuestVirtualAddress(position)) else { break }
            let pageRest = 4096 - Int(position & 4095)
            guard let piece = try? memory.copyOut(physical, count: min(count - result.count, pageRest)) else { break }
            result += piece
        }
        return result
    }

    private static func line(_ instruction: Disassembler.Instruction, marked: Bool) -> String {
        let bytes = instruction.bytes.map(twoDigits).joined(separator: " ")
        let padding = String(repeating: " ", count: max(1, 32 - bytes.count))
        return "\(marked ? ">" : " ") \(hexadecimal(instruction.address)): \(bytes)\(padding)\(instruction.text)"
    }
}
