/// Feature bits that belong to no device type. Device types use bits 0 to 23 and 50 to 127.
///
/// Source: virtio 1.2 §6.
package struct VirtioFeatures: OptionSet, Hashable, Sendable {
    package let rawValue: UInt64
    package init(rawValue: UInt64) { self.rawValue = rawValue }

    package static let indirectDescriptors = VirtioFeatures(rawValue: 1 << 28)
    package static let eventIndex = VirtioFeatures(rawValue: 1 << 29)
    /// Not a legacy driver.
    package static let version1 = VirtioFeatures(rawValue: 1 << 32)
    /// Packed rings instead of split ones.
    package static let packedRing = VirtioFeatures(rawValue: 1 << 34)
    /// A queue can be reset alone.
    package static let ringReset = VirtioFeatures(rawValue: 1 << 40)

    /// What queues and transports of this room offer with every device.
    package static let common: VirtioFeatures = [.indirectDescriptors, .eventIndex, .version1, .ringReset]
}

/// Which kinds of virtqueues a driver is offered.
package enum VirtioRings: String, CaseIterable, Hashable, Sendable {
    case split
    /// Packed ones, and split ones for a driver that does not know those.
    case packed

    var features: VirtioFeatures { self == .packed ? .packedRing : [] }
}
