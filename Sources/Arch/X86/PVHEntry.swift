internal import Boot
internal import VMMCore

/// The 32-bit entry with a start_info structure: Xen's x86/HVM direct boot ABI, called PVH.
///
/// Source: Xen docs/misc/pvh.pandoc; xen/include/public/arch-x86/hvm/start_info.h, version 1.
enum PVHEntry {
    /// "xEn3" with bit 7 of the E set.
    static let magic: UInt32 = 0x336E_C578
    static let startInfoSize: UInt64 = 56
    private static let moduleSize: UInt64 = 32
    private static let version: UInt32 = 1

    /// start_info, then the module list, then the memory map, as they lie from `address` on.
    ///
    /// Addresses that are 0 mean "not there".
    static func startInfo(
        at address: UInt64, commandLine: UInt64, initrd: GuestRange?, memoryMap: [MemoryMapEntry], rootPointer: UInt64
    ) -> [UInt8] {
        let modules = initrd == nil ? 0 : UInt64(1)
        let moduleList = address + startInfoSize
        var writer = ByteWriter()
        writer.append(magic)
        writer.append(version)
        writer.append(UInt32(0))
        writer.append(UInt32(modules))
        writer.append(modules == 0 ? 0 : moduleList)
        writer.append(commandLine)
        writer.append(rootPointer)
        writer.append(moduleList + modules * moduleSize)
        writer.append(UInt32(memoryMap.count))
        writer.append(UInt32(0))
        if let initrd {
            // paddr, size, cmdline_paddr, reserved.
            for value in [initrd.start.rawValue, initrd.size, 0, 0] { writer.append(value) }
        }
        for entry in memoryMap {
            writer.append(entry.range.start.rawValue)
            writer.append(entry.range.size)
            writer.append(entry.type)
            writer.append(UInt32(0))
        }
        return writer.bytes
    }

    /// Null, flat 32-bit code and data, task state. The ABI leaves selectors open; with these a reload does no harm.
    static let descriptors: [UInt64] = [
        0, 0x00CF_9B00_0000_FFFF, 0x00CF_9300_0000_FFFF, 0x0000_8B00_0000_0067,
    ]

    /// EBX: start_info. CR0: PE (and ET, which reads as one). CR4: 0. CS: flat 32-bit code; DS, ES, SS: flat 32-bit data.
    /// TR: 32-bit TSS with base 0 and limit 0x67. EFLAGS: VM, IF and TF clear. All else the ABI leaves open.
    static func registers(entry: UInt64, startInfo: UInt64) -> X86Registers {
        var registers = X86Registers.flat32(entry: entry)
        registers.rbx = startInfo
        return registers
    }
}

extension X86Registers {
    /// 32-bit protected mode, with the segments of `PVHEntry.descriptors`.
    static func flat32(entry: UInt64) -> X86Registers {
        var registers = X86Registers.bootProcessor
        registers.rip = entry
        registers.cr0 = ControlBits.pe | ControlBits.et
        registers.cs = X86Segment(selector: 0x08, base: 0, limit: 0xFFFF_FFFF, accessRights: 0xC09B)
        registers.setDataSegments(X86Segment(selector: 0x10, base: 0, limit: 0xFFFF_FFFF, accessRights: 0xC093))
        registers.tr = X86Segment(selector: 0x18, base: 0, limit: 0x67, accessRights: 0x008B)
        registers.gdtr = X86DescriptorTable(
            base: LowMemory.gdt, limit: UInt16(PVHEntry.descriptors.count * 8 - 1))
        return registers
    }
}
