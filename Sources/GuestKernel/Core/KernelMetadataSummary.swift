#if !hasFeature(Embedded)
    import GuestABI
#endif

/// What the kernel wants to know of its loader's metadata: the records of the first module of type "elf kernel".
package struct KernelMetadataSummary<Memory: ByteSource> {
    package typealias Record = KernelMetadataReader<Memory>.Record

    /// The longest command line accepted, in bytes.
    package static var commandLineLimit: Int { 4096 }

    /// The command line (ARGS).
    package private(set) var commandLine: MemoryText<Memory>?
    /// Address of the environment block (ENVP).
    package private(set) var environmentAddress: UInt64?
    /// First byte after everything that the loader placed (KERNEND).
    package private(set) var kernelEnd: UInt64?
    /// Boot flags (HOWTO), 0 when absent.
    package private(set) var howTo: UInt32 = 0
    /// The memory map: `SystemMemoryMap` on amd64, `EFIMemoryMap` on arm64 (the same record type, 0x1001).
    package private(set) var memoryMap: Record?
    /// arm64: address of the device tree (DTBP).
    package private(set) var deviceTreeAddress: UInt64?
    /// How the walk ended: anything but `endRecord` is worth a line in the log.
    package let ending: KernelMetadataReader<Memory>.Ending

    private let memory: Memory

    /// Reads the records at `address`.
    ///
    /// - Returns: nil when they describe no kernel.
    package init?(memory: Memory, address: UInt64) {
        self.memory = memory
        var reader = KernelMetadataReader(memory: memory, address: address)
        var found = Found()
        var isKernel = false
        while let record = reader.next() {
            switch record.type {
            case KernelMetadata.name where isKernel:
                // The next module: the kernel's records are complete, but walk on to learn how the list ends.
                found.isComplete = true
            case KernelMetadata.type where !found.isComplete:
                isKernel = Self.namesKernel(memory, record)
            default:
                if isKernel, !found.isComplete { found.take(record, memory) }
            }
        }
        guard isKernel else { return nil }
        ending = reader.ending ?? .truncated
        commandLine = found.commandLine
        environmentAddress = found.environment
        kernelEnd = found.kernelEnd
        howTo = found.howTo
        memoryMap = found.memoryMap
        deviceTreeAddress = found.deviceTree
    }

    /// The environment, empty when the loader gave none.
    package var environment: KernelEnvironment<Memory> {
        KernelEnvironment(memory: memory, address: environmentAddress)
    }

    /// "elf kernel", or "elf64 kernel" of older loaders.
    private static func namesKernel(_ memory: Memory, _ record: Record) -> Bool {
        guard let text = memory.text(at: record.address, limit: 16) else { return false }
        return text.equals(KernelMetadata.kernelType) || text.equals("elf64 kernel")
    }

    private struct Found {
        var commandLine: MemoryText<Memory>?
        var environment: UInt64?
        var kernelEnd: UInt64?
        var howTo: UInt32 = 0
        var memoryMap: Record?
        var deviceTree: UInt64?
        var isComplete = false

        mutating func take(_ record: Record, _ memory: Memory) {
            switch record.type {
            case KernelMetadata.arguments:
                let limit = min(Int(record.length), KernelMetadataSummary.commandLineLimit)
                // A text without its NUL is taken as long as the record is.
                commandLine =
                    memory.text(at: record.address, limit: limit)
                    ?? MemoryText(memory: memory, address: record.address, count: limit)
                if let text = commandLine, text.count > limit {
                    commandLine = MemoryText(memory: memory, address: record.address, count: limit)
                }
            case KernelMetadata.metadata | KernelMetadata.environment:
                environment = pointer(record, memory)
            case KernelMetadata.metadata | KernelMetadata.kernelEnd:
                kernelEnd = pointer(record, memory)
            case KernelMetadata.metadata | KernelMetadata.howTo where record.length >= 4:
                howTo = memory.word32(at: record.address) ?? 0
            case KernelMetadata.metadata | KernelMetadata.systemMemoryMap:
                memoryMap = record
            case KernelMetadata.metadata | KernelMetadata.deviceTree:
                deviceTree = pointer(record, memory)
            default:
                break
            }
        }

        private func pointer(_ record: Record, _ memory: Memory) -> UInt64? {
            record.length >= 8 ? memory.word64(at: record.address) : nil
        }
    }
}
