internal import Boot
internal import GuestABI

/// The places that a machine has for virtio devices, and how a guest is told which of them are taken.
struct VirtioPlaces: Sendable {
    private let architecture: MachineConfiguration.Architecture

    init(_ architecture: MachineConfiguration.Architecture) { self.architecture = architecture }

    var count: Int {
        switch architecture {
        case .x86_64: PCPlatform.virtioMMIOWindows
        case .arm64: VirtPlatform.virtioMMIOWindows
        }
    }

    /// The window of device `index`, below `count`.
    func window(_ index: Int) -> DeviceAnnouncement.Window {
        switch architecture {
        case .x86_64:
            .init(
                address: PCPlatform.virtioMMIOAddress + UInt64(index) * PCPlatform.virtioMMIOStride,
                size: PCPlatform.virtioMMIOStride,
                interrupt: PCPlatform.virtioMMIOFirstInput + UInt32(index) % PCPlatform.virtioMMIOInputs)
        case .arm64:
            .init(
                address: VirtPlatform.virtioMMIOAddress + UInt64(index) * VirtPlatform.virtioMMIOStride,
                size: VirtPlatform.virtioMMIOStride, interrupt: VirtPlatform.virtioMMIOFirstSPI + UInt32(index))
        }
    }

    /// What a guest is told of the first `count` places.
    func announcement(of count: Int) -> DeviceAnnouncement { .init(windows: (0..<count).map(window)) }
}
