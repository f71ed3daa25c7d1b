import CSupport

/// The kernel's page tables: an identity map of 2 MiB pages (1 GiB where the CPU has them and RAM fills them). The first 2 MiB
/// are in 4 KiB pages, without page 0. Kernel text is read-only, all that is no text is not executable where the CPU can.
/// Source: Intel SDM volume 3, §4.5.
struct PageTables {
    private enum Bits {
        static var present: UInt64 { 1 }
        static var writable: UInt64 { 1 << 1 }
        /// PWT and PCD: uncached.
        static var uncached: UInt64 { 3 << 3 }
        static var large: UInt64 { 1 << 7 }
        static var noExecute: UInt64 { 1 << 63 }
        static var address: UInt64 { 0x000F_FFFF_FFFF_F000 }
    }

    private static var largePage: UInt64 { 2 << 20 }
    /// What can be mapped lies below.
    static var addressLimit: UInt64 { 1 << 47 }
    private static var hugePage: UInt64 { 1 << 30 }

    let root: UInt64
    private let noExecute: UInt64
    private let hasHugePages: Bool
    /// Memory for tables, not cleared by anyone but fresh: taken from the lowest RAM behind the kernel. Empty once the heap has it.
    private var pages: BootMemoryMap

    /// - Parameters:
    ///   - ram: what is mapped.
    ///   - memory: what may be used for tables; comes back less those.
    init(ram: BootMemoryMap, memory: inout BootMemoryMap) {
        let extended = cpuid(0x8000_0000, 0).eax >= 0x8000_0001 ? cpuid(0x8000_0001, 0).edx : 0
        noExecute = extended & 1 << 20 != 0 ? Bits.noExecute : 0
        hasHugePages = extended & 1 << 26 != 0
        pages = memory
        root = Self.takePage(&pages)
        if noExecute != 0 { write_msr(MSR.efer, read_msr(MSR.efer) | 1 << 11) }

        mapFirstPages()
        for index in 0..<ram.count { mapRAM(ram[index]) }
        // The kernel's text and tables for reading: one large page.
        map(kernel_start_address() & ~(Self.largePage - 1), Bits.present | Bits.large)
        mapDeviceBlock(PCPlatform.ioAPICAddress)
        mapDeviceBlock(PCPlatform.localAPICAddress)
        mapDeviceBlock(Power.sleepControlAddress)
        memory = pages
    }

    /// The tables in use, to be added to.
    private init() {
        root = read_cr3() & Bits.address
        noExecute = read_msr(MSR.efer) & 1 << 11 != 0 ? Bits.noExecute : 0
        hasHugePages = false
        pages = BootMemoryMap()
    }

    /// Maps a device's registers for all CPUs, once there is a heap. One thread at a time.
    ///
    /// What was not mapped is in no CPU's translations: none needs to be dropped.
    static func mapDevice(_ range: PhysicalRange) {
        var tables = PageTables()
        var address = range.start & ~(largePage - 1)
        while address < min(range.end, addressLimit) {
            tables.mapDeviceBlock(address)
            address += largePage
        }
    }

    /// Takes the tables into use on this CPU.
    func activate() {
        // CR0.WP: read-only means the kernel too.
        write_cr0(read_cr0() | 1 << 16)
        write_cr3(root)
    }

    /// For secondary CPUs: LME, and NXE when it is in use.
    var efer: UInt64 { 1 << 8 | (noExecute != 0 ? 1 << 11 : 0) }

    private mutating func mapRAM(_ range: PhysicalRange) {
        var address = range.start & ~(Self.largePage - 1)
        if address == 0 { address = Self.largePage }
        while address < range.end {
            if hasHugePages, address & (Self.hugePage - 1) == 0, range.end - address >= Self.hugePage {
                let table = table(at: root, index: address >> 39 & 511)
                store64(
                    table + (address >> 30 & 511) * 8,
                    address | Bits.present | Bits.writable | Bits.large | noExecute)
                address += Self.hugePage
            } else {
                map(address, Bits.present | Bits.writable | Bits.large | noExecute)
                address += Self.largePage
            }
        }
    }

    /// The first 2 MiB: executable, for the secondary CPUs' first code.
    private mutating func mapFirstPages() {
        let table = table(at: self.table(at: self.table(at: root, index: 0), index: 0), index: 0)
        for page: UInt64 in 1..<512 { store64(table + page * 8, page << 12 | Bits.present | Bits.writable) }
    }

    private mutating func mapDeviceBlock(_ address: UInt64) {
        map(
            address & ~(Self.largePage - 1),
            Bits.present | Bits.writable | Bits.large | Bits.uncached | noExecute)
    }

    private mutating func map(_ address: UInt64, _ bits: UInt64) {
        let table = table(at: self.table(at: root, index: address >> 39 & 511), index: address >> 30 & 511)
        store64(table + (address >> 21 & 511) * 8, address | bits)
    }

    /// The table that an entry points to, made when there is none.
    private mutating func table(at table: UInt64, index: UInt64) -> UInt64 {
        let entry = load64(table + index * 8)
        if entry & Bits.present != 0 { return entry & Bits.address }
        let new = Self.takePage(&pages)
        store64(table + index * 8, new | Bits.present | Bits.writable)
        return new
    }

    private static func takePage(_ memory: inout BootMemoryMap) -> UInt64 {
        let page = memory.take(size: 4096, below: 1 << 30) ?? Heap.allocatePages(order: 0)
        unsafe clearPage(page)
        return page
    }

    /// RAM comes zeroed from every virtual machine monitor, but not from a kernel that rebooted into this one.
    @unsafe private static func clearPage(_ page: UInt64) {
        // SAFETY: a page of usable memory that nobody has yet, mapped by the loader's tables.
        unsafe UnsafeMutableRawPointer(bitPattern: UInt(page))?.initializeMemory(
            as: UInt8.self, repeating: 0, count: 4096)
    }
}
