internal import CSlirp
internal import Glibc
internal import NetworkFrames
package import VMMCore

/// libslirp's network stack: takes a guest's frames, and makes connections of the host of them. The one type that touches the library.
///
/// Threading: one thread; `output` is called on it, within the methods. Source: libslirp 4.6 on, `libslirp.h`.
// SAFETY: the pointers are private, made by `init` and freed by `deinit` only.
@safe package final class SlirpStack {
    /// What poll waits for, and what it found.
    package struct Watch {
        package let descriptor: Int32
        package let events: Int16
        package var found: Int16 = 0
    }

    /// Refused by the host: `errno` of the socket that should listen.
    package struct ForwardRefused: Error {
        package let errno: Int32
    }

    /// The settings before offloads were known, which all versions since 4.1 take.
    private static let configurationVersion: UInt32 = 3

    private let callbacks: UnsafeMutablePointer<SlirpCb>
    private var stack: OpaquePointer?
    private var timers: [SlirpTimer] = []
    private var watches: [Watch] = []
    private let output: ([UInt8], Range<Int>) -> Void
    /// A frame for the guest, behind room for a header.
    private var frame = [UInt8](repeating: 0, count: NetworkFrame.maximumSize)

    /// Nil: libslirp refuses the settings. `output` gets frames, behind a header that says that their checksums are right: libslirp has made them.
    package init?(_ user: UserNetwork, mtu: UInt16, output: @escaping ([UInt8], Range<Int>) -> Void) {
        self.output = output
        OffloadHeader(isVerified: true).write(into: &frame, at: 0)
        unsafe callbacks = .allocate(capacity: 1)
        unsafe callbacks.initialize(to: Self.makeCallbacks())
        guard let host = user.network.host(2), let server = user.nameServer ?? user.network.host(3),
            let first = user.network.host(15)
        else { return nil }
        var settings = unsafe SlirpConfig()
        unsafe settings.version = Self.configurationVersion
        unsafe settings.restricted = user.isRestricted ? 1 : 0
        unsafe settings.in_enabled = true
        unsafe settings.vnetwork = user.network.address.inNetworkOrder
        unsafe settings.vnetmask = user.network.mask.inNetworkOrder
        unsafe settings.vhost = host.inNetworkOrder
        unsafe settings.vdhcp_start = first.inNetworkOrder
        unsafe settings.vnameserver = server.inNetworkOrder
        unsafe settings.if_mtu = Int(mtu)
        unsafe settings.if_mru = Int(mtu)
        // SAFETY: libslirp copies the settings and the name; the callbacks and `self` live as long as the stack.
        let me = unsafe Unmanaged.passUnretained(self).toOpaque()
        if let name = user.hostName {
            unsafe stack = unsafe name.withCString { text in
                unsafe settings.vhostname = text
                return unsafe slirp_new(&settings, callbacks, me)
            }
        } else {
            unsafe stack = unsafe slirp_new(&settings, callbacks, me)
        }
        guard unsafe stack != nil else { return nil }
    }

    deinit {
        // SAFETY: both were made by `init`; nothing calls back after the clean-up.
        if let stack = unsafe stack { unsafe slirp_cleanup(stack) }
        unsafe callbacks.deallocate()
    }

    /// Listens at a port of the host; connections go to `guest`, or without an address to the first that DHCP gives.
    package func add(_ forward: UserNetwork.Forward, in network: IPv4Network) throws(ForwardRefused) {
        let guest = forward.guestAddress ?? network.host(15) ?? network.address
        // SAFETY: plain values.
        let result = unsafe slirp_add_hostfwd(
            stack, forward.transport == .udp ? 1 : 0, forward.hostAddress.inNetworkOrder, Int32(forward.hostPort),
            guest.inNetworkOrder, Int32(forward.guestPort))
        guard result == 0 else { throw ForwardRefused(errno: errno) }
    }

    /// Takes the Ethernet frame `bytes[range]` of the guest.
    package func input(_ bytes: [UInt8], _ range: Range<Int>) {
        // SAFETY: the library reads `range` during the call only; the slice is checked.
        unsafe bytes[range].withUnsafeBytes { buffer in
            unsafe slirp_input(stack, buffer.baseAddress?.assumingMemoryBound(to: UInt8.self), Int32(buffer.count))
        }
    }

    // MARK: Waiting

    /// What to wait for, and for how many milliseconds at most; nil: for as long as it takes.
    package func prepareWait() -> (watches: [Watch], milliseconds: Int32?) {
        watches.removeAll(keepingCapacity: true)
        var timeout = UInt32.max
        let me = unsafe Unmanaged.passUnretained(self).toOpaque()
        // SAFETY: `add` is called during the call only, with `me`.
        unsafe slirp_pollfds_fill(
            stack, &timeout,
            { descriptor, events, me in unsafe SlirpStack.at(me).addWatch(descriptor, events) }, me)
        if let next = timers.compactMap(\.deadline).min() {
            timeout = min(timeout, UInt32(clamping: max(0, next - Self.now / 1_000_000)))
        }
        return (watches, timeout == .max ? nil : Int32(clamping: timeout))
    }

    /// Serves what poll has found, in the order of `prepareWait`, and timers that are due.
    package func finishWait(_ found: [Watch]) {
        watches = found
        let me = unsafe Unmanaged.passUnretained(self).toOpaque()
        // SAFETY: as in `prepareWait`.
        unsafe slirp_pollfds_poll(stack, 0, { index, me in unsafe SlirpStack.at(me).found(index) }, me)
        let now = Self.now / 1_000_000
        for timer in timers where timer.deadline.map({ $0 <= now }) ?? false {
            timer.deadline = nil
            timer.fire()
        }
    }

    private func addWatch(_ descriptor: Int32, _ events: Int32) -> Int32 {
        var wanted: Int32 = 0
        for (slirp, poll) in Self.eventPairs where events & slirp != 0 { wanted |= poll }
        watches.append(Watch(descriptor: descriptor, events: Int16(truncatingIfNeeded: wanted)))
        return Int32(watches.count - 1)
    }

    private func found(_ index: Int32) -> Int32 {
        guard watches.indices.contains(Int(index)) else { return 0 }
        let found = Int32(watches[Int(index)].found)
        return Self.eventPairs.reduce(0) { found & $1.poll != 0 ? $0 | $1.slirp : $0 }
    }

    private static let eventPairs: [(slirp: Int32, poll: Int32)] = [
        (Int32(SLIRP_POLL_IN), POLLIN), (Int32(SLIRP_POLL_OUT), POLLOUT), (Int32(SLIRP_POLL_PRI), POLLPRI),
        (Int32(SLIRP_POLL_ERR), POLLERR), (Int32(SLIRP_POLL_HUP), POLLHUP),
    ]

    /// Nanoseconds of a clock that nobody sets.
    private static var now: Int64 {
        var time = timespec()
        // SAFETY: `time` is valid for the call.
        unsafe _ = clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }

    // MARK: What libslirp calls

    // SAFETY: `opaque` is the `self` that `init` gave, which outlives the stack.
    private static func at(_ opaque: UnsafeMutableRawPointer?) -> SlirpStack {
        guard let opaque = unsafe opaque else { preconditionFailure("libslirp lost its owner") }
        return unsafe Unmanaged.fromOpaque(opaque).takeUnretainedValue()
    }

    private static func makeCallbacks() -> SlirpCb {
        var callbacks = SlirpCb()
        unsafe callbacks.send_packet = { bytes, count, me in unsafe SlirpStack.at(me).send(bytes, count) }
        // The guest's faults are the guest's.
        unsafe callbacks.guest_error = { _, _ in }
        unsafe callbacks.clock_get_ns = { _ in SlirpStack.now }
        unsafe callbacks.timer_new = { body, argument, me in
            let timer = SlirpTimer { if let body = unsafe body { unsafe body(argument) } }
            unsafe SlirpStack.at(me).timers.append(timer)
            return unsafe Unmanaged.passUnretained(timer).toOpaque()
        }
        unsafe callbacks.timer_free = { timer, me in
            guard let timer = unsafe timer else { return }
            let freed = unsafe Unmanaged<SlirpTimer>.fromOpaque(timer).takeUnretainedValue()
            unsafe SlirpStack.at(me).timers.removeAll { $0 === freed }
        }
        unsafe callbacks.timer_mod = { timer, milliseconds, _ in
            guard let timer = unsafe timer else { return }
            unsafe Unmanaged<SlirpTimer>.fromOpaque(timer).takeUnretainedValue().deadline = milliseconds
        }
        // Each wait asks anew what to wait for.
        unsafe callbacks.register_poll_fd = { _, _ in }
        unsafe callbacks.unregister_poll_fd = { _, _ in }
        unsafe callbacks.notify = { _ in }
        return callbacks
    }

    private func send(_ bytes: UnsafeRawPointer?, _ count: Int) -> Int {
        let end = NetworkFrame.headerSize + count
        guard let bytes = unsafe bytes, count > 0, end <= frame.count else { return count }
        // SAFETY: the library gives `count` bytes; the array has room for them behind the header.
        unsafe frame.withUnsafeMutableBytes { buffer in
            unsafe buffer.baseAddress.map {
                unsafe ($0 + NetworkFrame.headerSize).copyMemory(from: bytes, byteCount: count)
            }
        }
        output(frame, 0..<end)
        return count
    }
}

/// A deadline that libslirp has asked for.
private final class SlirpTimer {
    /// In milliseconds; nil: none.
    var deadline: Int64?
    let fire: () -> Void

    init(_ fire: @escaping () -> Void) { self.fire = fire }
}

extension IPv4Address {
    fileprivate var inNetworkOrder: in_addr { in_addr(s_addr: rawValue.bigEndian) }
}
