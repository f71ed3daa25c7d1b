internal import VMMCore

/// Threads that carry out a disk's requests, each one at a time, in the order of their coming.
///
/// Threading: any thread; clients are called without the lock held. A waiting request is as large as its buffers' list;
/// clients bound how many there are.
final class DiskWorkers: Sendable {
    private struct State {
        var waiting = RequestQueue()
        /// Whose request each thread has.
        var working: [ObjectIdentifier?]
        /// Threads that wait for work.
        var idle = 0
        /// Threads that wait for the end of a client's requests.
        var drainers = 0
        var isClosed = false
    }

    private let state: Monitor<State>
    private let threads: [HostThread]

    init(threadCount: Int, _ executor: DiskExecutor) throws(HostThreadError) {
        let state = Monitor(State(working: [ObjectIdentifier?](repeating: nil, count: threadCount)))
        self.state = state
        var threads: [HostThread] = []
        do throws(HostThreadError) {
            for index in 0..<threadCount {
                threads.append(try HostThread.start(name: "disk\(index)") { Self.work(index, state, executor) })
            }
        } catch {
            state.withLock { $0.isClosed = true }
            state.wakeAll()
            for thread in threads { thread.join() }
            throw error
        }
        self.threads = threads
    }

    func submit(_ request: consuming BlockRequest, _ client: any BlockClient) {
        let waiting = WaitingRequest(request: request, client: client)
        state.withLock { $0.waiting.append(waiting) }
    }

    func commit() {
        let (wanted, isMixed) = state.withLock { (min($0.waiting.count, $0.idle), $0.drainers > 0) }
        if isMixed { return state.wakeAll() }
        for _ in 0..<wanted { state.wakeOne() }
    }

    func drain(_ client: any BlockClient) {
        let id = ObjectIdentifier(client)
        let abandoned = state.withLock { state in
            state.drainers += 1
            return state.waiting.takeAll(of: client)
        }
        for waiting in abandoned { client.completed(waiting.request, .abandoned) }
        state.waiting { (state: inout State) -> Void? in
            if state.working.contains(id) { return nil }
            state.drainers -= 1
            return ()
        }
    }

    /// Ends the threads. Without requests under way; not from one of the threads.
    func close() {
        state.withLock { $0.isClosed = true }
        state.wakeAll()
        for thread in threads { thread.join() }
    }

    private enum Work {
        case request(WaitingRequest)
        case end
    }

    private static func work(_ index: Int, _ state: Monitor<State>, _ executor: DiskExecutor) {
        while true {
            var isIdle = false
            let work: Work = state.waiting { state in
                if isIdle { state.idle -= 1 }
                isIdle = false
                if let waiting = state.waiting.take() {
                    state.working[index] = ObjectIdentifier(waiting.client)
                    return .request(waiting)
                }
                if state.isClosed { return .end }
                state.idle += 1
                isIdle = true
                return nil
            }
            guard case .request(let waiting) = work else { return }
            serve(waiting, executor)
            let hasDrainers = state.withLock { state in
                state.working[index] = nil
                return state.drainers > 0
            }
            if hasDrainers { state.wakeAll() }
        }
    }

    private static func serve(_ waiting: consuming WaitingRequest, _ executor: DiskExecutor) {
        let client = waiting.client
        let request = waiting.takeRequest()
        let result = executor.execute(request, client.memory)
        client.completed(request, result)
    }
}
