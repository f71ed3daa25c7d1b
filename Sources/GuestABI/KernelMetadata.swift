/// The metadata records that a FreeBSD loader hands to a kernel, and swvmm to its unikernel.
///
/// A record is a 32-bit type, a 32-bit length and a payload padded to 8 bytes; NAME comes first, `end` with length 0 last.
/// Source: FreeBSD sys/sys/linker.h (MODINFO_*), sys/x86/include/metadata.h, sys/arm64/include/metadata.h.
package enum KernelMetadata {
    package static let end: UInt32 = 0x0000
    package static let name: UInt32 = 0x0001
    package static let type: UInt32 = 0x0002
    package static let address: UInt32 = 0x0003
    package static let size: UInt32 = 0x0004
    /// The command line: a string ended by NUL (`--cmdline`).
    package static let arguments: UInt32 = 0x0006
    /// Or'ed to the metadata subtypes below.
    package static let metadata: UInt32 = 0x8000

    package static let elfHeader: UInt32 = 0x0002
    package static let symbolTableStart: UInt32 = 0x0003
    package static let symbolTableEnd: UInt32 = 0x0004
    package static let dynamic: UInt32 = 0x0005
    /// Address of the kernel environment: `name=value` strings, each ended by NUL, the list by an empty one.
    package static let environment: UInt32 = 0x0006
    /// Boot flags (RB_*).
    package static let howTo: UInt32 = 0x0007
    package static let kernelEnd: UInt32 = 0x0008
    package static let sectionHeaders: UInt32 = 0x0009
    /// amd64: an array of 20-byte e820 entries {u64 base, u64 length, u32 type}.
    package static let systemMemoryMap: UInt32 = 0x1001
    /// arm64: an EFI memory map header and its descriptors.
    package static let efiMemoryMap: UInt32 = 0x1001
    /// arm64: address of the device tree.
    package static let deviceTree: UInt32 = 0x1002

    /// TYPE of a kernel record.
    package static let kernelType = "elf kernel"
    /// TYPE of a memory disk's record: an initrd. Source: FreeBSD sys/dev/md/md.c, md_preloaded.
    package static let memoryDiskType = "md_image"
    /// RB_SERIAL: use the serial console. RB_MULTIPLE: several consoles.
    package static let rebootSerial: UInt32 = 0x1000
    package static let rebootMultiple: UInt32 = 0x2000_0000
    /// RB_SINGLE, RB_VERBOSE. Source: FreeBSD sys/sys/reboot.h.
    package static let rebootSingle: UInt32 = 0x0002
    package static let rebootVerbose: UInt32 = 0x0800
}

/// The types of a memory map entry, as in e820. Source: ACPI 6.4 §15, table 15.6.
package enum MemoryMapEntryType {
    package static let usable: UInt32 = 1
    package static let reserved: UInt32 = 2
    /// Memory with ACPI tables.
    package static let acpiTables: UInt32 = 3
}

/// Names in the kernel environment that swvmm sets for its unikernel.
package enum EnvironmentName {
    /// `bvm` or `serial`.
    package static let console = "console"
    /// The number of vCPUs, decimal.
    package static let cpus = "hw.ncpu"
    /// TSC or generic timer frequency in Hz, decimal.
    package static let counterFrequency = "machdep.counter_freq"
    /// With a number from 0 on behind it: a virtio-mmio window with a device, as `size@address:interrupt`, size and address in
    /// hexadecimal with `0x`. The interrupt is decimal: the number of an SPI (arm64), of an input of the I/O APIC (x86_64).
    package static let virtioMMIODevice = "virtio_mmio.device."
    /// The address of the PCI configuration space (ECAM), in hexadecimal with `0x`: there when the machine has a PCI bus.
    package static let pciECAM = "pci.ecam"
}
