internal import Synchronization
package import VMMCore

/// A virtio socket device: streams between ports of the guest and programs of the host.
///
/// Stream sockets only: VIRTIO_VSOCK_F_SEQPACKET is not offered, and a packet of that type is refused as the specification wants it. The guest's
/// bytes go to the host's end on the thread that notifies; what that has no room for waits here, at most `VsockTable.bufferSize`
/// a stream, of which the guest knows. The host's bytes are read when the guest has both credit and a buffer for them, and wait
/// nowhere. There are at most `VsockTable.limit` streams.
///
/// Threading: any thread; back end, ends and driver are called without a lock held. Errors: a packet that makes no sense is
/// answered by VIRTIO_VSOCK_OP_RST or dropped; a driver that breaks a rule of the queues gets DEVICE_NEEDS_RESET.
/// Source: virtio 1.2 §5.10.
package final class VirtioVsock: FixedConfigurationDevice, VsockClient, StatisticsSource {
    private static let queueSize: UInt16 = 256

    /// Packets and bytes' pieces of one call: then other work of the thread has its turn. A vCPU leaves the rest to the back end's thread.
    private static let stepsPerTurn = 256

    private let backend: any VsockBackend
    private let guestCID: UInt64
    private let state: Mutex<VsockState>
    /// What goes between queues and ends, for the thread with that side's claim. As large as what a connection lets through at once.
    private let pieceForHost = Mutex([UInt8](repeating: 0, count: Int(VsockTable.bufferSize)))
    private let pieceForGuest = Mutex([UInt8](repeating: 0, count: Int(VsockTable.bufferSize)))

    /// Of all queues.
    private let notifications = EventCounter()
    /// For statistics, also after a reset.
    private let queues = Mutex<[VirtioQueue]>([])

    /// - Parameter guestCID: in `VsockScreening.guestCIDs`.
    package init(_ backend: any VsockBackend, guestCID: UInt64) {
        // §5.10.6.4.2: guest_cid MUST NOT be a reserved one.
        precondition(VsockScreening.guestCIDs.contains(guestCID))
        self.backend = backend
        self.guestCID = guestCID
        state = Mutex(VsockState(guestCID: guestCID))
    }

    package var identity: VirtioIdentity {
        VirtioIdentity(
            deviceType: 19, features: 0, queueSizes: [UInt16](repeating: Self.queueSize, count: 3))
    }

    /// le64 guest_cid. Source: virtio 1.2 §5.10.4.
    package var configuration: [UInt8] { (0..<8).map { UInt8(truncatingIfNeeded: guestCID >> ($0 * 8)) } }

    // MARK: Life cycle

    package func activate(_ activation: VirtioActivation) {
        queues.withLock { $0 = activation.queues }
        state.withLock { $0.activate(activation) }
        backend.attach(self)
        tellEvent()
        work()
    }

    package func notify(queue index: Int) {
        notifications.add()
        switch index {
        case VsockState.receiveQueue: state.withLock { $0.buffersCame() }
        case VsockState.eventQueue: tellEvent()
        default: break
        }
        work()
    }

    package func reset() {
        backend.detach()
        state.withLock { $0.reset() }
    }

    /// Lets the host's ends go: the machine has ended.
    package func disconnect() { reset() }

    package var kind: String { "virtio-vsock" }

    package var counters: [DeviceCounter] {
        let counts = state.withLock { $0.counts }
        let interrupts = queues.withLock { $0 }.reduce(0) { $0 &+ $1.interruptCount }
        return [
            DeviceCounter("guestStreams", counts.guestStreams), DeviceCounter("hostStreams", counts.hostStreams),
            DeviceCounter("refusals", counts.refusals), DeviceCounter("bytesToHost", counts.bytesToHost),
            DeviceCounter("bytesToGuest", counts.bytesToGuest), DeviceCounter("waits", counts.waits),
            DeviceCounter("notifications", notifications.value), DeviceCounter("interrupts", interrupts),
        ]
    }

    // MARK: The back end's side

    package func connect(_ end: any VsockEnd, guestPort: UInt32) -> Bool {
        guard state.withLock({ $0.request(end, guestPort: guestPort) }) else { return false }
        work()
        return true
    }

    package func abandon(_ number: UInt64) {
        state.withLock { $0.abandon(number) }
        work()
    }

    package func canRead(_ number: UInt64) {
        state.withLock { $0.canRead(number) }
        work()
    }

    package func canWrite(_ number: UInt64) {
        state.withLock { $0.canWrite(number) }
        work()
    }

    package func proceed() { work() }

    // MARK: Effects

    /// Does what there is to do, for a turn, until nothing is left or other threads are at it. Either side's work may be the other's.
    private func work() {
        var steps = Self.stepsPerTurn
        repeat {
            serveHost(&steps)
            serveGuest(&steps)
        } while steps > 0 && state.withLock { $0.hasWorkForHost }
        if steps <= 0 { backend.callBack() }
    }

    private func serveHost(_ steps: inout Int) {
        guard state.withLock({ $0.claimForHost() }) else { return }
        // Who has the claim is alone with the piece. The next one waits for this lock until the interrupt is raised, at most.
        pieceForHost.withLock { piece in
            var result = VsockState.HostResult.none
            while true {
                let step = state.withLock { $0.serveHost(&piece, after: result, yields: steps <= 0) }
                result = .none
                steps -= 1
                switch step {
                case .open(let port): result = .opened(backend.open(hostPort: port))
                case .write(let end, let count): result = .wrote(end.write(piece, count: count))
                case .accept(let end, let port): end.accepted(hostPort: port)
                case .shutDown(let end, let halves): end.shutDown(halves)
                case .close(let end): end.close()
                case .ended(let end): return end.tellDriver()
                }
            }
        }
    }

    private func serveGuest(_ steps: inout Int) {
        guard state.withLock({ $0.claimForGuest() }) else { return }
        pieceForGuest.withLock { piece in
            var transfer: VsockTransfer?
            while true {
                let step = state.withLock { $0.serveGuest(piece, after: transfer, yields: steps <= 0) }
                steps -= 1
                switch step {
                case .read(let end, let count): transfer = end.read(into: &piece, limit: count)
                case .ended(let end): return end.tellDriver()
                }
            }
        }
    }

    private func tellEvent() { state.withLock { $0.serveEvent() }.tellDriver() }
}
