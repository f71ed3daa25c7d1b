internal import VMMCore

/// The console's features and configuration space.
///
/// Source: virtio 1.2 §5.3.3, §5.3.4, struct virtio_console_config.
enum VirtioConsoleConfiguration {
    /// VIRTIO_CONSOLE_F_SIZE: `cols` and `rows` are there.
    static let size: UInt64 = 1 << 0
    /// VIRTIO_CONSOLE_F_MULTIPORT: `max_nr_ports` and the control queues are there.
    static let multiport: UInt64 = 1 << 1
    /// VIRTIO_CONSOLE_F_EMERG_WRITE: `emerg_wr` is there.
    static let emergencyWrite: UInt64 = 1 << 2

    /// le16 cols, le16 rows, le32 max_nr_ports, le32 emerg_wr (write only).
    static let emergencyOffset: UInt32 = 8

    static func read(_ size: ConsoleSize?, portCount: UInt32, at offset: UInt32, width: AccessWidth) -> UInt32 {
        let word: UInt32 =
            switch offset / 4 {
            case 0: size.map { UInt32($0.rows) << 16 | UInt32($0.columns) } ?? 0
            case 1: portCount
            default: 0
            }
        return word >> (offset % 4 * 8) & UInt32(truncatingIfNeeded: width.mask)
    }
}
