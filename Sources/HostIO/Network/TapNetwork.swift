internal import Glibc
internal import HostBridge
internal import Synchronization
package import VMMCore

/// A network behind a tap device of the host: frames go to its kernel with their offloads, and come with those that the guest takes.
///
/// Threading: any thread. Frames of the client leave on its own thread at once; those for it come on the loop's. Nothing is allocated
/// for a frame. Errors: what the kernel refuses is dropped, as when the interface is down.
/// Source: Linux Documentation/networking/tuntap.rst.
package final class TapNetwork: NetworkBackend {
    /// How many frames are read before other descriptors get their turn.
    private static let readsPerTurn = 64

    private struct Input {
        var bytes = [UInt8](repeating: 0, count: NetworkFrame.maximumSize)
        /// A frame that the client had no room for: so many bytes of it.
        var kept = 0
    }

    package let properties: NetworkProperties
    /// The device can be opened again, for another queue of it.
    let isMultiQueue: Bool
    private let port: NetworkPort
    /// A `send` was refused: the client waits to hear of room.
    private let clientWaits = Mutex(false)
    /// Taken by the loop's thread only.
    private let input = Mutex(Input())

    /// The device that is called `name`; a new one is made where that is allowed.
    ///
    /// - Parameter isMultiQueue: what is tried first. A device that is there has one queue or several, and says so by a refusal.
    package convenience init(
        name: String, isMultiQueue: Bool = false, mtu: UInt16, loop: EventLoop
    ) throws(NetworkError) {
        let (descriptor, isMulti) = try Self.open(name, isMultiQueue)
        try self.init(descriptor, isMultiQueue: isMulti, mtu: mtu, loop: loop)
    }

    private static func open(
        _ name: String, _ isMultiQueue: Bool
    ) throws(NetworkError) -> (descriptor: Int32, isMultiQueue: Bool) {
        var reason = EINVAL
        for isMulti in [isMultiQueue, !isMultiQueue] where reason == EINVAL {
            var descriptor: Int32 = -1
            // SAFETY: the name is a terminated copy for the length of the call; the local lives through it.
            reason = unsafe host_tap_open(name, isMulti, &descriptor)
            if reason == 0 { return (descriptor, isMulti) }
        }
        throw .tapRefused(name: name, errno: reason)
    }

    /// A tap's descriptor that was handed over by whoever started this program.
    package convenience init(passed descriptor: Int32, mtu: UInt16, loop: EventLoop) throws(NetworkError) {
        let reason = host_tap_take(descriptor)
        guard reason == 0 else { throw .noTapDescriptor(descriptor, errno: reason) }
        try self.init(descriptor, isMultiQueue: false, mtu: mtu, loop: loop)
    }

    private init(
        _ descriptor: Int32, isMultiQueue: Bool, mtu: UInt16, loop: EventLoop
    ) throws(NetworkError) {
        self.isMultiQueue = isMultiQueue
        // Linux before 6.2 knows no segmentation of UDP.
        let hasUDP = host_tap_offloads(descriptor, true, true, true, true, true) == 0
        let offloads: NetworkOffloads = [.checksum, .tcp4, .tcp6, .ecn]
        let all = hasUDP ? offloads.union(.udp) : offloads
        properties = NetworkProperties(mtu: mtu, transmitOffloads: all, receiveOffloads: all)
        port = NetworkPort(descriptor, loop: loop)
        do throws(EventLoopError) {
            try port.start { [weak self] in self?.ready($0) }
        } catch {
            throw .loopRefused(error)
        }
    }

    // MARK: The client's side

    package var isLinkUp: Bool { port.isLinkUp }

    package func attach(_ client: any NetworkClient, offloads: NetworkOffloads) {
        let taken = offloads.intersection(properties.receiveOffloads)
        // Each combination was taken by the kernel before, or is a part of one.
        _ = host_tap_offloads(
            port.descriptor, taken.contains(.checksum), taken.contains(.tcp4), taken.contains(.tcp6),
            taken.contains(.ecn), taken.contains(.udp))
        port.attach(client, offloads: taken)
    }

    package func detach() { port.detach() }
    package func resumeReceiving() { port.resume() }

    package func send(_ bytes: [UInt8], _ range: Range<Int>) -> Bool {
        while true {
            // SAFETY: the slice is checked by the array.
            let count = unsafe bytes[range].withUnsafeBytes { buffer in
                unsafe write(port.descriptor, buffer.baseAddress, buffer.count)
            }
            if count >= 0 { return true }
            switch errno {
            case EINTR: continue
            case EAGAIN:
                clientWaits.withLock { $0 = true }
                port.wait(for: .writable, true)
                return false
            default: return true
            }
        }
    }

    package func commit() {}

    // MARK: The loop's side

    private func ready(_ readiness: Readiness) {
        if readiness.contains(.writable) {
            port.wait(for: .writable, false)
            let mayGoOn = clientWaits.withLock { waits in
                defer { waits = false }
                return waits
            }
            if mayGoOn { port.tell { $0.canSend() } }
        }
        if readiness != .writable { port.receive { input.withLock { deliver(&$0) } } }
    }

    /// Gives the client what comes, for a turn.
    private func deliver(_ input: inout Input) {
        for _ in 0..<Self.readsPerTurn {
            if input.kept == 0 { input.kept = next(&input.bytes) }
            guard input.kept > 0, port.offer(input.bytes, 0..<input.kept) else { return }
            input.kept = 0
        }
    }

    /// Reads a frame. Gives its size; 0: there is none.
    private func next(_ bytes: inout [UInt8]) -> Int {
        while true {
            // SAFETY: the array's own storage.
            let count = unsafe bytes.withUnsafeMutableBytes { buffer in
                unsafe read(port.descriptor, buffer.baseAddress, buffer.count)
            }
            if count < 0, errno == EINTR { continue }
            guard count >= NetworkFrame.headerSize + NetworkFrame.ethernetHeaderSize else {
                if count > 0 { continue }
                return 0
            }
            // num_buffers, which the kernel leaves as it was.
            bytes[NetworkFrame.headerSize - 2] = 0
            bytes[NetworkFrame.headerSize - 1] = 0
            return count
        }
    }
}
