internal import Boot
internal import GuestABI
internal import VMMCore

/// Long mode before the first instruction: page tables, GDT and registers for a 64-bit entry.
///
/// Source: FreeBSD stand/userboot/userboot/elf64_freebsd.c, lib/libvmmapi/vmmapi_freebsd.c; Linux
/// Documentation/arch/x86/boot.rst, "64-bit Boot Protocol".
enum DirectEntry64 {
    /// What the first page tables show. Either way 2 MiB pages of the first GiB, writable, supervisor.
    enum Mapping {
        /// Every GiB of the address space is the first GiB of memory: a kernel linked in the upper half runs at once.
        case everyGiBIsTheFirst
        /// The first GiB only, so that a stray pointer faults.
        case firstGiB
    }

    /// How much the first page tables map.
    static let mappedSize: UInt64 = 1 << 30

    private static let present: UInt64 = 1 << 0
    private static let writable: UInt64 = 1 << 1
    private static let pageSize: UInt64 = 1 << 7

    /// PML4, PDPT and page directory, from `LowMemory.pml4` on. Source: Intel SDM vol. 3A §4.5.4.
    static func pageTables(_ mapping: Mapping) -> [UInt8] {
        switch mapping {
        case .everyGiBIsTheFirst: aliasedTables
        case .firstGiB: plainTables
        }
    }

    // Made once: a plan is made for each boot and each inspection.
    private static let aliasedTables = makeTables(used: 512)
    private static let plainTables = makeTables(used: 1)

    private static func makeTables(used: Int) -> [UInt8] {
        var writer = ByteWriter()
        for table in [LowMemory.pdpt, LowMemory.pageDirectory] {
            for index in 0..<512 { writer.append(index < used ? table | present | writable : 0) }
        }
        for index in 0..<UInt64(512) { writer.append(index << 21 | present | writable | pageSize) }
        return writer.bytes
    }

    /// Null, 64-bit code, data: bhyveload's descriptors. Source: FreeBSD vmmapi_freebsd.c, vm_setup_freebsd_gdt.
    static let freeBSDDescriptors: [UInt64] = [0, 0x0020_9800_0000_0000, 0x0000_9000_0000_0000]

    /// Linux wants 64-bit code at selector 0x10 and data at 0x18. Source: boot.rst, "64-bit Boot Protocol".
    static let linuxDescriptors: [UInt64] = [0, 0, 0x00AF_9B00_0000_FFFF, 0x00CF_9300_0000_FFFF]

    static func encode(_ descriptors: [UInt64]) -> [UInt8] {
        var writer = ByteWriter()
        for descriptor in descriptors { writer.append(descriptor) }
        return writer.bytes
    }

    /// The words at the stack's top: return address, modulep, kernend.
    static func stack(modulep: UInt64, kernelEnd: UInt64) -> [UInt8] {
        var writer = ByteWriter()
        writer.append(UInt32(0))
        // Both are below 1 GiB: the plan lets nothing past what the page tables map.
        writer.append(UInt32(truncatingIfNeeded: modulep))
        writer.append(UInt32(truncatingIfNeeded: kernelEnd))
        return writer.bytes
    }

    /// The registers that bhyve gives a FreeBSD kernel.
    static func freeBSDRegisters(entry: UInt64) -> X86Registers {
        var registers = longMode(entry: entry)
        // Base and limit 0: in 64-bit mode neither counts for these. Selectors are those of `freeBSDDescriptors`.
        registers.cs = X86Segment(selector: 0x08, base: 0, limit: 0, accessRights: 0x209B)
        registers.setDataSegments(X86Segment(selector: 0x10, base: 0, limit: 0, accessRights: 0x0093))
        registers.gdtr = X86DescriptorTable(base: LowMemory.gdt, limit: UInt16(freeBSDDescriptors.count * 8 - 1))
        registers.rsp = LowMemory.stack
        return registers
    }

    /// The registers of Linux's 64-bit entry, with a stack, which it does not ask for.
    static func linuxRegisters(entry: UInt64, bootParameters: UInt64) -> X86Registers {
        var registers = longMode(entry: entry)
        registers.cs = X86Segment(selector: 0x10, base: 0, limit: 0xFFFF_FFFF, accessRights: 0xA09B)
        registers.setDataSegments(X86Segment(selector: 0x18, base: 0, limit: 0xFFFF_FFFF, accessRights: 0xC093))
        registers.gdtr = X86DescriptorTable(base: LowMemory.gdt, limit: UInt16(linuxDescriptors.count * 8 - 1))
        registers.rsp = LowMemory.stack
        registers.rsi = bootParameters
        return registers
    }

    private static func longMode(entry: UInt64) -> X86Registers {
        var registers = X86Registers.bootProcessor
        registers.rip = entry
        registers.cr0 = ControlBits.pg | ControlBits.ne | ControlBits.et | ControlBits.pe
        registers.cr3 = LowMemory.pml4
        // bhyveload sets VMXE too, for CPUs of old that could not run a guest without. KVM refuses it where the guest
        // has no VMX, and no guest looks at it.
        registers.cr4 = ControlBits.pae
        registers.efer = ControlBits.lma | ControlBits.lme
        // A busy task state segment with base and limit 0: VMX wants one in 64-bit mode. Nothing uses it.
        registers.tr = X86Segment(selector: 0, base: 0, limit: 0, accessRights: 0x008B)
        return registers
    }
}

/// Bits of CR0, CR4 and EFER. Source: Intel SDM vol. 3A §2.5, §2.2.1.
enum ControlBits {
    static let pe: UInt64 = 1 << 0
    /// Reads as one on every 64-bit CPU.
    static let et: UInt64 = 1 << 4
    static let ne: UInt64 = 1 << 5
    static let pg: UInt64 = 1 << 31
    static let pae: UInt64 = 1 << 5
    static let lme: UInt64 = 1 << 8
    static let lma: UInt64 = 1 << 10
}

extension X86Registers {
    /// What all entries share: interrupts off, no LDT, the local APIC on and marked as the boot processor's.
    static var bootProcessor: X86Registers {
        var registers = X86Registers()
        registers.ldtr = X86Segment(selector: 0, base: 0, limit: 0, accessRights: 1 << 16)
        // IA32_APIC_BASE: bit 11 enabled, bit 8 BSP. Source: Intel SDM vol. 3A §11.4.4.
        registers.apicBase = PCPlatform.localAPICAddress | 1 << 11 | 1 << 8
        return registers
    }

    mutating func setDataSegments(_ segment: X86Segment) {
        ds = segment
        es = segment
        fs = segment
        gs = segment
        ss = segment
    }
}
