internal import Glibc
internal import Uring
internal import VMMCore

/// A disk's requests on io_uring: what was submitted goes to the kernel with one call a `commit()`, and a thread of the disk
/// waits for completions. (Waiting in the kernel's call costs a tenth less CPU time than an event loop that polls the ring,
/// a fifth less than one with an eventfd.)
///
/// Threading: any thread; clients are called without the lock held. Nothing is allocated for a request in the long run.
final class DiskRing: Sendable {
    /// For the buffers of all requests of one call to the kernel.
    private static let vectorCount = 4096
    /// How often a submitting thread asks again, a millisecond apart, when the kernel has no memory for a request and nothing is
    /// under way whose completion would ask.
    private static let patience = 100

    private let ring: IORing
    private let memory = DiskRingMemory(vectorCount: DiskRing.vectorCount)
    private let state: Monitor<DiskRingState>
    private let onFailure: @Sendable (DiskFailure) -> Void

    init(_ file: DiskFile, onFailure: @escaping @Sendable (DiskFailure) -> Void) throws(IORing.Refusal) {
        // An entry for each slot, and for the request that ends the thread.
        ring = try IORing(entries: UInt32(DiskRingState.slotCount) * 2)
        state = Monitor(DiskRingState(file))
        self.onFailure = onFailure
    }

    /// Starts the thread that waits for completions; `close` ends it.
    func start() throws(HostThreadError) -> HostThread {
        try HostThread.start(name: "disk") { [self] in takeCompletions() }
    }

    /// Ends the thread. Without requests under way.
    func close(_ thread: HostThread) {
        state.withLock { state in
            state.noteWake(isPrepared: ring.prepareWake())
            submitPatiently(&state)
        }
        thread.join()
    }

    // MARK: Requests

    func submit(_ request: consuming BlockRequest, _ client: any BlockClient) {
        let waiting = WaitingRequest(request: request, client: client)
        let failed = state.withLock { $0.add(waiting, ring, memory) }
        if let (slot, error) = failed { end(slot, .failed(error)) }
    }

    func commit() { state.withLock { submitPatiently(&$0) } }

    func drain(_ client: any BlockClient) {
        let abandoned = state.withLock { state in
            state.drainers += 1
            submitPatiently(&state)
            return state.takeWaiting(of: client)
        }
        for var waiting in abandoned { client.completed(waiting.takeRequest(), .abandoned) }
        state.waiting { (state: inout DiskRingState) -> Void? in
            if state.has(client) { return nil }
            state.drainers -= 1
            return ()
        }
    }

    var counters: [DeviceCounter] {
        state.withLock { state in
            [DeviceCounter("requests", state.requests), DeviceCounter("submissions", state.submissions)]
        }
    }

    private func submitPatiently(_ state: inout DiskRingState) {
        for _ in 0..<Self.patience {
            // What is under way asks again when it completes.
            if state.submit(ring) == 0 || state.underWay > 0 { return }
            usleep(1000)
        }
    }

    // MARK: Completions

    private func takeCompletions() {
        var ended: [(slot: Int, progress: DiskRingState.Progress)] = []
        ended.reserveCapacity(DiskRingState.slotCount)
        while let first = ring.take(waiting: true) {
            var isLast = false
            state.withLock { state in
                var next: IORing.Completion? = first
                while let completion = next {
                    if completion.tag == IORing.wakeTag {
                        isLast = true
                    } else {
                        let index = Int(truncatingIfNeeded: completion.tag)
                        let progress = state.completed(index, completion.result, ring, memory)
                        if case .goesOn = progress {} else { ended.append((index, progress)) }
                    }
                    next = ended.count < DiskRingState.slotCount ? ring.take(waiting: false) : nil
                }
            }
            for (slot, progress) in ended { end(slot, progress) }
            ended.removeAll(keepingCapacity: true)
            refill()
            if isLast { return }
        }
    }

    /// Gives the kernel what waited for slots, and what goes on.
    private func refill() {
        while true {
            let next = state.withLock { state in
                let next = state.addWaiting(ring, memory)
                if next == nil { _ = state.submit(ring) }
                return next
            }
            guard let next else { return }
            if let (slot, error) = next { end(slot, .failed(error)) }
        }
    }

    /// Gives a request back, and frees its slot.
    private func end(_ slot: Int, _ progress: DiskRingState.Progress) {
        let (request, client) = state.withLock { $0.takeEnded(slot) }
        guard let client else { return }
        switch progress {
        case .goesOn: return
        case .done: client.completed(request, .done)
        case .failed(let error):
            onFailure(
                DiskFailure(
                    operation: request.operation, offset: request.offset, length: request.length, reason: error))
            client.completed(request, .failed)
        }
        let hasDrainers = state.withLock { state in
            state.release(slot)
            return state.drainers > 0
        }
        if hasDrainers { state.wakeAll() }
    }
}
