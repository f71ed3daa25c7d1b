/// What stands before the Ethernet header of each frame that devices and back ends hand each other.
///
/// A back end that says nothing of offloads takes and gives headers of zeros only.
/// Source: virtio 1.2 §5.1.6, struct virtio_net_hdr: u8 flags, u8 gso_type, le16 hdr_len, le16 gso_size, le16 csum_start, le16
/// csum_offset, le16 num_buffers. Linux tap's vnet header of 12 bytes is the same.
package enum NetworkFrame {
    package static let headerSize = 12
    /// Source: IEEE 802.3: destination, source, type.
    package static let ethernetHeaderSize = 14
    /// Header, and an Ethernet frame that is segmented later: at most 64 KiB of IP (virtio 1.2 §5.1.6.3.1).
    package static let maximumSize = headerSize + ethernetHeaderSize + 65536
}

/// What a network's side can finish by itself, so that the other need not.
package struct NetworkOffloads: OptionSet, Hashable, Sendable {
    package let rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    /// TCP and UDP checksums that are only begun.
    package static let checksum = NetworkOffloads(rawValue: 1)
    /// TCP segments larger than the MTU, in IPv4 and IPv6.
    package static let tcp4 = NetworkOffloads(rawValue: 2)
    package static let tcp6 = NetworkOffloads(rawValue: 4)
    /// UDP datagrams to be cut in several.
    package static let udp = NetworkOffloads(rawValue: 8)
    /// Of such TCP segments also those with CWR set: only the first of what becomes of them has it (RFC 3168 §6.1.2).
    package static let ecn = NetworkOffloads(rawValue: 16)
}

/// What a network's host side is like, for as long as it is open.
package struct NetworkProperties: Hashable, Sendable {
    /// The largest IP packet that is not segmented, in bytes: 68 to 65535.
    package var mtu: UInt16
    /// What may be left to the back end.
    package var transmitOffloads: NetworkOffloads
    /// What the back end leaves to a guest that is able to do it. `NetworkBackend.attach` says which.
    package var receiveOffloads: NetworkOffloads

    package init(mtu: UInt16 = 1500, transmitOffloads: NetworkOffloads = [], receiveOffloads: NetworkOffloads = []) {
        self.mtu = mtu
        self.transmitOffloads = transmitOffloads
        self.receiveOffloads = receiveOffloads
    }
}

/// Who is on the guest's side of a network: a device. All calls come on the back end's thread, one at a time, without a lock of
/// the back end held.
package protocol NetworkClient: AnyObject, Sendable {
    /// A frame from the network: `bytes[range]`, header first, at most `NetworkFrame.maximumSize`. False: there is no room. The back
    /// end keeps the frame, and offers it again after `NetworkBackend.resumeReceiving()`, which another thread may call before this
    /// has returned: it counts.
    func receive(_ bytes: [UInt8], _ range: Range<Int>) -> Bool

    /// The frames of this wake-up have all been given: interrupt the driver once for them.
    func receivedAll()

    /// There is room to send again, after a `send` that gave false. It may come before that `send` has returned.
    func canSend()

    func linkChanged(isUp: Bool)
}

/// A network's host side. It outlives its clients: machines of a session come and go.
///
/// Threading: any thread; call it without a lock held that its client's methods take. Frames keep their order.
package protocol NetworkBackend: AnyObject, Sendable {
    var properties: NetworkProperties { get }
    /// Whether there is somebody at the other end. Answered at once: a client asks with locks held. When it changes, its client is
    /// told after.
    var isLinkUp: Bool { get }

    /// Gives frames to `client` from now on, and to nobody before. `offloads`: what it can do of `receiveOffloads`. The client that
    /// is attached changes them by attaching again.
    func attach(_ client: any NetworkClient, offloads: NetworkOffloads)

    /// Gives the client no more frames. When it returns, no call to the client is under way, unless the caller is in one. Frames that come are dropped.
    func detach()

    /// Sends the frame `bytes[range]`, header first. What the host refuses is dropped, as networks do. False: there is no room; the
    /// client sends it again after `canSend()`. The bytes belong to the client again when it returns: a reference kept to them makes
    /// it copy them all.
    func send(_ bytes: [UInt8], _ range: Range<Int>) -> Bool

    /// What was sent may go: the last of several.
    func commit()

    /// The client has room for frames again.
    func resumeReceiving()
}

/// A network's host side that takes frames in several queues, each with room of its own. `NetworkBackend.send` is the first's.
package protocol MultiQueueNetwork: NetworkBackend {
    /// At least one.
    var queueCount: Int { get }

    /// As `send`, in the queue of this number, modulo their count: not negative. `NetworkClient.canSend` is for any of them.
    func send(_ bytes: [UInt8], _ range: Range<Int>, queue: Int) -> Bool
}
