import Disassembly
import Testing

@testable import VMM

@Suite
struct DisassemblerTests {
    private func texts(_ mode: Disassembler.Mode, _ code: [UInt8], limit: Int = 10) throws -> [String] {
        guard let disassembler = Disassembler(mode) else { throw CancellationError() }
        return disassembler.disassemble(code, at: 0x1000, limit: limit).map(\.text)
    }

    @Test("the same bytes in each x86 mode")
    func modes() throws {
        let code: [UInt8] = [0xB8, 1, 0, 0, 0, 0x48, 0x90]
        #expect(try texts(.x86Long, code) == ["mov eax, 1", "nop"])
        #expect(try texts(.x86Protected, code).prefix(2) == ["mov eax, 1", "dec eax"])
        #expect(try texts(.x86Real, code).first == "mov ax, 1")
    }

    @Test("arm64")
    func arm64() throws { #expect(try texts(.arm64, [0xC0, 0x03, 0x5F, 0xD6]) == ["ret"]) }

    @Test("addresses and bytes of each instruction, up to the limit")
    func details() throws {
        guard let disassembler = Disassembler(.x86Long) else { return }
        let list = disassembler.disassemble([0x90, 0xEB, 0xFE, 0x90], at: 0xFFFF_FFFF_8000_0000, limit: 2)
        #expect(list.map(\.address) == [0xFFFF_FFFF_8000_0000, 0xFFFF_FFFF_8000_0001])
        #expect(list.map(\.bytes) == [[0x90], [0xEB, 0xFE]])
    }

    @Test("no bytes, an invalid instruction, and one that is cut")
    func nothing() throws {
        #expect(try texts(.x86Long, []).isEmpty)
        #expect(try texts(.x86Long, [0x06]).isEmpty)
        #expect(try texts(.x86Long, [0x90, 0x0F]) == ["nop"])
    }

    @Test("a listing marks the program counter, with what comes before it")
    func listing() {
        let code: [UInt8] = [0x90, 0x90, 0xFA, 0xF4]
        let lines = CodeListing.lines(around: 0x1002, mode: .x86Long) { address, count in
            guard address >= 0x1000, address < 0x1004 else { return [] }
            return Array(code[Int(address - 0x1000)...].prefix(count))
        }
        #expect(lines.count == 4)
        #expect(lines[1].hasPrefix("  0x1001: 90") && lines[2].hasPrefix("> 0x1002: fa"))
    }

    @Test("a program counter without memory, without an instruction, and at the ends of the address space")
    func oddPlaces() {
        #expect(CodeListing.lines(around: 0x5000, mode: .x86Long) { _, _ in [] } == ["no memory is mapped at 0x5000"])
        let invalid = CodeListing.lines(around: 0, mode: .x86Long) { _, _ in [0x06, 0x07] }
        #expect(invalid == ["> 0x0: no instruction: 06 07"])
        let top = CodeListing.lines(around: .max, mode: .x86Long) { address, count in
            address == .max ? [0x90] : []
        }
        #expect(top.last?.hasPrefix("> 0xffffffffffffffff: 90") == true)
    }
}
