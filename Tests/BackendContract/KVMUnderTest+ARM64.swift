#if arch(arm64)
    import KVMBackend
    import VMMCore

    extension KVMUnderTest: ContractBackend {
        typealias Assembler = A64Assembler

        var hasPorts: Bool { false }

        func bootRegisters(entry: GuestAddress, reset: ARM64Registers, memory: GuestMemory) throws -> ARM64Registers {
            ARM64Contract.bootRegisters(entry: entry, reset: reset)
        }

        func changed(_ registers: ARM64Registers) -> ARM64Registers { ARM64Contract.changed(registers) }

        func programCounter(_ registers: ARM64Registers) -> UInt64 { registers.pc }
    }
#endif
