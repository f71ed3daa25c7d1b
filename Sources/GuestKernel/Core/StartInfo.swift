#if !hasFeature(Embedded)
    import GuestABI
#endif

/// What a PVH loader hands over: `hvm_start_info`, version 0 (no memory map) or 1 and later.
///
/// Source: Xen xen/include/public/arch-x86/hvm/start_info.h.
package struct StartInfo<Memory: ByteSource> {
    /// XEN_HVM_START_MAGIC_VALUE.
    package static var magic: UInt32 { 0x336E_C578 }
    /// Caps against garbage: machines have about ten entries, one or two modules, short command lines.
    package static var memoryMapLimit: UInt32 { 128 }
    package static var moduleLimit: UInt32 { 16 }
    package static var commandLineLimit: Int { 4096 }

    package struct Module: Equatable, Sendable {
        package let range: PhysicalRange
        /// Address of the module's command line, 0 for none.
        package let commandLine: UInt64
    }

    private let memory: Memory
    package let version: UInt32
    /// At most `moduleLimit`.
    package let moduleCount: UInt32
    private let modules: UInt64
    private let commandLineAddress: UInt64
    /// Address of the ACPI RSDP, 0 for none.
    package let rsdp: UInt64
    private let memoryMap: UInt64
    /// At most `memoryMapLimit`; 0 in version 0.
    package let memoryMapCount: UInt32

    /// - Returns: nil when it is not readable, or the magic number is not there.
    package init?(memory: Memory, address: UInt64) {
        guard memory.word32(at: address) == Self.magic, let version = memory.word32(at: address &+ 4),
            let moduleCount = memory.word32(at: address &+ 12), let modules = memory.word64(at: address &+ 16),
            let commandLine = memory.word64(at: address &+ 24), let rsdp = memory.word64(at: address &+ 32)
        else { return nil }
        self.memory = memory
        self.version = version
        self.moduleCount = min(moduleCount, Self.moduleLimit)
        self.modules = modules
        commandLineAddress = commandLine
        self.rsdp = rsdp
        memoryMap = version >= 1 ? memory.word64(at: address &+ 40) ?? 0 : 0
        memoryMapCount = version >= 1 ? min(memory.word32(at: address &+ 48) ?? 0, Self.memoryMapLimit) : 0
    }

    /// The command line, or nil when there is none (or no end to it).
    package var commandLine: MemoryText<Memory>? {
        commandLineAddress == 0 ? nil : memory.text(at: commandLineAddress, limit: Self.commandLineLimit)
    }

    /// The module at `index`, or nil.
    package func module(_ index: UInt32) -> Module? {
        let entry = modules &+ UInt64(index) &* 32
        guard index < moduleCount, let start = memory.word64(at: entry), let size = memory.word64(at: entry &+ 8),
            let commandLine = memory.word64(at: entry &+ 16)
        else { return nil }
        return Module(range: PhysicalRange(start: start, size: size), commandLine: commandLine)
    }

    /// The entry at `index` of the memory map {u64 address, u64 size, u32 type, u32 reserved}, or nil.
    package func memoryMapEntry(_ index: UInt32) -> SystemMemoryMap<Memory>.Entry? {
        let entry = memoryMap &+ UInt64(index) &* 24
        guard index < memoryMapCount, let start = memory.word64(at: entry), let size = memory.word64(at: entry &+ 8),
            let type = memory.word32(at: entry &+ 16)
        else { return nil }
        return SystemMemoryMap<Memory>.Entry(range: PhysicalRange(start: start, size: size), type: type)
    }

    /// The usable ranges.
    package func usableMemory() -> BootMemoryMap {
        var map = BootMemoryMap()
        for index in 0..<memoryMapCount {
            if let entry = memoryMapEntry(index), entry.type == MemoryMapEntryType.usable { map.add(entry.range) }
        }
        for index in 0..<memoryMapCount {
            if let entry = memoryMapEntry(index), entry.type != MemoryMapEntryType.usable { map.reserve(entry.range) }
        }
        return map
    }
}
