/// The registers of virtio-mmio version 2, by the specification's names. All are 32 bits wide.
///
/// Source: virtio 1.2 §4.2.2, table 4.1.
enum VirtioMMIORegister: UInt64, CaseIterable, Sendable {
    /// RO: "virt", little-endian.
    case MagicValue = 0x000
    /// RO: 2; 1 is the legacy interface.
    case Version = 0x004
    /// RO.
    case DeviceID = 0x008
    /// RO.
    case VendorID = 0x00C
    /// RO: 32 of the offered feature bits.
    case DeviceFeatures = 0x010
    /// WO.
    case DeviceFeaturesSel = 0x014
    /// WO: 32 of the accepted feature bits.
    case DriverFeatures = 0x020
    /// WO.
    case DriverFeaturesSel = 0x024
    /// WO.
    case QueueSel = 0x030
    /// RO: 0 when there is no such queue.
    case QueueNumMax = 0x034
    /// WO.
    case QueueNum = 0x038
    /// RW.
    case QueueReady = 0x044
    /// WO: a queue's index.
    case QueueNotify = 0x050
    /// RO: bit 0 used buffer, bit 1 configuration change.
    case InterruptStatus = 0x060
    /// WO.
    case InterruptACK = 0x064
    /// RW.
    case Status = 0x070
    /// WO.
    case QueueDescLow = 0x080
    case QueueDescHigh = 0x084
    case QueueDriverLow = 0x090
    case QueueDriverHigh = 0x094
    case QueueDeviceLow = 0x0A0
    case QueueDeviceHigh = 0x0A4
    /// WO.
    case SHMSel = 0x0AC
    /// RO: all ones, there are no shared memory regions.
    case SHMLenLow = 0x0B0
    case SHMLenHigh = 0x0B4
    case SHMBaseLow = 0x0B8
    case SHMBaseHigh = 0x0BC
    /// RW: with VIRTIO_F_RING_RESET.
    case QueueReset = 0x0C0
    /// RO.
    case ConfigGeneration = 0x0FC

    /// The device's configuration space, from here to the end of the window.
    static let configuration: UInt64 = 0x100
    static let windowSize: UInt64 = 0x200

    static let magic: UInt32 = 0x7472_6976
    static let version: UInt32 = 2
    /// "swvm", little-endian. Linux shows it in /sys, and nobody decides by it.
    static let vendor: UInt32 = 0x6D76_7773
}
