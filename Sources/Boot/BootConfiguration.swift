package import FlattenedDeviceTree
internal import GuestABI
package import VMMCore

/// The console that a guest is told to use.
package enum ConsoleChoice: String, CaseIterable, Sendable {
    case bvm
    case serial
}

/// Where a binary without a header goes.
package struct RawLoad: Hashable, Sendable {
    package var address: UInt64
    /// The first instruction: at `address`, unless it says otherwise.
    package var entry: UInt64

    package init(address: UInt64, entry: UInt64? = nil) {
        self.address = address
        self.entry = entry ?? address
    }
}

/// What comes with the image: the same for both architectures.
package struct BootConfiguration: Sendable {
    /// RAM in bytes, a multiple of 4 KiB.
    package var memorySize: UInt64
    package var topology = CPUTopology(count: 1)
    /// The number of CPUs. Set, it makes them cores of one socket.
    package var cpuCount: Int {
        get { topology.count }
        set { topology = CPUTopology(count: newValue) }
    }
    package var commandLine = ""
    /// The user's settings; they win over swvmm's.
    package var environment = KernelEnvironment()
    /// What the machine says of its devices.
    package var devices = DeviceAnnouncement()
    package var initrd: ImageBytes?
    /// A disk image that the guest gets in memory. Only FreeBSD's metadata can announce one.
    package var disk: ImageBytes?
    /// TSC or generic timer frequency in Hz, when it is known.
    package var counterFrequency: UInt64?
    package var console = ConsoleChoice.bvm
    /// What Linux calls the console; it is told so where neither a device tree nor the user says which one it is to use.
    package var linuxConsole: String?
    /// For the random numbers of a guest that takes a seed; nil: it gets none.
    package var randomSeed: [UInt8]?
    /// What the machine says it is, by SMBIOS.
    package var identity = SMBIOSIdentity()
    /// Where the user wants a raw binary; nil: the image tells.
    package var raw: RawLoad?
    /// The user's own device tree, instead of the machine's.
    package var deviceTree: FlattenedDeviceTree?

    package init(memorySize: UInt64) { self.memorySize = memorySize }

    /// Bytes, without the closing NUL. One page holds it; Linux takes 2047, FreeBSD's kernels less.
    package static let maximumCommandLine = 4095
    /// As many as 8-bit APIC IDs tell apart: 255 means all of them. Source: Intel SDM vol. 3A §11.6.1.
    package static let maximumCPUs = 255

    /// Presets of bhyveload, then swvmm's, then the user's: later ones win.
    package func fullEnvironment() throws(BootImageError) -> KernelEnvironment {
        do throws(KernelEnvironmentError) {
            var full = KernelEnvironment.bhyvePresets
            try full.set(EnvironmentName.console, to: console.rawValue)
            try full.set(EnvironmentName.cpus, to: String(cpuCount))
            if let counterFrequency { try full.set(EnvironmentName.counterFrequency, to: String(counterFrequency)) }
            for setting in devices.settings { try full.set(setting.name, to: setting.value) }
            try full.merge(environment)
            return full
        } catch {
            throw .environment(error)
        }
    }

    /// Checks what does not depend on the image.
    package func validate() throws(BootImageError) {
        guard (1...Self.maximumCPUs).contains(cpuCount) else { throw .badCPUCount(cpuCount) }
        guard commandLine.utf8.count <= Self.maximumCommandLine else {
            throw .commandLineTooLong(length: commandLine.utf8.count, limit: Self.maximumCommandLine)
        }
        guard !commandLine.utf8.contains(0) else { throw .commandLineHasNUL }
    }
}
