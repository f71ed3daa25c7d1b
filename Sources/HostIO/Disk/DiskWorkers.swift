internal import VMMCore

/// Threads that carry out a disk's requests, each one at a time, in the order of their coming.
///
/// Threading: any thread; clients are called without the lock held. A waiting request is as large as its buffers' list;
/// clients bound how many there are.
final class DiskWorkers: Sendable {
    private struct Waiting {
        var request: BlockRequest
        let client: any BlockClient
    }

    private struct State {
        /// A ring: from `first` on, `count` of them.
        var waiting: [Waiting?] = []
        var first = 0
        var count = 0
        /// Whose request each thread has.
        var working: [ObjectIdentifier?]
        /// Threads that wait for work.
        var idle = 0
        /// Threads that wait for the end of a client's requests.
        var drainers = 0
        var isClosed = false

        mutating func append(_ new: Waiting) {
            if count == waiting.count { grow() }
            waiting[(first + count) % waiting.count] = new
            count += 1
        }

        mutating func take() -> Waiting? {
            guard count > 0 else { return nil }
            defer {
                first = (first + 1) % waiting.count
                count -= 1
            }
            return waiting[first].take()
        }

        private mutating func grow() {
            var larger: [Waiting?] = []
            larger.reserveCapacity(max(64, count * 2))
            while let next = take() {
                larger.append(next)
            }
            let held = larger.count
            while larger.count < max(64, held * 2) { larger.append(nil) }
            waiting = larger
            first = 0
            count = held
        }
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
        let waiting = Waiting(request: request, client: client)
        state.withLock { $0.append(waiting) }
    }

    func commit() {
        let (wanted, isMixed) = state.withLock { (min($0.count, $0.idle), $0.drainers > 0) }
        if isMixed { return state.wakeAll() }
        for _ in 0..<wanted { state.wakeOne() }
    }

    func drain(_ client: any BlockClient) {
        let id = ObjectIdentifier(client)
        let abandoned = state.withLock { state in
            var theirs: [Waiting] = []
            for _ in 0..<state.count {
                guard let next = state.take() else { break }
                if ObjectIdentifier(next.client) == id { theirs.append(next) } else { state.append(next) }
            }
            state.drainers += 1
            return theirs
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
        case request(Waiting)
        case end
    }

    private static func work(_ index: Int, _ state: Monitor<State>, _ executor: DiskExecutor) {
        while true {
            var isIdle = false
            let work: Work = state.waiting { state in
                if isIdle { state.idle -= 1 }
                isIdle = false
                if let waiting = state.take() {
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

    private static func serve(_ waiting: consuming Waiting, _ executor: DiskExecutor) {
        let client = waiting.client
        var request = BlockRequest(tag: 0, operation: .flush, offset: 0, length: 0)
        // Moved, not copied: the storage of its buffers has one owner when it goes back.
        swap(&request, &waiting.request)
        let result = executor.execute(request, client.memory)
        client.completed(request, result)
    }
}
