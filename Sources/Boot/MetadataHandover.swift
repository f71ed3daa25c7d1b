internal import GuestABI

/// Lays out what a FreeBSD kernel finds in memory behind itself: symbols, further modules, the environment and the metadata.
///
/// ```
/// kernel segments | symbols | page-align | initrd | page-align | device tree | page-align | environment
///                 | page-align | metadata | page-align = kernend
/// ```
/// ENVP and KERNEND are inside the metadata and depend on its size, so it is encoded twice, as FreeBSD's loader does.
/// Source: FreeBSD stand/userboot/userboot/bootinfo64.c, bi_load64.
package struct MetadataHandover: Sendable {
    package let metadata: FreeBSDMetadata
    package let environment: KernelEnvironment
    /// modulep.
    package let metadataAddress: UInt64
    package let environmentAddress: UInt64
    /// The first page that nothing was loaded into.
    package let kernelEnd: UInt64

    /// What differs between architectures and images.
    package struct Inputs: Sendable {
        package var elf: ELFImage
        package var configuration: BootConfiguration
        package var symbols: [UInt8]?
        package var deviceTree: [UInt8]?
        /// SMAP or EFI_MAP.
        package var memoryMap: FreeBSDMetadata.Item

        package init(
            elf: ELFImage, configuration: BootConfiguration, symbols: [UInt8]? = nil, deviceTree: [UInt8]? = nil,
            memoryMap: FreeBSDMetadata.Item
        ) {
            self.elf = elf
            self.configuration = configuration
            self.symbols = symbols
            self.deviceTree = deviceTree
            self.memoryMap = memoryMap
        }
    }

    /// Places everything behind the segments, which are in `plan` already.
    ///
    /// - Parameters:
    ///   - kernel: from the first to behind the last byte of the segments, not empty.
    ///   - limit: nothing may reach past this address.
    package init(
        _ inputs: Inputs, kernel: (start: UInt64, end: UInt64), limit: UInt64, in plan: inout LoadPlan
    ) throws(BootImageError) {
        let configuration = inputs.configuration
        var cursor = Cursor(address: kernel.end, limit: min(limit, plan.endOfRAM(at: kernel.end - 1)))

        var items = [FreeBSDMetadata.Item(type: KernelMetadata.elfHeader, payload: inputs.elf.header)]
        var kernelFileEnd = kernel.end
        if let symbols = inputs.symbols {
            let start = try cursor.place(.symbols, .bytes(symbols), alignment: 8, in: &plan)
            kernelFileEnd = start + UInt64(symbols.count)
            items.append(FreeBSDMetadata.Item(type: KernelMetadata.symbolTableStart, value: start))
            items.append(FreeBSDMetadata.Item(type: KernelMetadata.symbolTableEnd, value: kernelFileEnd))
        }
        if let dynamic = inputs.elf.dynamicAddress {
            items.append(FreeBSDMetadata.Item(type: KernelMetadata.dynamic, value: dynamic))
        }

        var modules: [FreeBSDMetadata.Module] = []
        for (name, purpose, contents) in [
            ("initrd", Placement.Purpose.initrd, configuration.initrd), ("disk0", .disk, configuration.disk),
        ] {
            guard let contents, !contents.isEmpty else { continue }
            let start = try cursor.place(purpose, .file(contents), in: &plan)
            modules.append(
                FreeBSDMetadata.Module(
                    name: name, type: KernelMetadata.memoryDiskType, address: start, size: contents.count))
        }
        if let deviceTree = inputs.deviceTree, !deviceTree.isEmpty {
            let start = try cursor.place(.deviceTree, .bytes(deviceTree), in: &plan)
            items.append(FreeBSDMetadata.Item(type: KernelMetadata.deviceTree, value: start))
        }

        let environment = try configuration.fullEnvironment()
        let envp = try cursor.place(.environment, .bytes(environment.encoded), in: &plan)
        let modulep = try cursor.align(.metadata)

        let fixedItems = items
        func encode(kernelEnd: UInt64) -> FreeBSDMetadata {
            let module = FreeBSDMetadata.Module(
                name: "kernel", type: KernelMetadata.kernelType,
                arguments: configuration.commandLine.isEmpty ? nil : configuration.commandLine,
                address: kernel.start, size: kernelFileEnd - kernel.start,
                items: fixedItems + [
                    FreeBSDMetadata.Item(type: KernelMetadata.howTo, value: environment.howTo),
                    FreeBSDMetadata.Item(type: KernelMetadata.environment, value: envp),
                    FreeBSDMetadata.Item(type: KernelMetadata.kernelEnd, value: kernelEnd),
                    inputs.memoryMap,
                ])
            return FreeBSDMetadata(modules: [module] + modules)
        }
        let size = UInt64(encode(kernelEnd: 0).encoded.count)
        guard let end = PageAlignment.roundUp(modulep + size), end <= cursor.limit else {
            throw .noRoom(.metadata, size: size, address: modulep, limit: cursor.limit)
        }
        let metadata = encode(kernelEnd: end)
        try plan.place(.metadata, at: modulep, metadata.encoded)
        self.metadata = metadata
        self.environment = environment
        environmentAddress = envp
        metadataAddress = modulep
        kernelEnd = end
    }

    /// Where the next thing goes.
    private struct Cursor {
        var address: UInt64
        let limit: UInt64

        mutating func align(
            _ purpose: Placement.Purpose, to alignment: UInt64 = PageAlignment.size
        ) throws(BootImageError) -> UInt64 {
            let (sum, overflow) = address.addingReportingOverflow(alignment - 1)
            let aligned = sum & ~(alignment - 1)
            guard !overflow, aligned <= limit else {
                throw .noRoom(purpose, size: 0, address: address, limit: limit)
            }
            address = aligned
            return aligned
        }

        mutating func place(
            _ purpose: Placement.Purpose, _ content: Placement.Content, alignment: UInt64 = PageAlignment.size,
            in plan: inout LoadPlan
        ) throws(BootImageError) -> UInt64 {
            let start = try align(purpose, to: alignment)
            let size = content.size
            guard size <= limit - start else {
                throw .noRoom(purpose, size: size, address: start, limit: limit)
            }
            try plan.place(purpose, at: start, size: size, content)
            address = start + size
            return start
        }
    }
}

extension KernelEnvironment {
    /// The boot flags that the environment asks for. "no", in any case, is off.
    /// Source: FreeBSD stand/common/boot.c and sys/kern/subr_boot.c, boot_env_to_howto.
    package var howTo: UInt32 {
        let flags: [(String, UInt32)] = [
            ("boot_serial", KernelMetadata.rebootSerial), ("boot_multicons", KernelMetadata.rebootMultiple),
            ("boot_single", KernelMetadata.rebootSingle), ("boot_verbose", KernelMetadata.rebootVerbose),
        ]
        return flags.reduce(0) { result, flag in
            guard let value = self[flag.0], value.lowercased() != "no" else { return result }
            return result | flag.1
        }
    }
}
