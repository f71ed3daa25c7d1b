internal import Synchronization
package import VMMCore

/// Threads that do devices' work, each one thing at a time, in the order of its coming.
///
/// Clients bound how much is waiting. Threading: any thread; clients are called without the lock held.
package final class WorkerThreads: HostWorkQueue {
    private struct Work {
        let item: Int
        let client: any HostWorkClient
    }

    private struct State {
        /// First in, first out: from index `taken` on.
        var waiting: [Work] = []
        var taken = 0
        /// Whose work each thread does.
        var working: [ObjectIdentifier?]
        /// Threads that wait for the end of a client's work.
        var drainers = 0
        var isClosed = false

        mutating func take() -> Work? {
            guard taken < waiting.count else { return nil }
            let work = waiting[taken]
            taken += 1
            if taken * 2 > waiting.count {
                waiting.removeFirst(taken)
                taken = 0
            }
            return work
        }
    }

    private let state: Monitor<State>
    private let threads: [HostThread]

    /// - Parameter name: of the threads, with a number behind it.
    package init(name: String, count: Int) throws(HostThreadError) {
        let state = Monitor(State(working: [ObjectIdentifier?](repeating: nil, count: count)))
        self.state = state
        var threads: [HostThread] = []
        do throws(HostThreadError) {
            for index in 0..<count {
                threads.append(try HostThread.start(name: "\(name)\(index)") { Self.run(index, state) })
            }
        } catch {
            Self.close(state, threads)
            throw error
        }
        self.threads = threads
    }

    deinit { Self.close(state, threads) }

    private static func close(_ state: Monitor<State>, _ threads: [HostThread]) {
        state.withLock { $0.isClosed = true }
        state.wakeAll()
        for thread in threads { thread.join() }
    }

    package func submit(_ item: Int, for client: any HostWorkClient) {
        let hasDrainers = state.withLock { state in
            state.waiting.append(Work(item: item, client: client))
            return state.drainers > 0
        }
        // One that waits for an end would swallow the call.
        if hasDrainers { state.wakeAll() } else { state.wakeOne() }
    }

    package func drain(_ client: any HostWorkClient) {
        let id = ObjectIdentifier(client)
        // What is forgotten is released when the lock is free.
        let forgotten = state.withLock { state in
            let rest = state.waiting[state.taken...]
            state.waiting = rest.filter { ObjectIdentifier($0.client) != id }
            state.taken = 0
            state.drainers += 1
            return rest
        }
        _ = consume forgotten
        state.waiting { (state: inout State) -> Void? in
            if state.working.contains(id) { return nil }
            state.drainers -= 1
            return ()
        }
    }

    private enum Next {
        case work(Work)
        case end
    }

    private static func run(_ index: Int, _ state: Monitor<State>) {
        while true {
            let next: Next = state.waiting { state in
                if let work = state.take() {
                    state.working[index] = ObjectIdentifier(work.client)
                    return .work(work)
                }
                return state.isClosed ? .end : nil
            }
            guard case .work(let work) = next else { return }
            work.client.perform(work.item)
            let hasDrainers = state.withLock { state in
                state.working[index] = nil
                return state.drainers > 0
            }
            if hasDrainers { state.wakeAll() }
        }
    }
}

/// Does devices' work on the thread that submits it: for runs that repeat.
package final class WorkInTurn: HostWorkQueue {
    package init() {}

    package func submit(_ item: Int, for client: any HostWorkClient) { client.perform(item) }

    package func drain(_ client: any HostWorkClient) {}
}
