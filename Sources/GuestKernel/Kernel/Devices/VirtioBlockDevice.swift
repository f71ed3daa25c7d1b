/// A virtio disk: the driver behind a lock, with its interrupt.
final class VirtioBlockDevice: BlockDevice {
    let index: Int
    let busName: StaticString
    let blockSize: UInt32
    let isReadOnly: Bool
    let depth: Int

    private let lock = SpinLock()
    private var driver: VirtioBlockDriver

    /// Initializes the device and connects its interrupt.
    init(_ transport: any VirtioTransport, _ connection: DeviceConnection, index: Int) throws(VirtioFailure) {
        let driver = try VirtioBlockDriver(transport, memory: Devices.memory)
        self.index = index
        busName = transport.name
        blockSize = driver.blockSize
        isReadOnly = driver.isReadOnly
        depth = driver.depth
        self.driver = driver
        try connection.connect(transport) { self.interrupt($0) }
    }

    var sectorCount: UInt64 { lock.withLock { driver.sectorCount } }
    /// The device's own cache is emptied by a flush; without it there is none.
    var hasFlush: Bool { lock.withLock { driver.hasFlush } }
    var failure: VirtioFailure? { lock.withLock { driver.failure } }
    /// Requests completed, and how many interrupts it took.
    var completed: UInt64 { lock.withLock { driver.completed } }
    var batches: UInt64 { lock.withLock { driver.batches } }

    func submit(_ request: BlockRequest, more: Bool) {
        let status: BlockRequest.Status? = lock.withLock {
            guard request.isValid(sectorCount: driver.sectorCount, isReadOnly: isReadOnly) else { return .invalid }
            // Without a cache everything written is on the medium.
            if request.operation == .flush, !driver.hasFlush { return .done }
            guard driver.submit(request) else { return .deviceFailed }
            if !more { driver.flushNotifications() }
            return nil
        }
        guard let status else { return }
        request.status = status
        request.completion(request)
    }

    private func interrupt(_ causes: VirtioInterruptCauses) {
        var finished = lock.withLock {
            driver.collect(configurationChanged: causes.configurationChange)
        }
        while let request = finished.removeFirst() { request.completion(request) }
    }
}
