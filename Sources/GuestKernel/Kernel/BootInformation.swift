import CSupport

/// What the kernel was told when it was entered, whichever way: made by the architecture's `readBootInformation`.
struct BootInformation {
    /// How it came.
    enum Source {
        case kernelMetadata, startInfo, deviceTree, nothing

        var name: StaticString {
            switch self {
            case .kernelMetadata: "kernel metadata"
            case .startInfo: "PVH"
            case .deviceTree: "device tree"
            case .nothing: "no loader"
            }
        }
    }

    var source = Source.nothing
    /// Usable memory, the kernel's own included.
    var memory = BootMemoryMap()
    var environment = KernelEnvironment(memory: Self.lowMemory, address: nil)
    var commandLine: MemoryText<LiveMemory>?
    /// First byte after what the loader placed behind the kernel.
    var kernelEnd = kernel_end_address()
    /// From the device tree: MPIDRs of the CPUs.
    var cpus = InlineArray<64, UInt64>(repeating: 0)
    var cpuCount = 1
    /// Where the device tree is, when there is one.
    var deviceTree: PhysicalRange?
    /// PSCI by SMC rather than HVC.
    var firmwareBySMC = false
    /// The counter at the first instruction.
    var entryCounter: UInt64 = 0

    /// What is mapped when the kernel is entered: the first 4 GiB.
    static var lowMemory: LiveMemory {
        // SAFETY: both architectures' boot maps cover it; what has no memory behind reads as whatever the machine gives.
        unsafe LiveMemory(from: 0x1000, to: 1 << 32)
    }

    /// Value of a parameter: from the environment, else from a `name=value` word of the command line.
    func parameter(_ name: StaticString) -> MemoryText<LiveMemory>? {
        for entry in environment where entry.name.matches(name) { return entry.value }
        var found: MemoryText<LiveMemory>?
        forEachCommandLineParameter { word, value in
            if found == nil, word.matches(name) { found = value }
        }
        return found
    }

    /// Calls `body` for each `name=value` word of the command line.
    func forEachCommandLineParameter(_ body: (MemoryText<LiveMemory>, MemoryText<LiveMemory>) -> Void) {
        guard let line = commandLine else { return }
        var start = 0
        while start < line.count {
            var end = start
            var separator: Int?
            while end < line.count, line[end] != 0x20 {
                if separator == nil, line[end] == 0x3D { separator = end }
                end += 1
            }
            if let separator, separator > start {
                let at = line.address
                body(
                    MemoryText(memory: line.memory, address: at + UInt64(start), count: separator - start),
                    MemoryText(memory: line.memory, address: at + UInt64(separator + 1), count: end - separator - 1))
            }
            start = end + 1
        }
    }
}

extension MemoryText {
    /// True when the bytes are those of `text`.
    func matches(_ text: StaticString) -> Bool {
        guard text.utf8CodeUnitCount == count else { return false }
        for index in 0..<count {
            // SAFETY: below the count of the literal's bytes.
            guard unsafe self[index] == text.utf8Start[index] else { return false }
        }
        return true
    }
}
