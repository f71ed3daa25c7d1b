/// A virtio network card with the stub of a stack on it: a thread takes frames in batches, and answers ARP and echo requests once
/// there is an address.
final class VirtioNetworkDevice {
    let index: Int
    let busName: StaticString
    let hardware: HardwareAddress

    private let lock = SpinLock()
    private var driver: VirtioNetworkDriver
    private var stack: StubStack
    private var service: Thread?
    /// Waits for news.
    private var waiter: Thread?
    /// Times that the thread was woken, by one interrupt each.
    private(set) var batches: UInt64 = 0

    /// Initializes the device, connects its interrupt, and starts its thread.
    init(_ transport: any VirtioTransport, _ connection: DeviceConnection, index: Int) throws(VirtioFailure) {
        var driver = try VirtioNetworkDriver(transport, memory: Devices.memory)
        driver.refill()
        self.index = index
        busName = transport.name
        hardware = driver.hardware
        stack = StubStack(hardware: driver.hardware)
        self.driver = driver
        try connection.connect(transport) { self.interrupt($0) }
        service = Scheduler.spawn("net") { self.serve() }
    }

    var isLinkUp: Bool { lock.withLock { driver.isLinkUp } }
    var failure: VirtioFailure? { lock.withLock { driver.failure } }
    var statistics: VirtioNetworkDriver.Statistics { lock.withLock { driver.statistics } }
    var lease: DHCPLease? { lock.withLock { stack.lease } }
    var isRefused: Bool { lock.withLock { stack.isRefused } }
    var echoesAnswered: UInt64 { lock.withLock { stack.echoesAnswered } }

    private func interrupt(_ causes: VirtioInterruptCauses) {
        lock.withLock {
            if causes.configurationChange { driver.configurationChanged() }
            driver.suppressInterrupts()
        }
        if let service { Scheduler.unpark(service) }
    }

    private func serve() {
        while true {
            batches += 1
            repeat {
                while let packet = lock.withLock({ driver.receive() }) { handle(packet) }
                lock.withLock { driver.refill() }
            } while lock.withLock({ driver.allowInterrupts() })
            Scheduler.park()
        }
    }

    private func handle(_ packet: PacketBuffer) {
        let waiter: Thread? = lock.withLock {
            let outcome = stack.handle(packet)
            if outcome == .reply { driver.send(packet) } else { driver.recycle(packet) }
            return outcome == .news ? self.waiter : nil
        }
        if let waiter { Scheduler.unpark(waiter) }
    }

    /// Sends what `write` writes into a free buffer; nothing when all are in use.
    private func send(_ write: (inout StubStack, PacketBuffer) -> Void) {
        lock.withLock {
            guard let packet = driver.takeBuffer() else { return }
            write(&stack, packet)
            driver.send(packet)
        }
    }

    /// Waits until `condition` holds, at most so long.
    private func wait(nanoseconds: UInt64, _ condition: (StubStack) -> Bool) -> Bool {
        let end = Clock.now + nanoseconds
        let me = Scheduler.currentThread
        lock.withLock { waiter = me }
        defer { lock.withLock { waiter = nil } }
        while true {
            if lock.withLock({ condition(stack) }) { return true }
            let now = Clock.now
            guard now < end else { return false }
            Scheduler.park(nanoseconds: end - now)
        }
    }
}

// MARK: - For the shell: one thread at a time

extension VirtioNetworkDevice {
    private static var second: UInt64 { 1_000_000_000 }

    /// Asks for a lease, four times, a second each.
    func obtainLease() -> DHCPLease? {
        for _ in 0..<4 {
            send { $0.discover($1, transaction: UInt32(truncatingIfNeeded: Clock.now)) }
            if wait(nanoseconds: Self.second, { $0.lease != nil || $0.isRefused }) { break }
        }
        return lease
    }

    /// The hardware address that frames for `address` go to; asked for three times, half a second each.
    func resolve(_ address: IPv4Address) -> HardwareAddress? {
        let hop = lock.withLock { stack.nextHop(address) }
        for _ in 0..<3 {
            if let hardware = lock.withLock({ stack.neighbour(hop) }) { return hardware }
            send { $0.writeARPRequest($1, for: hop) }
            _ = wait(nanoseconds: Self.second / 2) { $0.neighbour(hop) != nil }
        }
        return lock.withLock { stack.neighbour(hop) }
    }

    /// Sends an echo request and waits a second for the reply; the time it took, or nil.
    func ping(_ address: IPv4Address, at hardware: HardwareAddress, sequence: UInt16) -> UInt64? {
        let start = Clock.now
        send { $0.writeEchoRequest($1, to: address, hardware, sequence: sequence) }
        let wanted = StubStack.Echo(source: address, sequence: sequence)
        return wait(nanoseconds: Self.second) { $0.echoReply == wanted } ? Clock.now - start : nil
    }
}
