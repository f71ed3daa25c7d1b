import CSupport

/// GDT and TSS of each CPU, and the IDT they share. Source: Intel SDM volume 3, §3.4.5, §6.14, §7.7.
enum SegmentTables {
    private static var codeSelector: UInt64 { 0x08 }
    private static var taskSelector: UInt16 { 0x18 }

    // Layout of a CPU's page: GDT, TSS, its index (at GS:0), the pointers for LGDT and LIDT, and a stack to the page's end.
    private static var taskOffset: UInt64 { 0x40 }
    private static var indexOffset: UInt64 { 0xC0 }
    private static var pointerOffset: UInt64 { 0xD0 }
    private static var taskSize: UInt64 { 104 }

    // SAFETY: written before other CPUs start.
    nonisolated(unsafe) private static var interruptTable: UInt64 = 0

    /// Gives this CPU its tables.
    ///
    /// - Parameter page: 8 KiB that stay; need not be cleared. The upper part is the stack of the double fault, which the
    ///   interrupted stack may be too broken for.
    static func load(cpu: Int, page: UInt64) {
        for offset: UInt64 in stride(from: 0, to: 0x100, by: 8) { store64(page + offset, 0) }
        store64(page + codeSelector, 0x00AF_9B00_0000_FFFF)
        store64(page + 0x10, 0x00CF_9300_0000_FFFF)
        // A 64-bit TSS descriptor takes two entries.
        let task = page + taskOffset
        store64(
            page + UInt64(taskSelector),
            taskSize - 1 | (task & 0xFF_FFFF) << 16 | 0x89 << 40 | (task >> 24 & 0xFF) << 56)
        store64(page + UInt64(taskSelector) + 8, task >> 32)
        // IST1; no I/O permission map.
        store64(task + 0x24, page + 8192)
        store32(task + 0x64, UInt32(taskSize) << 16)
        store64(page + indexOffset, UInt64(cpu))

        let pointer = page + pointerOffset
        store16(pointer, 0x2F)
        store64(pointer + 2, page)
        load_gdt(pointer)
        load_task_register(taskSelector)
        write_msr(MSR.gsBase, page + indexOffset)

        store16(pointer, UInt16(Vector.count * 16 - 1))
        unsafe store64(pointer + 2, interruptTable)
        load_idt(pointer)
    }

    /// Makes the IDT: an interrupt gate to each stub, with interrupts off and, but for the double fault, on the same stack.
    static func makeInterruptTable(at address: UInt64) {
        unsafe interruptTable = address
        var stub = interrupt_stubs_address()
        for vector in 0..<UInt64(Vector.count) {
            let stack: UInt64 = vector == 8 ? 1 : 0
            store64(
                address + vector * 16,
                stub & 0xFFFF | codeSelector << 16 | stack << 32 | 0x8E << 40 | (stub >> 16 & 0xFFFF) << 48)
            store64(address + vector * 16 + 8, stub >> 32)
            stub += 16
        }
    }
}

/// Model-specific registers. Source: Intel SDM volume 4; KVM's own in Linux Documentation/virt/kvm/x86/msr.rst.
enum MSR {
    static var apicBase: UInt32 { 0x1B }
    static var tscDeadline: UInt32 { 0x6E0 }
    static var x2APIC: UInt32 { 0x800 }
    static var efer: UInt32 { 0xC000_0080 }
    static var gsBase: UInt32 { 0xC000_0101 }
    static var kvmSystemTime: UInt32 { 0x4B56_4D01 }
}
