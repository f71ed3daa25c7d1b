import HostIO
import Testing
import VMMCore
import VMMTestSupport

/// Work of devices, on threads.
@Suite struct WorkerThreadsTests {
    /// Counts its work, or waits in it until it is let go.
    private final class Client: HostWorkClient {
        struct State {
            var done: [Int] = []
            var begun = 0
            var holds = false
        }

        let state = Monitor<State>(State())

        func perform(_ item: Int) {
            state.withLock { $0.begun += 1 }
            state.wakeAll()
            state.waiting { (state: inout State) -> Void? in
                if state.holds { return nil }
                state.done.append(item)
                return ()
            }
            state.wakeAll()
        }

        func hold(_ holds: Bool) {
            state.withLock { $0.holds = holds }
            state.wakeAll()
        }

        func wait(done count: Int) { state.waiting { $0.done.count >= count ? () : nil } }
        func wait(begun count: Int) { state.waiting { $0.begun >= count ? () : nil } }
    }

    @Test("all work is done, each once")
    func all() throws {
        let threads = try WorkerThreads(name: "test", count: 3)
        let client = Client()
        for item in 0..<1000 { threads.submit(item, for: client) }
        client.wait(done: 1000)
        #expect(client.state.withLock { Set($0.done) } == Set(0..<1000))
        #expect(client.state.withLock { $0.done.count } == 1000)
    }

    @Test("one that waits for the host keeps nobody else waiting")
    func independent() throws {
        let threads = try WorkerThreads(name: "test", count: 2)
        let (slow, quick) = (Client(), Client())
        slow.hold(true)
        threads.submit(1, for: slow)
        slow.wait(begun: 1)
        for item in 0..<100 { threads.submit(item, for: quick) }
        quick.wait(done: 100)
        #expect(quick.state.withLock { $0.done } == Array(0..<100))
        slow.hold(false)
        slow.wait(done: 1)
    }

    @Test("a drain waits for what has begun and forgets the rest; other clients' work is done")
    func drain() throws {
        let threads = try WorkerThreads(name: "test", count: 1)
        let (client, other) = (Client(), Client())
        client.hold(true)
        for item in 0..<10 { threads.submit(item, for: client) }
        threads.submit(7, for: other)
        client.wait(begun: 1)
        let drainer = VMMTestSupport.HostThread { threads.drain(client) }
        client.hold(false)
        #expect(drainer.finishes(within: 20))
        other.wait(done: 1)
        let (done, begun) = client.state.withLock { ($0.done.count, $0.begun) }
        #expect(done == begun)
        // Nobody is left waiting, and new work is taken.
        threads.submit(11, for: client)
        client.wait(done: done + 1)
    }
}
