#if arch(x86_64)
    import KVMBackend
    import VMMCore

    extension KVMUnderTest: ContractBackend {
        typealias Assembler = X86Assembler

        var hasPorts: Bool { true }

        /// 64-bit mode with flat segments and an identity map of 4 GiB at 0x1000.
        func bootRegisters(entry: GuestAddress, reset: X86Registers, memory: GuestMemory) throws -> X86Registers {
            let tables = GuestAddress(0x1000)
            try memory.store(tables.rawValue + 0x1003, at: tables)
            for gigabyte: UInt64 in 0..<4 {
                let directory = tables.rawValue + 0x2000 + gigabyte * 0x1000
                try memory.store(directory | 3, at: GuestAddress(tables.rawValue + 0x1000 + gigabyte * 8))
                for page: UInt64 in 0..<512 {
                    try memory.store(gigabyte << 30 | page << 21 | 0x83, at: GuestAddress(directory + page * 8))
                }
            }
            var registers = reset
            registers.rip = entry.rawValue
            registers.rsp = ContractLayout.firstFree.rawValue
            registers.rflags = 2
            registers.cr3 = tables.rawValue
            registers.cr4 = 1 << 5
            registers.cr0 = 1 << 31 | 1 << 16 | 1
            registers.efer = 1 << 8
            registers.cs = X86Segment(selector: 8, base: 0, limit: 0xFFFF_FFFF, accessRights: 0xA09B)
            let data = X86Segment(selector: 16, base: 0, limit: 0xFFFF_FFFF, accessRights: 0xC093)
            registers.ds = data
            registers.es = data
            registers.ss = data
            registers.fs = data
            registers.gs = data
            registers.idtr = X86DescriptorTable(base: 0, limit: 0)
            return registers
        }

        func changed(_ registers: X86Registers) -> X86Registers {
            var changed = registers
            changed.rax = 0x1111_2222_3333_4444
            changed.rbx = 1
            changed.rcx = ~0
            changed.rdx = 3
            changed.rsi = 4
            changed.rdi = 5
            changed.rbp = 6
            changed.rsp = 0x7000
            (changed.r8, changed.r9, changed.r10, changed.r11) = (8, 9, 10, 11)
            (changed.r12, changed.r13, changed.r14, changed.r15) = (12, 13, 14, 0xFFFF_0000_0000_000F)
            changed.rip = 0xFFFF_FFFF_8000_0000
            changed.rflags = 0x0000_0ED7
            changed.cr2 = 0xDEAD_B000
            changed.cr3 = 0x5000
            changed.fs.base = 0x1234_5678
            changed.gs.base = 0xFFFF_8000_0000_0000
            changed.gdtr = X86DescriptorTable(base: 0x3000, limit: 0x27)
            changed.idtr = X86DescriptorTable(base: 0x4000, limit: 0xFFF)
            changed.ds.selector = 0x18
            return changed
        }

        func programCounter(_ registers: X86Registers) -> UInt64 { registers.rip }
    }
#endif
