internal import Boot
internal import GuestABI
internal import VMMCore

extension X86PlanBuilder {
    /// A bzImage. Unpacked here, its vmlinux is entered at once; one that swvmm cannot unpack is loaded as it is, and unpacks itself.
    ///
    /// Source: Linux Documentation/arch/x86/boot.rst, "64-bit Boot Protocol" and "Loading The Rest of The Kernel".
    mutating func linuxPlan() throws(BootImageError) -> X86BootPlan {
        guard let setup = image.linuxSetup else { throw .noLoadableSegments }
        let entry =
            if case .linuxBzImage = image.format { try placePackedKernel(setup) } else {
                try placeKernel(try image.elf(for: .x86_64))
            }
        let initrd = try placeInitrdAtTop(
            limit: min(UInt64(setup.initrdAddressMax) + 1, X86MemoryMap.holeStart))
        let commandLine = try placeCommandLine(
            linuxCommandLine, limit: min(Int(setup.commandLineSize), BootConfiguration.maximumCommandLine))
        var parameters = LinuxBootParameters(
            setup: setup.bytes, commandLine: commandLine.start, commandLineSize: commandLine.size, initrd: initrd,
            memoryMap: memoryMap, rootPointer: X86MemoryMap.firmwareTables)
        if let seed = configuration.randomSeed {
            let element = LinuxBootParameters.seedElement(seed)
            try plan.place(.setupData, at: LowMemory.setupData, size: PageAlignment.size, .bytes(element))
            parameters.setupData = LowMemory.setupData
        }
        try placeBootParameters(parameters)
        return try finish(
            .linux64, DirectEntry64.linuxRegisters(entry: entry, bootParameters: LowMemory.startInfo), nil)
    }

    mutating func placeBootParameters(_ parameters: LinuxBootParameters) throws(BootImageError) {
        try plan.place(.bootParameters, at: LowMemory.startInfo, parameters.encode())
    }

    /// The protected-mode kernel where it wants to be, with the memory behind it that it unpacks itself to.
    private mutating func placePackedKernel(_ setup: LinuxSetupHeader) throws(BootImageError) -> UInt64 {
        let (start, size) = (setup.preferredAddress, UInt64(setup.initSize))
        guard start.isMultiple(of: PageAlignment.size), start < DirectEntry64.mappedSize,
            size <= DirectEntry64.mappedSize - start
        else { throw .badSetupField(.pref_address, offset: 0x258, value: start) }
        guard let kernel = image.contents.range(at: setup.kernelOffset, count: setup.systemSize) else {
            throw .truncatedKernel(needed: setup.kernelOffset + setup.systemSize, size: image.contents.count)
        }
        try placeLongMode()
        try plan.place(.kernel, at: start, size: size, .image(kernel))
        return start + LinuxSetupHeader.entryOffset
    }

    /// The user's command line, with the console where it names none. Devices are told by ACPI, or here where that is off.
    var linuxCommandLine: String {
        let wanted = LinuxCommandLine(configuration.commandLine)
        let hasACPI = !wanted.values(of: "acpi").contains("off")
        let line = hasACPI ? configuration.commandLine : configuration.devices.commandLine(configuration.commandLine)
        guard let console = configuration.linuxConsole, !wanted.contains("console") else { return line }
        return LinuxCommandLine.adding("console=\(console)", to: line)
    }
}

extension X86Boot {
    /// Has Linux print to COM1 before its drivers are there. Source: Linux Documentation/admin-guide/kernel-parameters.txt, earlycon.
    package static let earlyConsole = "earlycon=uart8250,io,0x\(String(PCPlatform.com1Port, radix: 16)),115200"
}
