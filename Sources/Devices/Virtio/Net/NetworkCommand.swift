internal import NetworkFrames
internal import VMMCore

/// A driver's command to a network device, read once and checked. Pure.
///
/// Source: virtio 1.2 §5.1.6.5, struct virtio_net_ctrl: u8 class, u8 command, the data, u8 ack.
enum NetworkCommand: Hashable {
    /// Class and command.
    static let headerSize = 2
    /// What is read of a command: room for the largest tables, and then some.
    static let sizeLimit = 2048

    /// VIRTIO_NET_OK, VIRTIO_NET_ERR.
    enum Acknowledgement: UInt8 {
        case ok = 0
        case error = 1
    }

    /// VIRTIO_NET_CTRL_RX_PROMISC, ALLMULTI, ALLUNI, NOMULTI, NOUNI, NOBCAST.
    enum ReceiveMode: UInt8, Hashable {
        case promiscuous = 0
        case allMulticast = 1
        case allUnicast = 2
        case noMulticast = 3
        case noUnicast = 4
        case noBroadcast = 5

        var feature: UInt64 {
            switch self {
            case .promiscuous, .allMulticast: NetworkFeatures.controlReceive
            case .allUnicast, .noMulticast, .noUnicast, .noBroadcast: NetworkFeatures.controlReceiveExtra
            }
        }
    }

    case receiveMode(ReceiveMode, Bool)
    /// Nil: more than a table takes.
    case addressTables(unicast: [EthernetAddress]?, multicast: [EthernetAddress]?)
    case address(EthernetAddress)
    case announced
    case queuePairs(UInt16)
    case guestOffloads(UInt64)

    /// Nil: no such command, not agreed on, or data of the wrong size.
    /// - Parameters:
    ///   - bytes: of which `count`, at least `headerSize`, are the command's.
    ///   - isWhole: there was no more.
    ///   - features: what driver and device agreed on.
    init?(_ bytes: [UInt8], count: Int, isWhole: Bool, features: UInt64) {
        let data = Self.headerSize..<count
        func has(_ feature: UInt64) -> Bool { features & feature != 0 }
        switch (bytes[0], bytes[1]) {
        case (0, let number):
            guard let mode = ReceiveMode(rawValue: number), has(mode.feature), isWhole, data.count == 1,
                bytes[data.lowerBound] <= 1
            else { return nil }
            self = .receiveMode(mode, bytes[data.lowerBound] == 1)
        case (1, 0):
            guard has(NetworkFeatures.controlReceive) else { return nil }
            guard let tables = Self.tables(bytes, data, isWhole: isWhole) else { return nil }
            self = tables
        case (1, 1):
            guard has(NetworkFeatures.controlAddress), isWhole, data.count == EthernetAddress.byteCount else {
                return nil
            }
            let address = EthernetAddress(bytes, at: data.lowerBound)
            // §5.1.6.5.2: an interface's address is not a group's.
            guard !address.isGroup else { return nil }
            self = .address(address)
        case (3, 0):
            guard has(NetworkFeatures.announce), isWhole, data.isEmpty else { return nil }
            self = .announced
        case (4, 0):
            guard has(NetworkFeatures.multiQueue), isWhole, data.count == 2 else { return nil }
            self = .queuePairs(UInt16(truncatingIfNeeded: Self.integer(bytes, data.lowerBound, size: 2)))
        case (5, 0):
            guard has(NetworkFeatures.controlGuestOffloads), isWhole, data.count == 8 else { return nil }
            let wanted = Self.integer(bytes, data.lowerBound, size: 8)
            // §5.1.6.5.7: nothing that was not agreed on.
            guard wanted & ~(features & NetworkFeatures.guestOffloads) == 0,
                NetworkFeatures.requirements.allSatisfy({
                    $0.isMet(by: wanted | features & ~NetworkFeatures.guestOffloads)
                })
            else { return nil }
            self = .guestOffloads(wanted)
        default: return nil
        }
    }

    /// Two tables, one behind the other: le32 entries, and as many addresses. A command too long to be read has too many of them.
    private static func tables(_ bytes: [UInt8], _ data: Range<Int>, isWhole: Bool) -> NetworkCommand? {
        guard isWhole else { return .addressTables(unicast: nil, multicast: nil) }
        var position = data.lowerBound
        guard let unicast = table(bytes, &position, data.upperBound),
            let multicast = table(bytes, &position, data.upperBound), position == data.upperBound
        else { return nil }
        return .addressTables(
            unicast: unicast.count > NetworkReception.tableLimit ? nil : unicast,
            multicast: multicast.count > NetworkReception.tableLimit ? nil : multicast)
    }

    private static func table(_ bytes: [UInt8], _ position: inout Int, _ end: Int) -> [EthernetAddress]? {
        guard position + 4 <= end else { return nil }
        let count = Int(integer(bytes, position, size: 4))
        position += 4
        guard count <= (end - position) / EthernetAddress.byteCount else { return nil }
        let first = position
        position += count * EthernetAddress.byteCount
        return (0..<count).map { EthernetAddress(bytes, at: first + $0 * EthernetAddress.byteCount) }
    }

    private static func integer(_ bytes: [UInt8], _ offset: Int, size: Int) -> UInt64 {
        var value: UInt64 = 0
        for index in (offset..<offset + size).reversed() { value = value << 8 | UInt64(bytes[index]) }
        return value
    }
}
