#if arch(x86_64)
    internal import KVMBridge
    internal import VMMCore

    // Between the architecture's names and KVM's structs. Source: api.rst 4.11 "KVM_GET_REGS", 4.13 "KVM_GET_SREGS".

    extension X86Registers {
        mutating func load(_ general: kvm_regs) {
            (rax, rbx, rcx, rdx) = (general.rax, general.rbx, general.rcx, general.rdx)
            (rsi, rdi, rsp, rbp) = (general.rsi, general.rdi, general.rsp, general.rbp)
            (r8, r9, r10, r11) = (general.r8, general.r9, general.r10, general.r11)
            (r12, r13, r14, r15) = (general.r12, general.r13, general.r14, general.r15)
            rip = general.rip
            rflags = general.rflags
        }

        var generalRegisters: kvm_regs {
            kvm_regs(
                rax: rax, rbx: rbx, rcx: rcx, rdx: rdx, rsi: rsi, rdi: rdi, rsp: rsp, rbp: rbp,
                r8: r8, r9: r9, r10: r10, r11: r11, r12: r12, r13: r13, r14: r14, r15: r15,
                rip: rip, rflags: rflags | 2)
        }

        mutating func load(_ system: kvm_sregs) {
            cs = X86Segment(system.cs)
            ds = X86Segment(system.ds)
            es = X86Segment(system.es)
            fs = X86Segment(system.fs)
            gs = X86Segment(system.gs)
            ss = X86Segment(system.ss)
            tr = X86Segment(system.tr)
            ldtr = X86Segment(system.ldt)
            gdtr = X86DescriptorTable(base: system.gdt.base, limit: system.gdt.limit)
            idtr = X86DescriptorTable(base: system.idt.base, limit: system.idt.limit)
            (cr0, cr2, cr3, cr4, cr8) = (system.cr0, system.cr2, system.cr3, system.cr4, system.cr8)
            efer = system.efer
            apicBase = system.apic_base
        }

        /// Writes all system registers, and leaves `interrupt_bitmap` as it is.
        func store(to system: inout kvm_sregs) {
            cs.store(to: &system.cs)
            ds.store(to: &system.ds)
            es.store(to: &system.es)
            fs.store(to: &system.fs)
            gs.store(to: &system.gs)
            ss.store(to: &system.ss)
            tr.store(to: &system.tr)
            ldtr.store(to: &system.ldt)
            system.gdt.base = gdtr.base
            system.gdt.limit = gdtr.limit
            system.idt.base = idtr.base
            system.idt.limit = idtr.limit
            (system.cr0, system.cr2, system.cr3, system.cr4, system.cr8) = (cr0, cr2, cr3, cr4, cr8)
            system.efer = efer
            system.apic_base = apicBase
        }

        /// EFER.LMA (bit 10) as LME (bit 8) and CR0.PG (bit 31) make it, and the APIC base where none is given.
        func normalized(apicBase current: UInt64) -> X86Registers {
            var result = self
            let isLong = efer >> 8 & cr0 >> 31 & 1
            result.efer = efer & ~(1 << 10) | isLong << 10
            if apicBase == 0 { result.apicBase = current }
            return result
        }

        /// True when all registers that KVM_SET_SREGS writes are the same.
        func hasSystemRegisters(of other: X86Registers) -> Bool {
            var merged = other
            (merged.rax, merged.rbx, merged.rcx, merged.rdx) = (rax, rbx, rcx, rdx)
            (merged.rsi, merged.rdi, merged.rsp, merged.rbp) = (rsi, rdi, rsp, rbp)
            (merged.r8, merged.r9, merged.r10, merged.r11) = (r8, r9, r10, r11)
            (merged.r12, merged.r13, merged.r14, merged.r15) = (r12, r13, r14, r15)
            (merged.rip, merged.rflags) = (rip, rflags)
            return merged == self
        }
    }

    extension X86Segment {
        /// Bit 16 of the access rights: the segment cannot be used.
        private static let unusable: UInt32 = 1 << 16

        init(_ segment: kvm_segment) {
            var rights = UInt32(segment.type & 0xF)
            rights |= UInt32(segment.s & 1) << 4
            rights |= UInt32(segment.dpl & 3) << 5
            rights |= UInt32(segment.present & 1) << 7
            rights |= UInt32(segment.avl & 1) << 12
            rights |= UInt32(segment.l & 1) << 13
            rights |= UInt32(segment.db & 1) << 14
            rights |= UInt32(segment.g & 1) << 15
            if segment.unusable != 0 { rights |= Self.unusable }
            self.init(selector: segment.selector, base: segment.base, limit: segment.limit, accessRights: rights)
        }

        func store(to segment: inout kvm_segment) {
            func bits(_ shift: UInt32, _ mask: UInt32) -> UInt8 {
                UInt8(truncatingIfNeeded: accessRights >> shift & mask)
            }
            segment.selector = selector
            segment.base = base
            segment.limit = limit
            segment.type = bits(0, 0xF)
            segment.s = bits(4, 1)
            segment.dpl = bits(5, 3)
            segment.present = bits(7, 1)
            segment.avl = bits(12, 1)
            segment.l = bits(13, 1)
            segment.db = bits(14, 1)
            segment.g = bits(15, 1)
            segment.unusable = accessRights & Self.unusable != 0 ? 1 : 0
        }
    }
#endif
