/// A virtio source of random numbers.
final class VirtioEntropyDevice {
    private let lock = SpinLock()
    private var driver: VirtioEntropyDriver
    private var waiter: Thread?

    init(_ transport: any VirtioTransport, _ connection: DeviceConnection) throws(VirtioFailure) {
        driver = try VirtioEntropyDriver(transport, memory: Devices.memory)
        try connection.connect(transport) { _ in
            if let waiter = self.waiter { Scheduler.unpark(waiter) }
        }
    }

    /// Reads `count` bytes; fewer when the device fails, or gives none for a second. One thread at a time.
    func read(_ count: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count)
        waiter = Scheduler.currentThread
        defer { waiter = nil }
        while bytes.count < count {
            let had = bytes.count
            let wanted = min(count - had, VirtioEntropyDriver.limit)
            guard lock.withLock({ driver.request(wanted) }) else { break }
            let end = Clock.now + 1_000_000_000
            while !lock.withLock({ driver.collect(into: &bytes) }), Clock.now < end {
                Scheduler.park(nanoseconds: 100_000_000)
            }
            if bytes.count == had { break }
        }
        return bytes
    }
}
