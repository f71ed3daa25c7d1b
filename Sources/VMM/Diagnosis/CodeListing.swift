internal import Disassembly
internal import VMMCore

extension MachineReport.VCPU {
    /// A vCPU's report, whatever its architecture.
    ///
    /// - Parameters:
    ///   - rows: the registers as rows of names and values.
    ///   - situation: what the vCPU is at.
    ///   - location: the address of the next instruction, and how the CPU decodes it.
    init<CPU: AddressTranslating>(
        _ index: VCPUIndex, _ vcpu: CPU, _ exits: ExitTrace, _ memory: GuestMemory,
        rows: (CPU.Registers) -> [[(name: String, value: String)]],
        situation: (CPU.Registers, CPUSurroundings) -> CPUSituation,
        location: (CPU.Registers) -> (programCounter: UInt64, mode: Disassembler.Mode)
    ) {
        let registers = try? vcpu.registers()
        self.index = index
        registerRows = registers.map(rows) ?? []
        exitTotal = exits.total
        lastExits = Self.lines(of: exits.last)
        guard let registers else {
            code = []
            return
        }
        let place = location(registers)
        let read = { (address: UInt64, count: Int) in
            CodeListing.bytes(at: address, count: count, on: vcpu, memory)
        }
        code = CodeListing.lines(around: place.programCounter, mode: place.mode, read: read)
        let surroundings = CPUSurroundings(
            index: index, bytesBefore: read(place.programCounter &- 4, 4),
            instruction: CodeListing.instruction(at: place.programCounter, mode: place.mode, read: read),
            exits: exits.last)
        self.situation = situation(registers, surroundings)
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

    /// The instruction at an address; nil: there is none.
    static func instruction(
        at address: UInt64, mode: Disassembler.Mode, read: (_ address: UInt64, _ count: Int) -> [UInt8]
    ) -> String? {
        // The longest x86 instruction has 15 bytes. Source: Intel SDM vol. 2A §2.3.11.
        Disassembler(mode)?.disassemble(read(address, 15), at: address, limit: 1).first?.text
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
