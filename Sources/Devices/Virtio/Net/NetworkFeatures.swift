internal import NetworkFrames
internal import VMMCore

/// The network device's feature bits.
///
/// Source: virtio 1.2 §5.1.3; virtio 1.3 §5.1.3 for VIRTIO_NET_F_CTRL_RX_EXTRA and GUEST_USO4, GUEST_USO6.
enum NetworkFeatures {
    /// VIRTIO_NET_F_CSUM.
    static let checksum: UInt64 = 1 << 0
    /// VIRTIO_NET_F_GUEST_CSUM.
    static let guestChecksum: UInt64 = 1 << 1
    /// VIRTIO_NET_F_CTRL_GUEST_OFFLOADS.
    static let controlGuestOffloads: UInt64 = 1 << 2
    /// VIRTIO_NET_F_MTU.
    static let mtu: UInt64 = 1 << 3
    /// VIRTIO_NET_F_MAC.
    static let address: UInt64 = 1 << 5
    /// VIRTIO_NET_F_GUEST_TSO4, TSO6, ECN.
    static let guestTCP4: UInt64 = 1 << 7
    static let guestTCP6: UInt64 = 1 << 8
    static let guestECN: UInt64 = 1 << 9
    /// VIRTIO_NET_F_HOST_TSO4, TSO6, ECN.
    static let hostTCP4: UInt64 = 1 << 11
    static let hostTCP6: UInt64 = 1 << 12
    static let hostECN: UInt64 = 1 << 13
    /// VIRTIO_NET_F_MRG_RXBUF.
    static let mergeableBuffers: UInt64 = 1 << 15
    /// VIRTIO_NET_F_STATUS.
    static let status: UInt64 = 1 << 16
    /// VIRTIO_NET_F_CTRL_VQ.
    static let controlQueue: UInt64 = 1 << 17
    /// VIRTIO_NET_F_CTRL_RX, CTRL_RX_EXTRA.
    static let controlReceive: UInt64 = 1 << 18
    static let controlReceiveExtra: UInt64 = 1 << 20
    /// VIRTIO_NET_F_GUEST_ANNOUNCE.
    static let announce: UInt64 = 1 << 21
    /// VIRTIO_NET_F_MQ.
    static let multiQueue: UInt64 = 1 << 22
    /// VIRTIO_NET_F_CTRL_MAC_ADDR.
    static let controlAddress: UInt64 = 1 << 23
    /// VIRTIO_NET_F_GUEST_USO4, USO6.
    static let guestUDP4: UInt64 = 1 << 54
    static let guestUDP6: UInt64 = 1 << 55
    /// VIRTIO_NET_F_HOST_USO.
    static let hostUDP: UInt64 = 1 << 56
    /// VIRTIO_NET_F_SPEED_DUPLEX.
    static let speedDuplex: UInt64 = 1 << 63

    /// What a device offers whose network is like `network`: its offloads, and what the device does by itself.
    static func offered(_ network: NetworkProperties, pairs: Int) -> UInt64 {
        var features = mtu | address | mergeableBuffers | status | speedDuplex
        features |= controlQueue | controlReceive | controlReceiveExtra | announce | controlAddress
        if pairs > 1 { features |= multiQueue }
        let transmit = network.transmitOffloads
        if transmit.contains(.checksum) {
            features |= checksum
            if transmit.contains(.tcp4) { features |= hostTCP4 }
            if transmit.contains(.tcp6) { features |= hostTCP6 }
            if transmit.contains(.udp) { features |= hostUDP }
            if transmit.contains(.ecn), features & (hostTCP4 | hostTCP6) != 0 { features |= hostECN }
        }
        let receive = network.receiveOffloads
        if receive.contains(.checksum) {
            features |= guestChecksum | controlGuestOffloads
            if receive.contains(.tcp4) { features |= guestTCP4 }
            if receive.contains(.tcp6) { features |= guestTCP6 }
            if receive.contains(.udp) { features |= guestUDP4 | guestUDP6 }
            if receive.contains(.ecn), features & (guestTCP4 | guestTCP6) != 0 { features |= guestECN }
        }
        return features
    }

    /// What each of them needs at least one of. Source: virtio 1.2 §5.1.3.1; virtio 1.3 §5.1.3.1.
    static let requirements: [VirtioFeatureRequirement] = [
        VirtioFeatureRequirement(guestTCP4 | guestTCP6 | guestUDP4 | guestUDP6, needs: guestChecksum),
        VirtioFeatureRequirement(guestECN, needs: guestTCP4 | guestTCP6),
        VirtioFeatureRequirement(hostTCP4 | hostTCP6 | hostUDP, needs: checksum),
        VirtioFeatureRequirement(hostECN, needs: hostTCP4 | hostTCP6),
        VirtioFeatureRequirement(
            controlReceive | controlReceiveExtra | announce | multiQueue | controlAddress, needs: controlQueue),
    ]

    /// What a driver may leave to the device.
    static func transmitOffloads(_ agreed: UInt64) -> NetworkOffloads {
        var offloads: NetworkOffloads = []
        if agreed & checksum != 0 { offloads.insert(.checksum) }
        if agreed & hostTCP4 != 0 { offloads.insert(.tcp4) }
        if agreed & hostTCP6 != 0 { offloads.insert(.tcp6) }
        if agreed & hostUDP != 0 { offloads.insert(.udp) }
        if agreed & hostECN != 0 { offloads.insert(.ecn) }
        return offloads
    }

    /// The bits that VIRTIO_NET_CTRL_GUEST_OFFLOADS_SET can set.
    static let guestOffloads = guestChecksum | guestTCP4 | guestTCP6 | guestECN | guestUDP4 | guestUDP6

    /// What may be left to a driver.
    static func receiveOffloads(_ agreed: UInt64) -> NetworkOffloads {
        var offloads: NetworkOffloads = []
        if agreed & guestChecksum != 0 { offloads.insert(.checksum) }
        if agreed & guestTCP4 != 0 { offloads.insert(.tcp4) }
        if agreed & guestTCP6 != 0 { offloads.insert(.tcp6) }
        // One word for both: a driver that can do one of them only gets neither.
        if agreed & guestUDP4 != 0, agreed & guestUDP6 != 0 { offloads.insert(.udp) }
        if agreed & guestECN != 0 { offloads.insert(.ecn) }
        return offloads
    }
}

extension NetworkOffloads {
    /// They cover all that `header` asks for.
    func allow(_ header: OffloadHeader) -> Bool {
        if header.checksum != nil, !contains(.checksum) { return false }
        guard let segmentation = header.segmentation else { return true }
        if segmentation.hasCWR, !contains(.ecn) { return false }
        switch segmentation.kind {
        case .tcp4: return contains(.tcp4)
        case .tcp6: return contains(.tcp6)
        case .udp: return contains(.udp)
        }
    }
}
