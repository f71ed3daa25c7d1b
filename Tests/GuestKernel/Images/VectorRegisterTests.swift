import GuestKernel
import Testing

@Suite("x86: general registers only")
struct VectorRegisterTests {
    @Test(
        "no instruction of the image names a vector, MMX or x87 register",
        .enabled(if: Disassembler.path != nil, "llvm-objdump is not in PATH"))
    func disassembly() throws {
        let program = try #require(Disassembler.path)
        let text = try #require(Disassembler.disassemble(GuestImage.bytes(for: .x86_64), with: program))
        // The whole kernel is there: its interrupt return, and thousands of lines.
        #expect(text.contains("iretq"))
        let lines = text.split(separator: "\n")
        #expect(lines.count > 5000)
        let offenders = lines.filter { line in
            ["%xmm", "%ymm", "%zmm", "%mm", "%st"].contains { line.contains($0) }
        }
        #expect(offenders.isEmpty)
    }
}
