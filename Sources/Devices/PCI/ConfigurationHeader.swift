/// Offsets in a type 0 header, by the specification's names.
///
/// Source: PCI Local Bus 3.0 §6.1, figure 6-1.
enum HeaderOffset {
    static let vendorID = 0x00
    static let deviceID = 0x02
    static let command = 0x04
    static let status = 0x06
    static let revisionID = 0x08
    /// Three bytes: programming interface, sub-class, base class.
    static let classCode = 0x09
    static let cacheLineSize = 0x0C
    /// 0: one function, type 0.
    static let headerType = 0x0E
    static let baseAddresses = 0x10
    static let subsystemVendorID = 0x2C
    static let subsystemID = 0x2E
    static let capabilitiesPointer = 0x34
    static let interruptLine = 0x3C
    static let interruptPin = 0x3D
    /// The first capability.
    static let capabilities = 0x40
}

/// Command. 16-bit, RW. Source: PCI Local Bus 3.0 §6.2.2.
struct CommandRegister: RawRepresentable, Sendable {
    var rawValue: UInt16

    /// Bit 1: the function answers at its memory base addresses.
    static let memorySpace: UInt16 = 1 << 1
    /// Bit 2: the function may write memory, and so send interrupt messages.
    static let busMaster: UInt16 = 1 << 2
    /// Bit 10: the function must not assert its pin.
    static let interruptDisable: UInt16 = 1 << 10
    static let writable = memorySpace | busMaster | interruptDisable

    var answersMemory: Bool { rawValue & Self.memorySpace != 0 }
    var isBusMaster: Bool { rawValue & Self.busMaster != 0 }
    var disablesPin: Bool { rawValue & Self.interruptDisable != 0 }
}

/// Status. 16-bit. Source: PCI Local Bus 3.0 §6.2.3.
enum StatusRegister {
    /// Bit 3: the function wants its pin asserted, whether it may or not.
    static let interruptStatus: UInt16 = 1 << 3
    /// Bit 4: there is a list of capabilities.
    static let capabilitiesList: UInt16 = 1 << 4
}

/// What a function tells software of itself.
package struct PCIIdentity: Hashable, Sendable {
    package var vendorID: UInt16
    package var deviceID: UInt16
    package var revision: UInt8
    /// 24 bits: base class, sub-class, programming interface. Source: PCI Code and ID Assignment 1.11 §1.
    package var classCode: UInt32
    package var subsystemVendorID: UInt16
    package var subsystemID: UInt16

    package init(
        vendorID: UInt16, deviceID: UInt16, revision: UInt8 = 0, classCode: UInt32, subsystemVendorID: UInt16 = 0,
        subsystemID: UInt16 = 0
    ) {
        self.vendorID = vendorID
        self.deviceID = deviceID
        self.revision = revision
        self.classCode = classCode
        self.subsystemVendorID = subsystemVendorID
        self.subsystemID = subsystemID
    }
}

/// An entry of the capabilities list.
///
/// Source: PCI Local Bus 3.0 §6.7.
package struct PCICapability: Hashable, Sendable {
    package static let vendorSpecific: UInt8 = 0x09
    static let msiX: UInt8 = 0x11

    package let id: UInt8
    /// From offset 2 of the capability on: behind the pointer to the next one.
    package private(set) var body: [UInt8] = []
    /// The bits of `body` that software can write.
    private(set) var writable: [UInt8] = []

    package init(id: UInt8) { self.id = id }

    /// Adds a little-endian field.
    package mutating func append<Value: FixedWidthInteger & UnsignedInteger>(_ value: Value, writable mask: Value = 0) {
        for byte in 0..<Value.bitWidth / 8 {
            body.append(UInt8(truncatingIfNeeded: value >> (byte * 8)))
            writable.append(UInt8(truncatingIfNeeded: mask >> (byte * 8)))
        }
    }
}
