internal import NetworkFrames
internal import VMMCore

/// Which frames a driver gets, and in which queue: the filter by destination, the offloads that it can do, and flows.
///
/// Flows are steered by the transmit queue that they used last. Each has a place in a table by its hash; two flows in one place
/// share a queue, whichever sent last, which costs nothing but balance.
/// Source: virtio 1.2 §5.1.6.4.1, §5.1.6.5.1, §5.1.6.5.2, §5.1.6.5.5.
struct NetworkReception {
    enum Route: Hashable {
        case pair(Int, OffloadHeader)
        /// Not meant for the driver.
        case filtered
        /// It must not have it: damaged, too large, or with work left that was not agreed on.
        case unfit
    }

    /// Addresses that a table takes: more of them mean all.
    static let tableLimit = 64
    /// Places of flows, a power of two.
    private static let flowCount = 256

    /// The interface's own.
    private(set) var address: EthernetAddress
    private let ownAddress: EthernetAddress
    private(set) var offloads: NetworkOffloads = []
    private var mtu: Int?
    /// Pairs of queues in use.
    private(set) var pairs = 1
    /// Frames that the driver must not have, of all its lives.
    private(set) var drops: UInt64 = 0
    private var flows = [UInt8](repeating: 0, count: NetworkReception.flowCount)

    private var isPromiscuous = true
    private var takesAllUnicast = false
    private var takesAllMulticast = false
    private var refusesUnicast = false
    private var refusesMulticast = false
    private var refusesBroadcast = false
    /// Nil: too many to know them.
    private var unicast: [EthernetAddress]? = []
    private var multicast: [EthernetAddress]? = []

    init(address: EthernetAddress) {
        self.address = address
        ownAddress = address
    }

    /// - Parameter features: what was agreed on. A driver that cannot set the filter gets all.
    mutating func activate(_ features: UInt64, mtu: UInt16) {
        reset()
        offloads = NetworkFeatures.receiveOffloads(features)
        self.mtu = features & NetworkFeatures.mtu != 0 ? Int(mtu) : nil
        isPromiscuous = features & NetworkFeatures.controlReceive == 0
    }

    mutating func reset() {
        let drops = drops
        self = NetworkReception(address: ownAddress)
        self.drops = drops
    }

    // MARK: Frames

    /// Where the frame `bytes[range]`, header first, goes.
    mutating func route(_ bytes: [UInt8], _ range: Range<Int>) -> Route {
        let route = look(bytes, range)
        if route == .unfit { drops &+= 1 }
        return route
    }

    private func look(_ bytes: [UInt8], _ range: Range<Int>) -> Route {
        guard range.count >= NetworkFrame.headerSize, range.count <= NetworkFrame.maximumSize else { return .unfit }
        let frame = range.lowerBound + NetworkFrame.headerSize..<range.upperBound
        guard let linkSize = FrameLayout.linkHeaderSize(bytes, frame),
            var header = try? OffloadHeader(bytes, at: range.lowerBound, frameLength: frame.count)
        else { return .unfit }
        guard accepts(EthernetAddress(bytes, at: frame.lowerBound)) else { return .filtered }
        guard offloads.allow(header) else { return .unfit }
        // §5.1.4.1: nothing beyond the MTU but what is segmented.
        if header.segmentation == nil, let mtu, frame.count - linkSize > mtu { return .unfit }
        if !offloads.contains(.checksum) { header.isVerified = false }
        guard pairs > 1, let layout = FrameLayout(bytes, frame) else { return .pair(0, header) }
        return .pair(Int(flows[place(layout.flowHash(bytes))]), header)
    }

    private func accepts(_ destination: EthernetAddress) -> Bool {
        if isPromiscuous { return true }
        if destination == .broadcast { return !refusesBroadcast }
        if destination.isGroup {
            return !refusesMulticast && (takesAllMulticast || multicast?.contains(destination) ?? true)
        }
        guard !refusesUnicast else { return false }
        return destination == address || takesAllUnicast || unicast?.contains(destination) ?? true
    }

    // MARK: Flows

    private func place(_ flow: UInt32) -> Int { Int(flow) & (Self.flowCount - 1) }

    /// The driver sent a frame of `flow` by the transmit queue of `pair`.
    mutating func learn(_ flow: UInt32, pair: Int) {
        guard pair < pairs else { return }
        flows[place(flow)] = UInt8(truncatingIfNeeded: pair)
    }

    /// - Parameter count: 1 to 256. Flows that nobody has sent anything of are spread.
    mutating func usePairs(_ count: Int) {
        pairs = count
        for index in flows.indices { flows[index] = UInt8(truncatingIfNeeded: index % count) }
    }

    // MARK: What the driver wants

    mutating func setOffloads(_ new: NetworkOffloads) { offloads = new }

    mutating func setAddress(_ new: EthernetAddress) { address = new }

    mutating func set(_ mode: NetworkCommand.ReceiveMode, _ isOn: Bool) {
        switch mode {
        case .promiscuous: isPromiscuous = isOn
        case .allMulticast: takesAllMulticast = isOn
        case .allUnicast: takesAllUnicast = isOn
        case .noMulticast: refusesMulticast = isOn
        case .noUnicast: refusesUnicast = isOn
        case .noBroadcast: refusesBroadcast = isOn
        }
    }

    /// Nil: too many.
    mutating func setTables(unicast: [EthernetAddress]?, multicast: [EthernetAddress]?) {
        self.unicast = unicast
        self.multicast = multicast
    }
}
