package import Boot
internal import GuestABI
package import VMMCore

/// The `pc` machine's guest physical address space.
///
/// ```
/// 0x0_0000_0000 ┬─────────────────────────────────────────────────────────────┐
///               │ RAM, usable: see LowMemory for the part swvmm writes          │ lowMemory
/// 0x0_000A_0000 ┼─────────────────────────────────────────────────────────────┤
///               │ RAM, reserved: a PC's video memory and ROMs                    │ legacyArea
/// 0x0_000E_0000 ┼─────────────────────────────────────────────────────────────┤
///               │ RAM, ACPI tables: the root pointer first; SMBIOS, MP table     │ firmwareTables
/// 0x0_0010_0000 ┼─────────────────────────────────────────────────────────────┤
///               │ RAM, usable, up to 3 GiB: kernel, modules, metadata            │ RAM below the hole
/// 0x0_C000_0000 ┼─────────────────────────────────────────────────────────────┤
///               │ PCI memory window, 512 MiB                                     │ pciWindow
/// 0x0_E000_0000 ┼─────────────────────────────────────────────────────────────┤
///               │ PCI ECAM, 256 buses                                            │ pciECAM
/// 0x0_F000_0000 ┼ (nothing)                                                      ┤
/// 0x0_FEB0_0000 │ virtio-mmio, 32 windows of 0x200 bytes                         │ virtioMMIO
/// 0x0_FEC0_0000 │ I/O APIC                                                       │ ioAPIC
/// 0x0_FED0_0000 │ HPET (none; kept free, since guests look there)                │ hpet
/// 0x0_FEE0_0000 │ local APICs, and the addresses of MSIs                         │ localAPIC
/// 0x0_FEFF_C000 │ KVM's identity map and task state on Intel hosts               │ hypervisor
/// 0x0_FF00_0000 │ firmware flash, up to the reset vector                         │ firmware
/// 0x1_0000_0000 ┼─────────────────────────────────────────────────────────────┤
///               │ RAM, usable: what did not fit below the hole                   │ RAM above the hole
///               │ persistent memory, behind RAM                                  │ persistentMemoryRoom
///               └─────────────────────────────────────────────────────────────┘
/// ```
package enum X86MemoryMap {
    package enum Name: Hashable, Sendable {
        case lowMemory, legacyArea, firmwareTables, pciWindow, pciECAM, virtioMMIO, ioAPIC, hpet, localAPIC, hypervisor,
            firmware
    }

    package struct Region: Hashable, Sendable {
        package let name: Name
        package let start: UInt64
        package let size: UInt64
        /// RAM is behind it.
        package let isRAM: Bool
    }

    /// Everything at a fixed address. The rest below `holeStart` and above 4 GiB is RAM.
    package static let regions: [Region] = [
        Region(name: .lowMemory, start: 0, size: lowMemoryEnd, isRAM: true),
        // RAM, but no guest may take it for its own.
        Region(name: .legacyArea, start: lowMemoryEnd, size: firmwareTables - lowMemoryEnd, isRAM: true),
        // Where guests search for ACPI's root pointer. Source: ACPI 6.4 §5.2.5.1.
        Region(name: .firmwareTables, start: firmwareTables, size: legacyAreaEnd - firmwareTables, isRAM: true),
        Region(
            name: .pciWindow, start: PCPlatform.pciWindowAddress, size: PCPlatform.pciWindowSize, isRAM: false),
        // 1 MiB a bus. Source: PCI Express 5.0 §7.2.2.
        Region(name: .pciECAM, start: PCPlatform.pciECAMAddress, size: PCPlatform.pciECAMSize, isRAM: false),
        Region(
            name: .virtioMMIO, start: PCPlatform.virtioMMIOAddress,
            size: PCPlatform.virtioMMIOStride * UInt64(PCPlatform.virtioMMIOWindows), isRAM: false),
        // The addresses that software expects. Source: Intel SDM vol. 3A §11.4.1 (local APIC), 82093AA datasheet.
        Region(name: .ioAPIC, start: PCPlatform.ioAPICAddress, size: 0x1000, isRAM: false),
        Region(name: .hpet, start: 0xFED0_0000, size: 0x400, isRAM: false),
        // MSIs use the whole MiB. Source: Intel SDM vol. 3A §11.11.1.
        Region(name: .localAPIC, start: PCPlatform.localAPICAddress, size: 0x10_0000, isRAM: false),
        // Four pages. Source: Linux Documentation/virt/kvm/api.rst, KVM_SET_TSS_ADDR, KVM_SET_IDENTITY_MAP_ADDR.
        Region(name: .hypervisor, start: 0xFEFF_C000, size: 0x4000, isRAM: false),
        // The reset vector is 16 bytes below its end. 16 MiB is the largest flash that UEFI builds use.
        Region(name: .firmware, start: 0xFF00_0000, size: 0x100_0000, isRAM: false),
    ]

    /// Where conventional memory ends.
    package static let lowMemoryEnd: UInt64 = 0xA_0000
    /// Where ACPI's root pointer is, with the tables behind it.
    package static let firmwareTables: UInt64 = 0xE_0000
    /// Where SMBIOS's entry point and the MP table's are looked for: from here on. Source: DSP0134 3.4.0 §5.2; MP 1.4 §4.
    package static let smbiosTables: UInt64 = 0xF_0000
    /// The largest MP table, of 255 CPUs, has less than 8 KiB.
    package static let mpTable: UInt64 = 0xF_E000
    package static let legacyAreaEnd: UInt64 = 0x10_0000
    /// RAM below 4 GiB ends here at the latest: 1 GiB for devices.
    package static let holeStart: UInt64 = 0xC000_0000
    package static let holeEnd: UInt64 = 0x1_0000_0000

    /// Two MiB: below it not even a kernel linked at 1 MiB fits.
    package static let minimumMemory: UInt64 = 2 << 20
    /// RAM ends at 1 TiB at most: 40 bits of physical address are what nearly every 64-bit CPU has.
    package static let maximumMemory: UInt64 = (1 << 40) - (holeEnd - holeStart)
    /// Behind RAM, in here: above the hole, however little RAM there is.
    package static let persistentMemoryRoom: Range<UInt64> = holeEnd..<(1 << 40)

    /// The RAM regions of a machine with `size` bytes.
    package static func ramRanges(_ size: UInt64) throws(BootImageError) -> [GuestRange] {
        guard size > 0 else { throw .badMemorySize(.zero) }
        guard size.isMultiple(of: PageAlignment.size) else { throw .badMemorySize(.notPageSized(size)) }
        guard size >= minimumMemory else { throw .badMemorySize(.tooSmall(size, minimum: minimumMemory)) }
        guard size <= maximumMemory else { throw .badMemorySize(.tooLarge(size, maximum: maximumMemory)) }
        let below = min(size, holeStart)
        return [range(0, below), range(holeEnd, size - below)].compactMap { $0 }
    }

    /// The memory map that guests are told: by SMAP, PVH's table and boot_params. Ascending.
    ///
    /// - Parameter ecam: where the PCI configuration space is; nil: there is none. That it is said to be reserved makes Linux use it.
    package static func e820(_ size: UInt64, ecam: UInt64? = nil) throws(BootImageError) -> [MemoryMapEntry] {
        var entries: [MemoryMapEntry] = []
        func add(_ start: UInt64, _ end: UInt64, _ type: UInt32) {
            guard end > start, let range = range(start, end - start) else { return }
            entries.append(MemoryMapEntry(range: range, type: type))
        }
        for ram in try ramRanges(size) {
            if ram.start.rawValue == 0 {
                add(0, lowMemoryEnd, MemoryMapEntryType.usable)
                add(lowMemoryEnd, firmwareTables, MemoryMapEntryType.reserved)
                add(firmwareTables, legacyAreaEnd, MemoryMapEntryType.acpiTables)
                add(legacyAreaEnd, ram.end.rawValue, MemoryMapEntryType.usable)
                if let ecam { add(ecam, ecam + PCPlatform.pciECAMSize, MemoryMapEntryType.reserved) }
            } else {
                add(ram.start.rawValue, ram.end.rawValue, MemoryMapEntryType.usable)
            }
        }
        return entries
    }

    private static func range(_ start: UInt64, _ size: UInt64) -> GuestRange? {
        GuestRange(start: GuestAddress(start), size: size)
    }
}

/// What swvmm puts below 640 KiB, and what it leaves to the guest there.
///
/// ```
/// 0x0000 the stack's pushes go down here          0x6000 PVH start_info, Linux boot_params, multiboot information
/// 0x1000 stack: {0, modulep, kernend}             0x7000 command line (PVH, boot_params)
/// 0x2000 PML4   0x3000 PDPT   0x4000 PD           0x8000 free for the guest's start of further CPUs
/// 0x5000 GDT                                      0x10000 Linux setup_data   0x11000 free
/// ```
package enum LowMemory {
    // The first five are bhyveload's. Source: FreeBSD stand/userboot/userboot/elf64_freebsd.c.
    package static let stack: UInt64 = 0x1000
    package static let pml4: UInt64 = 0x2000
    package static let pdpt: UInt64 = 0x3000
    package static let pageDirectory: UInt64 = 0x4000
    package static let gdt: UInt64 = 0x5000
    package static let startInfo: UInt64 = 0x6000
    package static let commandLine: UInt64 = 0x7000
    /// A start-up IPI names a page below 1 MiB: these are pages 8 to 15.
    package static let trampolineRoom: UInt64 = 0x8000
    package static let trampolineRoomSize: UInt64 = 0x8000
    package static let setupData: UInt64 = 0x1_0000
}
