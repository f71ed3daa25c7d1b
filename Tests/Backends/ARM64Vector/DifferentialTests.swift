import ARM64Vector
import Glibc
import Testing
import VMMTestSupport

/// Every encoding against the oracle: registers, FPSR and NZCV after one instruction.
///
/// A slice runs in `swift test`; `scripts/test-vector-differential` is the long run, with `SWVMM_VECTOR_OPERANDS` operand sets
/// for each word and FPCR value.
@Suite(.enabled(if: Oracle.shared != nil, "\(Oracle.missing)")) struct DifferentialTests {
    /// Operand sets for an encoding and a control.
    static let operandCount: Int = {
        // SAFETY: the environment is not changed by this process; the string is copied.
        guard let text = unsafe getenv("SWVMM_VECTOR_OPERANDS") else { return 6 }
        return unsafe Int(String(cString: text)) ?? 6
    }()

    /// Words of an encoding: registers as the runner wants them, every other field random, allocated ones only.
    static func words(_ encoding: VectorEncoding, _ random: inout SeededGenerator) -> [UInt32] {
        var found: Set<UInt32> = []
        for _ in 0..<64 {
            let word = encoding.value | UInt32(truncatingIfNeeded: random.next()) & ~encoding.mask
            let fixed = withRegisters(word, encoding)
            if case .instruction = VectorDecoder.decode(fixed) { found.insert(fixed) }
        }
        // Evenly over the fields' values.
        let sorted = found.sorted()
        let wanted = min(operandCount > 6 ? 32 : 5, sorted.count)
        return (0..<wanted).map { sorted[($0 * sorted.count + sorted.count / 2) / wanted] }
    }

    /// Rd 2, Rn 0, Rm 1, Ra 3, where the encoding has these fields.
    static func withRegisters(_ word: UInt32, _ encoding: VectorEncoding) -> UInt32 {
        var word = word
        for (letter, value) in [("d", 2), ("n", 0), ("m", 1), ("a", 3)] as [(Character, UInt32)] {
            // "a" is also the immediate of MOVI; "m" has four bits in the indexed forms.
            let positions = encoding.pattern.description.enumerated().filter { $0.element == letter }.map {
                31 - $0.offset
            }
            guard let low = positions.min(), positions.count >= 4 else { continue }
            let mask = (1 as UInt32) << UInt32(positions.count) - 1
            word = word & ~(mask << UInt32(low)) | value << UInt32(low)
        }
        // M of an indexed word or doubleword is a register's highest bit.
        if case .instruction(let instruction) = VectorDecoder.decode(word), instruction.m > 3,
            encoding.hasIndexedRegister
        {
            word &= ~(1 << 20)
        }
        return word
    }

    @Test("each encoding does what the oracle does", arguments: 0..<8)
    func encodings(part: Int) throws {
        let oracle = try #require(Oracle.shared)
        var random = SeededGenerator(seed: UInt64(part) + 1)
        let operands = OperandTables.make(Self.operandCount, seed: UInt64(part) + 77)
        var report: [String: Int] = [:]
        var examples: [String] = []
        var total = 0
        let encodings = VectorEncodings.all.enumerated().filter { $0.offset % 8 == part }.map(\.element)
        // Batches bound the memory of a long run.
        for batch in stride(from: 0, to: encodings.count, by: 4) {
            var words: [UInt32] = []
            for encoding in encodings[batch..<min(batch + 4, encodings.count)] {
                words += Self.words(encoding, &random)
            }
            let outcomes = try oracle.run(
                words, controls: OperandTables.controls, operands: operands, name: "part\(part)")
            total += outcomes.count
            var position = 0
            for word in words {
                guard case .instruction(let instruction) = VectorDecoder.decode(word) else { continue }
                for control in OperandTables.controls {
                    for operand in operands {
                        let expected = outcomes[position]
                        position += 1
                        let actual = Subject.run(instruction, control, operand)
                        // With Inexact set before, other ways to the same result are taken.
                        var again = Subject.run(instruction, control, operand, fpsr: 0x10)
                        if again.fpsr == expected.fpsr | 0x10 { again.fpsr = expected.fpsr }
                        if actual == expected && again == expected { continue }
                        let name = "\(instruction.operation) \(instruction.arrangement)"
                        report[name, default: 0] += 1
                        if report[name] == 1 {
                            examples.append(Self.describe(word, control, operand, actual, expected, name))
                        }
                    }
                }
            }
        }
        #expect(total >= encodings.count * OperandTables.controls.count * operands.count)
        if Self.operandCount > 6 { print("part \(part): \(total) executions compared") }
        #expect(report.isEmpty, "\(report.count) of \(total):\n\(examples.prefix(40).joined(separator: "\n"))")
    }

    static func describe(
        _ word: UInt32, _ control: FPCR, _ operands: Oracle.Operands, _ actual: Oracle.Outcome,
        _ expected: Oracle.Outcome, _ name: String
    ) -> String {
        func hex(_ v: Vector128) -> String { String(v.high, radix: 16) + "_" + String(v.low, radix: 16) }
        func text(_ o: Oracle.Outcome) -> String {
            "v2 \(hex(o.v2)) x2 \(String(o.x2, radix: 16)) fpsr \(String(o.fpsr, radix: 16)) nzcv \(o.nzcv)"
                + (o.isUndefined ? " UNDEFINED" : "")
        }
        return """
            \(name): \(String(word, radix: 16)) fpcr \(String(control.rawValue, radix: 16)) \
            v0 \(hex(operands.v0)) v1 \(hex(operands.v1)) v2 \(hex(operands.v2)) v3 \(hex(operands.v3)) \
            x0 \(String(operands.x0, radix: 16)) nzcv \(operands.nzcv)
              is     \(text(actual))
              should \(text(expected))
            """
    }

    @Test("a word is an instruction here exactly where it is one for the oracle", arguments: 0..<4)
    func allocation(part: Int) throws {
        let oracle = try #require(Oracle.shared)
        var random = SeededGenerator(seed: UInt64(part) + 500)
        let count = Self.operandCount > 6 ? 60_000 : 6_000
        // Bits 27:25 = 111; bits 31:29 and the rest random, with bit 31 mostly 0 as in the allocated space.
        let words = (0..<count).map { _ in
            let bits = UInt32(truncatingIfNeeded: random.next())
            return bits & (random.next() % 8 == 0 ? ~0 : ~(1 << 31)) & ~0x0E00_0000 | 0x0E00_0000
        }
        let outcomes = try oracle.run(
            words, controls: [FPCR(rawValue: 0)], operands: [.init()], name: "allocation\(part)")
        var wrong: [String] = []
        for (word, outcome) in zip(words, outcomes) {
            let isInstruction = if case .instruction = VectorDecoder.decode(word) { true } else { false }
            if isInstruction == outcome.isUndefined {
                wrong.append("\(String(word, radix: 16)) \(isInstruction ? "is none" : "is one")")
            }
        }
        #expect(wrong.isEmpty, "\(wrong.count) of \(count): \(wrong.prefix(30).joined(separator: ", "))")
    }

    @Test("CRC32 and CRC32C")
    func crc32() throws {
        let oracle = try #require(Oracle.shared)
        let operands = OperandTables.make(50, seed: 5)
        for size in 0..<4 {
            for castagnoli in [false, true] {
                let base: UInt32 = size == 3 ? 0x9AC0_4000 : 0x1AC0_4000
                let word = base | UInt32(size) << 10 | (castagnoli ? 1 << 12 : 0) | 1 << 16 | 2
                let outcomes = try oracle.run([word], controls: [FPCR(rawValue: 0)], operands: operands, name: "crc")
                for (operand, outcome) in zip(operands, outcomes) {
                    let crc = CRC32.update(
                        UInt32(truncatingIfNeeded: operand.x0), operand.x1, size: size, castagnoli: castagnoli)
                    #expect(UInt64(crc) == outcome.x2)
                }
            }
        }
    }
}

extension VectorEncoding {
    /// The bit at 20 belongs to the register or to the index.
    var hasIndexedRegister: Bool {
        switch layout {
        case .indexed, .indexedLong, .indexedScalar: true
        default: false
        }
    }
}
