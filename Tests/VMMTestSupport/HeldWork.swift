internal import Synchronization
package import VMMCore

/// Does devices' work at once, or keeps it until a test has it done. Threading: any thread.
package final class HeldWork: HostWorkQueue {
    private struct State {
        var keeps = false
        var held: [(item: Int, client: any HostWorkClient)] = []
    }

    private let state = Mutex(State())

    package init() {}

    package var heldCount: Int { state.withLock { $0.held.count } }

    /// From now on, work waits for `perform`.
    package func keep(_ keeps: Bool = true) { state.withLock { $0.keeps = keeps } }

    /// Does what waits. Gives how much that was.
    @discardableResult
    package func perform(latestFirst: Bool = false) -> Int {
        let held = state.withLock { state in
            defer { state.held = [] }
            return state.held
        }
        for work in latestFirst ? held.reversed() : held { work.client.perform(work.item) }
        return held.count
    }

    package func submit(_ item: Int, for client: any HostWorkClient) {
        let isKept = state.withLock { state in
            if state.keeps { state.held.append((item, client)) }
            return state.keeps
        }
        if !isKept { client.perform(item) }
    }

    package func drain(_ client: any HostWorkClient) {
        let held = state.withLock { state in
            defer { state.held.removeAll { $0.client === client } }
            return state.held
        }
        _ = consume held
    }
}
