import VMMCore

/// x86: 64-bit code for the boot CPU, real-mode code for the others. The accumulator is RAX, loops count in R8.
///
/// Opcodes: Intel SDM vol. 2.
enum X86Assembler: GuestAssembler {
    static func assemble(_ program: GuestProgram) -> [UInt8] {
        var code = Code()
        for operation in program.operations { code.emit(operation) }
        return code.bytes
    }

    static func assembleSecondary(_ program: GuestProgram) -> [UInt8] {
        // xor ax, ax; mov ds, ax: the start-up message left CS = entry >> 4 and the rest is unknown.
        var code = Code(bytes: [0x31, 0xC0, 0x8E, 0xD8])
        for operation in program.operations { code.emitRealMode(operation) }
        return code.bytes
    }

    private struct Code {
        var bytes: [UInt8] = []

        mutating func put(_ new: UInt8...) { bytes += new }

        mutating func put<Value: FixedWidthInteger>(value: Value) {
            for shift in stride(from: 0, to: Value.bitWidth, by: 8) {
                bytes.append(UInt8(truncatingIfNeeded: value >> Value(shift)))
            }
        }

        /// mov rbx, imm64
        mutating func setRBX(_ value: UInt64) {
            put(0x48, 0xBB)
            put(value: value)
        }

        /// mov rax, imm64
        mutating func setRAX(_ value: UInt64) {
            put(0x48, 0xB8)
            put(value: value)
        }

        /// mov edx, imm32
        mutating func setPort(_ port: UInt16) {
            put(0xBA)
            put(value: UInt32(port))
        }

        mutating func emit(_ operation: GuestProgram.Operation) {
            switch operation {
            case .write(let address, let width, let value):
                setRBX(address.rawValue)
                setRAX(value)
                emitMove(width, byte: 0x88, wider: 0x89)
            case .read(let address, let width):
                setRBX(address.rawValue)
                put(0x31, 0xC0)  // xor eax, eax
                emitMove(width, byte: 0x8A, wider: 0x8B)
            case .saveAccumulator(let address):
                setRBX(address.rawValue)
                emitMove(.doubleword, byte: 0x88, wider: 0x89)
            case .portWrite(let port, let width, let value):
                setPort(port)
                setRAX(UInt64(value))
                emitPort(width, byte: 0xEE, wider: 0xEF)
            case .portRead(let port, let width):
                setPort(port)
                put(0x31, 0xC0)
                emitPort(width, byte: 0xEC, wider: 0xED)
            case .stringWrite(let port, let width, let address, let count):
                put(0x48, 0xBE)  // mov rsi, imm64
                put(value: address.rawValue)
                emitString(port, width, count, byte: 0x6E)
            case .stringRead(let port, let width, let address, let count):
                put(0x48, 0xBF)  // mov rdi, imm64
                put(value: address.rawValue)
                emitString(port, width, count, byte: 0x6C)
            case .loop(let count, let body):
                put(0x41, 0xB8)  // mov r8d, imm32
                put(value: count)
                let start = bytes.count
                for operation in body { emit(operation) }
                put(0x41, 0xFF, 0xC8)  // dec r8d
                put(0x0F, 0x85)  // jnz start
                put(value: Int32(start - (bytes.count + 4)))
            case .waitUntilSet(let address):
                setRBX(address.rawValue)
                put(0x80, 0x3B, 0x00)  // cmp byte [rbx], 0
                put(0x74, 0xFB)  // je to the compare
            case .startProcessor(let index, let entry):
                // The local APIC's interrupt command register: destination at 0x310, command at 0x300.
                // The spurious interrupt vector register first: KVM directs no interrupt before the APIC is enabled by its bit 8.
                emit(.write(GuestAddress(0xFEE0_00F0), .word, 0x1FF))
                // INIT (5), then start-up (6) with the entry's page. Source: Intel SDM vol. 3A, 11.6.1.
                for command: UInt32 in [0x4500, 0x4600 | UInt32(entry.rawValue >> 12)] {
                    emit(.write(GuestAddress(0xFEE0_0310), .word, UInt64(index.rawValue) << 24))
                    emit(.write(GuestAddress(0xFEE0_0300), .word, UInt64(command)))
                }
            case .halt: put(0xFA, 0xF4)  // cli; hlt
            case .spin: put(0xEB, 0xFE)  // jmp $
            case .shutdown: put(0x0F, 0x0B)  // ud2, with an empty IDT
            }
        }

        /// An access of `width` through [rbx] with the accumulator.
        private mutating func emitMove(_ width: AccessWidth, byte: UInt8, wider: UInt8) {
            switch width {
            case .byte: put(byte, 0x03)
            case .halfword: put(0x66, wider, 0x03)
            case .word: put(wider, 0x03)
            case .doubleword: put(0x48, wider, 0x03)
            }
        }

        private mutating func emitPort(_ width: AccessWidth, byte: UInt8, wider: UInt8) {
            switch width {
            case .byte: put(byte)
            case .halfword: put(0x66, wider)
            case .word, .doubleword: put(wider)
            }
        }

        private mutating func emitString(_ port: UInt16, _ width: AccessWidth, _ count: UInt32, byte: UInt8) {
            setPort(port)
            put(0xB9)  // mov ecx, imm32
            put(value: count)
            put(0xFC)  // cld
            switch width {
            case .byte: put(0xF3, byte)
            case .halfword: put(0x66, 0xF3, byte + 1)
            case .word, .doubleword: put(0xF3, byte + 1)
            }
        }

        mutating func emitRealMode(_ operation: GuestProgram.Operation) {
            switch operation {
            case .write(let address, .byte, let value):
                put(0xC6, 0x06)  // mov byte [imm16], imm8
                put(value: UInt16(address.rawValue))
                put(UInt8(truncatingIfNeeded: value))
            case .waitUntilSet(let address):
                put(0x80, 0x3E)  // cmp byte [imm16], 0
                put(value: UInt16(address.rawValue))
                put(0x00)
                put(0x74, 0xF9)  // je to the compare
            case .portWrite(let port, .byte, let value):
                put(0xBA)  // mov dx, imm16
                put(value: port)
                put(0xB0, UInt8(truncatingIfNeeded: value))  // mov al, imm8
                put(0xEE)
            case .halt: put(0xFA, 0xF4)
            case .spin: put(0xEB, 0xFE)
            default: preconditionFailure("not among the operations of a secondary CPU")
            }
        }
    }
}
