internal import Synchronization
package import VMMCore

/// A virtio pmem device: tells the driver where a file of the host is in its memory, and carries out its flushes.
///
/// The driver's loads and stores go to the file's pages without the device. A flush may wait for the host's disk, so it is done on
/// a work queue; the flushes that come meanwhile share the next one.
///
/// Threading: any thread; memory's store, work queue and driver are called without a lock held. `reset` waits for a flush that
/// has begun. Errors: a flush that the host cannot do, and a request of another type, is answered by -1; a driver that breaks a
/// rule of the queues gets DEVICE_NEEDS_RESET.
/// Source: virtio 1.2 §5.19.
package final class VirtioPersistentMemory: FixedConfigurationDevice, HostWorkClient, StatisticsSource {
    private static let queueSize: UInt16 = 64

    private let store: any PersistentStore
    private let work: any HostWorkQueue
    /// le64 start, le64 size.
    package let configuration: [UInt8]
    private let state = Mutex(VirtioPersistentMemoryState(size: Int(VirtioPersistentMemory.queueSize)))

    /// - Parameters:
    ///   - store: what a flush makes permanent.
    ///   - range: where its bytes are in the guest's memory.
    ///   - work: where flushes are done.
    package init(_ store: any PersistentStore, at range: GuestRange, work: any HostWorkQueue) {
        self.store = store
        self.work = work
        configuration = [range.start.rawValue, range.size].flatMap { field in
            (0..<8).map { UInt8(truncatingIfNeeded: field >> ($0 * 8)) }
        }
    }

    package var identity: VirtioIdentity {
        VirtioIdentity(deviceType: 27, features: 0, queueSizes: [Self.queueSize])
    }

    package func activate(_ activation: VirtioActivation) {
        state.withLock { $0.activate(activation) }
        notify(queue: 0)
    }

    package func notify(queue index: Int) {
        guard index == 0 else { return }
        apply(state.withLock { $0.take() })
    }

    /// One flush for all requests that wait.
    package func perform(_ item: Int) {
        guard state.withLock({ $0.begin() }) else { return }
        let isDone = store.flush()
        apply(state.withLock { $0.finish(isDone: isDone) })
    }

    private func apply(_ step: VirtioPersistentMemoryState.Step) {
        if step.needsFlush { work.submit(0, for: self) }
        switch step.signal {
        case .none: break
        case .interrupt(let driver, let queue): driver.interrupt(queue)
        case .fault(let driver, let queue, let fault): driver.refuse(queue, fault)
        }
    }

    /// Waits for a flush that has begun.
    package func reset() {
        state.withLock { $0.reset() }
        work.drain(self)
        state.withLock { $0.forget() }
    }

    package var kind: String { "virtio-pmem" }

    package var counters: [DeviceCounter] {
        state.withLock {
            [
                DeviceCounter("requests", $0.requests), DeviceCounter("flushes", $0.flushes),
                DeviceCounter("errors", $0.errors),
            ]
        }
    }
}
