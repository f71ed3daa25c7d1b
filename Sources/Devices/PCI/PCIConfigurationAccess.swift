package import VMMCore

/// The configuration space of a machine's buses in memory (ECAM): 4 KiB a function.
///
/// Functions that are not there read as ones and ignore writes, and so does what is behind the 256 bytes of one that is: these
/// are no PCI Express functions. Accesses are byte-granular; 64-bit ones are two of 32.
/// Threading: any thread.
/// Source: PCI Express Base 5.0 §7.2.2; PCI Local Bus 3.0 §6.1.
package final class PCIConfigurationAccess: MMIODevice {
    package let windowSize: UInt64
    /// By slot, of bus 0; each has function 0 only.
    private let functions: [PCIFunction?]

    private static let functionSize: UInt64 = 4096

    /// The host bridge that guests know from QEMU's machines; nobody needs a driver for it.
    private static let hostBridge = PCIIdentity(vendorID: 0x1B36, deviceID: 0x0008, classCode: 0x06_0000)

    init(_ endpoints: [PCIFunction], busCount: Int) {
        windowSize = UInt64(busCount) << 20
        var functions: [PCIFunction?] = Array(repeating: nil, count: PCIAddress.slotsPerBus)
        functions[0] = PCIFunction(Self.hostBridge, address: PCIAddress(slot: 0))
        for endpoint in endpoints { functions[Int(endpoint.address.slot)] = endpoint }
        self.functions = functions
    }

    /// The function whose 4 KiB hold `offset`, and the offset in them.
    private func function(at offset: UInt64) -> (PCIFunction, Int)? {
        let number = offset / Self.functionSize
        // Bits 7:3 the slot, 2:0 the function; above them the bus.
        let slot = number >> 3
        guard number & 7 == 0, slot < UInt64(functions.count), let function = functions[Int(slot)] else { return nil }
        let place = Int(offset % Self.functionSize)
        return place < ConfigurationSpace.size ? (function, place) : nil
    }

    package func read(at offset: UInt64, width: AccessWidth) -> UInt64 {
        guard let (function, place) = function(at: offset) else { return width.mask }
        guard width == .doubleword else { return UInt64(function.read(at: place, count: width.bytes)) }
        return UInt64(function.read(at: place, count: 4)) | UInt64(function.read(at: place + 4, count: 4)) << 32
    }

    package func write(_ value: UInt64, at offset: UInt64, width: AccessWidth) {
        guard let (function, place) = function(at: offset) else { return }
        function.write(UInt32(truncatingIfNeeded: value), at: place, count: min(width.bytes, 4))
        guard width == .doubleword else { return }
        function.write(UInt32(truncatingIfNeeded: value >> 32), at: place + 4, count: 4)
    }
}
