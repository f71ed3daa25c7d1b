import Glibc
import SoftwareCPU
import Testing
import VMMCore

/// Random programs on the software CPU and on `qemu-aarch64-static`: all registers, flags, vectors and memory must agree.
///
/// `SWVMM_DIFFERENTIAL_PROGRAMS` says how many programs of 4,000 instructions are tried; 8 without it. Excluded: the stack
/// pointer as an operand (its value differs), what needs EL1, and timing.
@Suite struct DifferentialTests {
    @Test("random integer, memory and vector move instructions", .enabled(if: QEMUUser.isAvailable, QEMUUser.missing))
    func programs() throws {
        let count = environment("SWVMM_DIFFERENTIAL_PROGRAMS") ?? 8
        let first = environment("SWVMM_DIFFERENTIAL_SEED") ?? 1
        for seed in first..<first + count {
            guard let difference = try difference(seed: seed, count: 4000) else { continue }
            // The shortest program of this seed that differs ends with the culprit, or with what shows it.
            var (good, bad) = (0, 4000)
            while bad - good > 1 {
                let middle = (good + bad) / 2
                if try self.difference(seed: seed, count: middle) == nil { good = middle } else { bad = middle }
            }
            let words = RandomProgram(seed: UInt64(seed), count: bad).lastWords.map { String($0, radix: 16) }
            Issue.record("seed \(seed), \(bad) instructions: \(difference); the last: \(words)")
            return
        }
    }

    /// Where the two disagree, or nil.
    private func difference(seed: Int, count: Int) throws -> String? {
        let program = RandomProgram(seed: UInt64(seed), count: count)
        guard let expected = try QEMUUser.run(program.image, name: "\(seed)") else { return "qemu refused it" }
        let actual = try run(program)
        guard let offset = zip(expected, actual).enumerated().first(where: { $1.0 != $1.1 })?.offset else { return nil }
        return "data differs at 0x\(String(offset, radix: 16)): \(expected[offset]), here \(actual[offset])"
    }

    private func environment(_ name: String) -> Int? {
        // SAFETY: getenv's string is copied at once; no other thread sets the environment.
        unsafe getenv(name).flatMap { Int(unsafe String(cString: $0)) }
    }

    /// The data after the program ran at EL1, with RAM mapped flat as normal memory.
    private func run(_ program: RandomProgram) throws -> [UInt8] {
        let range = try #require(GuestRange(start: GuestAddress(0x4000_0000), size: 4 << 20))
        let memory = try GuestMemory([range])
        try memory.copyIn(program.image, to: GuestAddress(RandomProgram.base))
        try memory.store(0x4000_0000 | 0x701 as UInt64, at: GuestAddress(0x4000_0008))
        // The vector for exceptions at EL1: PSCI SYSTEM_OFF.
        for (index, word) in [0x5280_0100, 0x72B0_8000, 0xD400_0002 as UInt32].enumerated() {
            try memory.store(word, at: GuestAddress(0x4000_1200 + UInt64(index) * 4))
        }
        let machine = try SoftwareVirtualMachine()
        try machine.map(memory)
        let cpu = try machine.makeVCPU(VCPUIndex(0))
        var registers = try cpu.registers()
        registers.pc = RandomProgram.base + UInt64(RandomProgram.codeOffset)
        registers.mair_el1 = 0xFF
        registers.tcr_el1 = 25 | 1 << 23 | 2 << 32
        registers.ttbr0_el1 = 0x4000_0000
        registers.sctlr_el1 = 0x1005
        registers.vbar_el1 = 0x4000_1000
        registers.cpacr_el1 = 3 << 20
        try cpu.setRegisters(registers)
        #expect(try cpu.run() == .systemEvent(.powerOff))
        let end = try cpu.registers()
        #expect(
            end.esr_el1 >> 26 == 0x15,
            "exception \(String(end.esr_el1, radix: 16)) at \(String(end.elr_el1, radix: 16)), address \(String(end.far_el1, radix: 16))"
        )
        return try memory.copyOut(
            GuestAddress(RandomProgram.base + UInt64(RandomProgram.dataOffset)), count: RandomProgram.dataSize)
    }
}

/// QEMU's user mode emulation as the oracle.
enum QEMUUser {
    static let missing: Comment = "needs qemu-aarch64-static (package qemu-user-static)"
    // SAFETY: system() reads the string during the call only.
    static let isAvailable = unsafe system("command -v qemu-aarch64-static >/dev/null") == 0

    /// What the program writes to standard output; nil when it fails.
    static func run(_ image: [UInt8], name: String) throws -> [UInt8]? {
        var template = Array("/tmp/swvmm-differential.XXXXXX".utf8CString)
        // SAFETY: the array is the zero-terminated template that mkdtemp() fills in place; the string is a copy.
        guard unsafe mkdtemp(&template) != nil else { return nil }
        let directory = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        // SAFETY, for this function: paths, buffers and commands live through the calls that read them.
        defer { unsafe _ = system("rm -rf \(directory)") }
        let program = unsafe open("\(directory)/program", O_WRONLY | O_CREAT | O_EXCL, 0o700)
        guard program >= 0 else { return nil }
        let written = unsafe image.withUnsafeBytes { unsafe write(program, $0.baseAddress, $0.count) }
        close(program)
        guard written == image.count,
            unsafe system("qemu-aarch64-static -cpu max \(directory)/program >\(directory)/output") == 0
        else { return nil }
        let output = unsafe open("\(directory)/output", O_RDONLY)
        guard output >= 0 else { return nil }
        defer { close(output) }
        var bytes = [UInt8](repeating: 0, count: 1 << 16)
        let count = unsafe bytes.withUnsafeMutableBytes { unsafe read(output, $0.baseAddress, $0.count) }
        return Array(bytes.prefix(max(count, 0)))
    }
}
