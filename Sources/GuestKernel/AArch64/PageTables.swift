import CSupport

/// The kernel's page tables: an identity map of 2 MiB blocks, 39-bit addresses, starting at level 1. Kernel text is read-only,
/// all that is no text is not executable; of the first 2 MiB only the pages of bvmconsole and pvpanic are there. Source: Arm DDI 0487, D8.3.
struct PageTables {
    private enum Bits {
        static var block: UInt64 { 1 }
        /// A table above the last level; a page in it.
        static var table: UInt64 { 3 }
        /// MAIR index 1, normal memory, inner shareable, accessed.
        static var normal: UInt64 { 1 << 2 | 3 << 8 | 1 << 10 }
        /// MAIR index 0, device memory, accessed.
        static var device: UInt64 { 1 << 10 }
        static var readOnly: UInt64 { 1 << 7 }
        /// UXN and PXN.
        static var noExecute: UInt64 { 3 << 53 }
        static var address: UInt64 { 0x0000_FFFF_FFFF_F000 }
    }

    private static var blockSize: UInt64 { 2 << 20 }
    /// What can be mapped lies below.
    static var addressLimit: UInt64 { 1 << 39 }

    let root: UInt64
    /// Memory for tables; empty once the heap has it.
    private var pages: BootMemoryMap

    /// - Parameters:
    ///   - ram: what is mapped.
    ///   - memory: what may be used for tables; comes back less those.
    init(ram: BootMemoryMap, memory: inout BootMemoryMap) {
        pages = memory
        root = Self.takePage(&pages)
        for index in 0..<ram.count {
            let range = ram[index]
            var address = range.start & ~(Self.blockSize - 1)
            while address < range.end {
                map(address, Bits.block | Bits.normal | Bits.noExecute)
                address += Self.blockSize
            }
        }
        // Text: UXN only matters to EL0, which there is none of.
        map(kernel_start_address() & ~(Self.blockSize - 1), Bits.block | Bits.normal | Bits.readOnly | 1 << 54)
        mapDeviceBlock(VirtPlatform.gicDistributorAddress)
        mapDeviceBlock(VirtPlatform.pl011Address)
        let first = table(at: table(at: root, index: 0), index: 0)
        for page in [VirtPlatform.bvmConsoleAddress, VirtPlatform.panicAddress] {
            store64(first + (page >> 12) * 8, page | Bits.table | Bits.device | Bits.noExecute)
        }
        memory = pages
    }

    /// The tables in use, to be added to.
    private init() {
        root = load64(kernel_ttbr0_address())
        pages = BootMemoryMap()
    }

    /// Maps a device's registers for all CPUs, once there is a heap. One thread at a time.
    static func mapDevice(_ range: PhysicalRange) {
        var tables = PageTables()
        var address = range.start & ~(blockSize - 1)
        while address < min(range.end, addressLimit) {
            tables.mapDeviceBlock(address)
            address += blockSize
        }
        // What was not mapped is in no CPU's translations: the entries need only be seen by the table walks.
        data_barrier()
        instruction_barrier()
    }

    /// Takes the tables into use on this CPU, and tells the others' start-up code.
    func activate() {
        flush_translations()
        write_ttbr0(root)
        instruction_barrier()
        flush_translations()
        store64(kernel_ttbr0_address(), root)
        // A starting CPU reads it with its MMU and caches off.
        clean_cache_line(kernel_ttbr0_address())
    }

    private mutating func mapDeviceBlock(_ address: UInt64) {
        map(address & ~(Self.blockSize - 1), Bits.block | Bits.device | Bits.noExecute)
    }

    private mutating func map(_ address: UInt64, _ bits: UInt64) {
        let table = table(at: root, index: address >> 30 & 511)
        store64(table + (address >> 21 & 511) * 8, address | bits)
    }

    /// The table that an entry points to, made when there is none.
    private mutating func table(at table: UInt64, index: UInt64) -> UInt64 {
        let entry = load64(table + index * 8)
        if entry & 3 == Bits.table { return entry & Bits.address }
        let new = Self.takePage(&pages)
        store64(table + index * 8, new | Bits.table)
        return new
    }

    private static func takePage(_ memory: inout BootMemoryMap) -> UInt64 {
        // The boot map has the first 4 GiB.
        let page = memory.take(size: 4096, below: 1 << 32) ?? Heap.allocatePages(order: 0)
        unsafe clearPage(page)
        return page
    }

    /// RAM comes zeroed from every virtual machine monitor, but not from a kernel that rebooted into this one.
    @unsafe private static func clearPage(_ page: UInt64) {
        // SAFETY: a page of usable memory that nobody has yet, in the boot map.
        unsafe UnsafeMutableRawPointer(bitPattern: UInt(page))?.initializeMemory(
            as: UInt8.self, repeating: 0, count: 4096)
    }
}
