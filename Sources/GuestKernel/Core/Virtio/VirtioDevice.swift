/// What every driver does with its device: the way from reset to life and back.
package struct VirtioDevice {
    package let transport: any VirtioTransport

    package init(_ transport: any VirtioTransport) { self.transport = transport }

    /// Resets the device and agrees on features, up to FEATURES_OK. The queues and `start` come next.
    ///
    /// - Parameter wanted: features to have where the device offers them; VIRTIO_F_VERSION_1 is always one.
    /// - Returns: those that both have.
    /// Source: virtio 1.2 §3.1.1.
    package func negotiate(_ wanted: UInt64) throws(VirtioFailure) -> UInt64 {
        try reset()
        transport.status = VirtioStatus.acknowledge
        transport.status = VirtioStatus.acknowledge | VirtioStatus.driver
        let features = transport.deviceFeatures() & (wanted | VirtioFeature.version1)
        guard features & VirtioFeature.version1 != 0 else { throw giveUp(.legacy) }
        transport.setDriverFeatures(features)
        let agreed = VirtioStatus.acknowledge | VirtioStatus.driver | VirtioStatus.featuresOK
        transport.status = agreed
        guard transport.status & VirtioStatus.featuresOK != 0 else { throw giveUp(.featuresRefused) }
        return features
    }

    /// Makes a queue of at most `limit` descriptors and enables it.
    ///
    /// - Parameter memory: gives so many bytes, page-aligned.
    package func makeQueue(
        _ index: UInt16, limit: UInt16, features: UInt64, memory: (Int) -> DMAMemory?
    ) throws(VirtioFailure) -> SplitDriverQueue {
        let maximum = min(transport.maximumSize(ofQueue: index), limit)
        guard maximum > 0 else { throw giveUp(.noQueue(index)) }
        // The largest power of two: the device's maximum is one, but need not be believed.
        let size: UInt16 = 1 << UInt16(15 - maximum.leadingZeroBitCount)
        guard let memory = memory(SplitDriverQueue.memorySize(size)) else { throw giveUp(.noMemory) }
        let queue = SplitDriverQueue(
            size: size, memory: memory, hasEventIndex: features & VirtioFeature.eventIndex != 0)
        guard transport.enableQueue(index, size: size, at: queue.addresses) else { throw giveUp(.noInterrupt) }
        return queue
    }

    /// DRIVER_OK: the device is live.
    package func start() {
        transport.status =
            VirtioStatus.acknowledge | VirtioStatus.driver | VirtioStatus.featuresOK | VirtioStatus.driverOK
    }

    /// Stops the device. It leaves memory alone from then on.
    package func reset() throws(VirtioFailure) {
        transport.status = 0
        // A device may take its time (virtio 1.2 §4.1.4.3.2); one that is emulated does it at once.
        for _ in 0..<1_000_000 where transport.status == 0 { return }
        throw .resetTimeout
    }

    /// Tells the device that it is not driven, and why.
    package func giveUp(_ failure: VirtioFailure) -> VirtioFailure {
        transport.status = transport.status | VirtioStatus.failed
        return failure
    }

    /// Reads a value of the configuration space that may change meanwhile, whole.
    package func readConfiguration<Value>(_ read: (any VirtioTransport) -> Value) -> Value {
        var before = transport.configurationGeneration
        var value = read(transport)
        // A device that changes for ever is not waited for.
        for _ in 0..<16 {
            let after = transport.configurationGeneration
            if after == before { break }
            before = after
            value = read(transport)
        }
        return value
    }
}
