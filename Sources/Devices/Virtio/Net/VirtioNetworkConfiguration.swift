internal import NetworkFrames
internal import VMMCore

/// The network device's configuration space.
///
/// Source: virtio 1.2 §5.1.4, struct virtio_net_config.
struct VirtioNetworkConfiguration {
    /// VIRTIO_NET_S_LINK_UP, VIRTIO_NET_S_ANNOUNCE.
    static let linkUp: UInt16 = 1
    static let announce: UInt16 = 2
    /// In Mbit/s. There is none in truth; guests show it, and weigh links by it.
    static let speed: UInt32 = 10_000
    static let fullDuplex: UInt8 = 1

    var address: EthernetAddress
    var status: UInt16
    var pairs: UInt16
    var mtu: UInt16

    func read(at offset: UInt32, width: AccessWidth) -> UInt32 {
        var value: UInt32 = 0
        for index in 0..<UInt64(min(width.bytes, 4)) {
            value |= UInt32(byte(at: UInt64(offset) + index)) << (index * 8)
        }
        return value
    }

    private func byte(at offset: UInt64) -> UInt8 {
        switch offset {
        case 0...5: UInt8(truncatingIfNeeded: address.rawValue >> (40 - 8 * offset))
        case 6, 7: UInt8(truncatingIfNeeded: status >> UInt16(8 * (offset - 6)))
        case 8, 9: UInt8(truncatingIfNeeded: pairs >> UInt16(8 * (offset - 8)))
        case 10, 11: UInt8(truncatingIfNeeded: mtu >> UInt16(8 * (offset - 10)))
        case 12...15: UInt8(truncatingIfNeeded: Self.speed >> (8 * (offset - 12)))
        case 16: Self.fullDuplex
        default: 0
        }
    }
}
