/// The x86-64 registers that boot protocols set and reports print, by their architectural names.
/// Source: Intel SDM vol. 3A, chapters 2.5 (control registers) and 3.4 (segments).
package struct X86Registers: Hashable, Sendable {
    package var rax: UInt64 = 0, rbx: UInt64 = 0, rcx: UInt64 = 0, rdx: UInt64 = 0
    package var rsi: UInt64 = 0, rdi: UInt64 = 0, rsp: UInt64 = 0, rbp: UInt64 = 0
    package var r8: UInt64 = 0, r9: UInt64 = 0, r10: UInt64 = 0, r11: UInt64 = 0
    package var r12: UInt64 = 0, r13: UInt64 = 0, r14: UInt64 = 0, r15: UInt64 = 0
    package var rip: UInt64 = 0
    /// Bit 1 reads as one.
    package var rflags: UInt64 = 2

    package var cs = X86Segment(), ds = X86Segment(), es = X86Segment()
    package var fs = X86Segment(), gs = X86Segment(), ss = X86Segment()
    package var tr = X86Segment(), ldtr = X86Segment()
    package var gdtr = X86DescriptorTable(), idtr = X86DescriptorTable()

    package var cr0: UInt64 = 0, cr2: UInt64 = 0, cr3: UInt64 = 0, cr4: UInt64 = 0
    /// The task priority, bits 3:0.
    package var cr8: UInt64 = 0
    /// IA32_EFER, MSR 0xC000_0080.
    package var efer: UInt64 = 0
    /// IA32_APIC_BASE, MSR 0x1B.
    package var apicBase: UInt64 = 0

    package init() {}
}

/// A segment register with its hidden part.
package struct X86Segment: Hashable, Sendable {
    package var selector: UInt16 = 0
    package var base: UInt64 = 0
    /// The limit in bytes, after scaling by the granularity bit.
    package var limit: UInt32 = 0
    /// Bits 15:0 as in a VMCS "access rights" field: type 3:0, S 4, DPL 6:5, P 7, AVL 12, L 13, D/B 14, G 15; bit 16
    /// set: unusable. Source: Intel SDM vol. 3C, table 25-2.
    package var accessRights: UInt32 = 0

    package init() {}

    package init(selector: UInt16, base: UInt64, limit: UInt32, accessRights: UInt32) {
        self.selector = selector
        self.base = base
        self.limit = limit
        self.accessRights = accessRights
    }
}

/// GDTR or IDTR.
package struct X86DescriptorTable: Hashable, Sendable {
    package var base: UInt64 = 0
    /// Size in bytes less one.
    package var limit: UInt16 = 0

    package init() {}

    package init(base: UInt64, limit: UInt16) {
        self.base = base
        self.limit = limit
    }
}
