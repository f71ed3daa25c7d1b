internal import Synchronization
package import VMMCore

/// CONFIG_ADDRESS: which register the data port shows. 32-bit, RW.
/// Source: PCI Local Bus 3.0 §3.2.2.3.2.
struct CONFIG_ADDRESS: RawRepresentable {
    var rawValue: UInt32 = 0
    /// Enable, bus, device, function and register; the rest reads zero.
    static let writable: UInt32 = 0x80FF_FFFC
    /// Bit 31.
    var isEnabled: Bool { rawValue[bit: 31] }
    /// Bits 23:2 as an offset in a configuration space in memory: bus, device and function are 4 KiB each there.
    var offset: UInt64 { UInt64(rawValue & 0x00FF_FF00) << 4 | UInt64(rawValue & 0xFC) }
}

/// PCI's configuration mechanism of ports, for guests that do not know the one in memory: the same functions, their first 256 bytes.
///
/// Only a 32-bit access reaches CONFIG_ADDRESS; others at its ports are those of other devices.
/// Threading: any thread; two CPUs that use the ports at once must agree with each other, as on hardware.
/// Source: PCI Local Bus 3.0 §3.2.2.3.2, mechanism #1.
package final class PCIConfigurationPorts: Sendable {
    private let address = Mutex(CONFIG_ADDRESS())
    private let configuration: PCIConfigurationAccess

    package init(_ configuration: PCIConfigurationAccess) { self.configuration = configuration }

    /// Port 0xCF8. Keeps the mechanism alive.
    package var addressPort: any PortDevice { AddressPort(ports: self) }
    /// Ports 0xCFC to 0xCFF. Keeps the mechanism alive.
    package var dataPort: any PortDevice { DataPort(ports: self) }

    /// Where an access to the data port goes; nil: nowhere.
    private func place(of offset: UInt16) -> UInt64? {
        let address = address.withLock { $0 }
        return address.isEnabled ? address.offset + UInt64(offset) : nil
    }

    private final class AddressPort: PortDevice {
        private let ports: PCIConfigurationPorts

        init(ports: PCIConfigurationPorts) { self.ports = ports }

        /// One: the bus gives a device the wider accesses that begin at its port, and 0xCF9 is the reset register's.
        var portCount: UInt16 { 1 }

        func read(at offset: UInt16, width: AccessWidth) -> UInt32 {
            width == .word ? ports.address.withLock { $0.rawValue } : UInt32(truncatingIfNeeded: width.mask)
        }

        func write(_ value: UInt32, at offset: UInt16, width: AccessWidth) {
            guard width == .word else { return }
            ports.address.withLock { $0.rawValue = value & CONFIG_ADDRESS.writable }
        }
    }

    private final class DataPort: PortDevice {
        private let ports: PCIConfigurationPorts

        init(ports: PCIConfigurationPorts) { self.ports = ports }

        var portCount: UInt16 { 4 }

        func read(at offset: UInt16, width: AccessWidth) -> UInt32 {
            guard let place = ports.place(of: offset) else { return UInt32(truncatingIfNeeded: width.mask) }
            return UInt32(truncatingIfNeeded: ports.configuration.read(at: place, width: width))
        }

        func write(_ value: UInt32, at offset: UInt16, width: AccessWidth) {
            guard let place = ports.place(of: offset) else { return }
            ports.configuration.write(UInt64(value), at: place, width: width)
        }
    }
}
