internal import GuestABI

/// The devices that a guest cannot find by itself, for guests without a device tree or firmware tables: in the kernel
/// environment, and on the command line of Linux and OSv.
///
/// Source for the command line: Linux Documentation/admin-guide/kernel-parameters.txt, virtio_mmio.device.
package struct DeviceAnnouncement: Hashable, Sendable {
    /// A virtio-mmio window with a device.
    package struct Window: Hashable, Sendable {
        package var address: UInt64
        package var size: UInt64
        /// The number of an SPI (arm64), of an input of the I/O APIC (x86_64).
        package var interrupt: UInt32

        package init(address: UInt64, size: UInt64, interrupt: UInt32) {
            self.address = address
            self.size = size
            self.interrupt = interrupt
        }
    }

    package var windows: [Window]
    /// The address of the PCI configuration space; nil: no PCI bus.
    package var pciECAM: UInt64?

    package init(windows: [Window] = [], pciECAM: UInt64? = nil) {
        self.windows = windows
        self.pciECAM = pciECAM
    }

    /// Settings of the kernel environment.
    package var settings: [KernelEnvironment.Setting] {
        var settings = windows.enumerated().map { number, window in
            KernelEnvironment.Setting(
                name: "\(EnvironmentName.virtioMMIODevice)\(number)",
                value: "\(Self.text(window.size))@\(Self.text(window.address)):\(window.interrupt)")
        }
        if let pciECAM { settings.append(.init(name: EnvironmentName.pciECAM, value: Self.text(pciECAM))) }
        return settings
    }

    /// `line` with the windows in it: at its end, or before the ` -- ` behind which it is not the kernel's any more.
    package func commandLine(_ line: String) -> String {
        guard !windows.isEmpty else { return line }
        let words = windows.map { "virtio_mmio.device=\($0.size)@\(Self.text($0.address)):\($0.interrupt)" }
        var parts = line.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
        if line.isEmpty { parts = [] }
        parts.insert(contentsOf: words, at: parts.firstIndex(of: "--") ?? parts.endIndex)
        return parts.joined(separator: " ")
    }

    private static func text(_ value: UInt64) -> String { "0x" + String(value, radix: 16) }
}
