/// The fields of virtio-pci's common configuration structure, by the specification's names, with their offsets.
///
/// Source: virtio 1.2 §4.1.4.3, struct virtio_pci_common_cfg.
enum VirtioPCIRegister: UInt64, CaseIterable, Sendable {
    /// RW, 32 bits.
    case device_feature_select = 0x00
    /// RO, 32 bits.
    case device_feature = 0x04
    /// RW, 32 bits.
    case driver_feature_select = 0x08
    /// RW, 32 bits.
    case driver_feature = 0x0C
    /// RW, 16 bits.
    case config_msix_vector = 0x10
    /// RO, 16 bits.
    case num_queues = 0x12
    /// RW, 8 bits.
    case device_status = 0x14
    /// RO, 8 bits.
    case config_generation = 0x15
    /// RW, 16 bits.
    case queue_select = 0x16
    /// RW, 16 bits. 0: no such queue.
    case queue_size = 0x18
    /// RW, 16 bits.
    case queue_msix_vector = 0x1A
    /// RW, 16 bits; only 1 may be written.
    case queue_enable = 0x1C
    /// RO, 16 bits.
    case queue_notify_off = 0x1E
    /// RW, 64 bits, in two halves.
    case queue_desc = 0x20
    case queue_desc_high = 0x24
    case queue_driver = 0x28
    case queue_driver_high = 0x2C
    case queue_device = 0x30
    case queue_device_high = 0x34
    /// RO, 16 bits: with VIRTIO_F_NOTIF_CONFIG_DATA, which is not offered.
    case queue_notify_data = 0x38
    /// RW, 16 bits: with VIRTIO_F_RING_RESET.
    case queue_reset = 0x3A

    /// Bytes.
    var size: Int {
        switch self {
        case .device_feature_select, .device_feature, .driver_feature_select, .driver_feature, .queue_desc,
            .queue_desc_high, .queue_driver, .queue_driver_high, .queue_device, .queue_device_high:
            4
        case .config_msix_vector, .num_queues, .queue_select, .queue_size, .queue_msix_vector, .queue_enable,
            .queue_notify_off, .queue_notify_data, .queue_reset:
            2
        case .device_status, .config_generation: 1
        }
    }
}

/// Where the structures are in the region of a virtio-pci function: each has a page.
///
/// Source: virtio 1.2 §4.1.4, struct virtio_pci_cap.
enum VirtioPCILayout {
    /// The number of the base address register.
    static let region = 0
    static let size: UInt64 = 0x4000

    enum Structure: UInt8, CaseIterable, Sendable {
        case common = 1
        case notifications = 2
        case interruptStatus = 3
        case device = 4

        var offset: UInt64 {
            switch self {
            case .common: 0x0000
            case .interruptStatus: 0x1000
            case .device: 0x2000
            case .notifications: 0x3000
            }
        }

        var length: UInt64 {
            switch self {
            case .common: 0x3C
            case .interruptStatus: 1
            case .device, .notifications: 0x1000
            }
        }
    }

    /// VIRTIO_PCI_CAP_PCI_CFG.
    static let windowType: UInt8 = 5
    /// Bytes from one queue's notification address to the next: room for notifications of 32 bits.
    static let notifyMultiplier: UInt64 = 4
    /// As many have a notification address.
    static let maximumQueues = Int(Structure.notifications.length / notifyMultiplier)
}
