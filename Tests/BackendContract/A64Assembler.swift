import SoftwareCPU
import VMMCore

/// A64. The accumulator is x0, addresses go into x1, loops count in x8.
///
/// Encodings: Arm DDI 0487, C6.2.
enum A64Assembler: GuestAssembler {
    static func assemble(_ program: GuestProgram) -> [UInt8] {
        var code = Code()
        for operation in program.operations { code.emit(operation) }
        return code.bytes
    }

    static func assembleSecondary(_ program: GuestProgram) -> [UInt8] { assemble(program) }

    private struct Code {
        var words: [UInt32] = []

        var bytes: [UInt8] {
            words.flatMap { word in (0..<4).map { UInt8(truncatingIfNeeded: word >> UInt32($0 * 8)) } }
        }

        /// MOVZ and MOVK.
        mutating func set(_ register: UInt32, _ value: UInt64) {
            for position: UInt32 in 0..<4 {
                let half = UInt32(truncatingIfNeeded: value >> UInt64(position * 16)) & 0xFFFF
                words.append((position == 0 ? 0xD280_0000 : 0xF280_0000) | position << 21 | half << 5 | register)
            }
        }

        mutating func emit(_ operation: GuestProgram.Operation) {
            switch operation {
            case .write(let address, let width, let value):
                set(1, address.rawValue)
                set(0, value)
                access(width, isLoad: false)
            case .read(let address, let width):
                set(1, address.rawValue)
                access(width, isLoad: true)
            case .saveAccumulator(let address):
                set(1, address.rawValue)
                access(.doubleword, isLoad: false)
            case .loop(let count, let body):
                set(8, UInt64(count))
                let start = words.count
                for operation in body { emit(operation) }
                // subs w8, w8, #1; b.ne start
                words.append(0x7100_0508)
                words.append(0x5400_0001 | (UInt32(bitPattern: Int32(start - words.count)) & 0x7FFFF) << 5)
            case .waitUntilSet(let address):
                set(1, address.rawValue)
                // ldrb w0, [x1]; cbz w0, to the load
                words += [0x3940_0020, 0x34FF_FFE0]
            case .startProcessor(let index, let entry):
                // PSCI CPU_ON.
                set(0, 0xC400_0003)
                set(1, SoftwareVCPU.affinity(of: index))
                set(2, entry.rawValue)
                set(3, 0)
                words.append(0xD400_0002)
            case .halt: words += [0xD503_207F, 0x17FF_FFFF]  // wfi; b to it
            case .spin: words.append(0x1400_0000)
            case .portWrite, .portRead, .stringWrite, .stringRead, .shutdown:
                preconditionFailure("not among the operations of a CPU without ports")
            }
        }

        /// LDR or STR of x0 at [x1].
        private mutating func access(_ width: AccessWidth, isLoad: Bool) {
            let size = UInt32(width.bytes.trailingZeroBitCount)
            words.append(0x3900_0020 | size << 30 | (isLoad ? 1 << 22 : 0))
        }
    }
}
