import Synchronization
import Testing
import VMMCore
import VMMTestSupport

/// `kick()` and several CPUs. A lost wake-up fails a test after 20 s instead of hanging it.
@Suite struct KickContract {
    private typealias Layout = ContractLayout

    @Test("a kick before run() makes it return .interrupted, once", arguments: ContractBackends.all)
    func before(_ backend: any ContractBackend) throws {
        func check(_ backend: some ContractBackend) throws {
            let guest = try ContractMachine(backend, .init(.write(Layout.device, .word, 1), .end))
            guest.cpu.kick()
            guest.cpu.kick()
            #expect(try guest.cpu.run() == .interrupted)
            #expect(try guest.cpu.run() == .mmioWrite(address: Layout.device, width: .word, value: 1))
            guest.cpu.kick()
            #expect(try guest.cpu.run() == .interrupted)
            #expect(try guest.cpu.run() == .end)
        }
        try check(backend)
    }

    @Test("a kick ends a spinning guest, again and again; none is lost", arguments: ContractBackends.all)
    func spinning(_ backend: any ContractBackend) throws {
        func check(_ backend: some ContractBackend) throws {
            let guest = try ContractMachine(backend, .init(.spin))
            try kick(guest, times: 300)
        }
        try check(backend)
    }

    @Test("no kick is lost between exits either", arguments: ContractBackends.all)
    func exiting(_ backend: any ContractBackend) throws {
        func check(_ backend: some ContractBackend) throws {
            let guest = try ContractMachine(
                backend,
                .init(.loop(count: .max, [.write(Layout.device, .word, 1), .read(Layout.device, .word)]), .spin))
            try kick(guest, times: 300)
        }
        try check(backend)
    }

    /// Kicks, waits for the `.interrupted` that answers, `times` times over.
    private func kick<Backend: ContractBackend>(_ guest: ContractMachine<Backend>, times: Int) throws {
        let seen = Atomic<Int>(0)
        let isOver = Atomic<Bool>(false)
        let unexpected = Mutex<String?>(nil)
        try withThread {
            do {
                while !isOver.load(ordering: .acquiring) {
                    switch try guest.cpu.run() {
                    case .interrupted: seen.add(1, ordering: .sequentiallyConsistent)
                    case .mmioRead: guest.cpu.completeRead(0)
                    case .mmioWrite: break
                    case let other: return unexpected.withLock { $0 = "\(other)" }
                    }
                }
            } catch { unexpected.withLock { $0 = "\(error)" } }
        } while: {
            for round in 1...times {
                guest.cpu.kick()
                guard waits(until: { seen.load(ordering: .sequentiallyConsistent) >= round }) else {
                    Issue.record("kick \(round) was lost")
                    break
                }
            }
            isOver.store(true, ordering: .releasing)
            guest.cpu.kick()
        }
        #expect(unexpected.withLock { $0 } == nil)
        #expect(seen.load(ordering: .relaxed) <= times + 1, "an .interrupted without a kick")
    }

    @Test("two CPUs run at the same time and see each other's stores", arguments: ContractBackends.all)
    func twoCPUs(_ backend: any ContractBackend) throws {
        func check(_ backend: some ContractBackend) throws {
            let guest = try ContractMachine(
                backend, vcpuCount: 2,
                .init(
                    .startProcessor(VCPUIndex(1), entry: Layout.secondaryCode),
                    .write(Layout.flagA, .byte, 1), .waitUntilSet(Layout.flagB), .end))
            try guest.loadSecondary(
                .init(.waitUntilSet(Layout.flagA), .write(Layout.flagB, .byte, 1), backend.secondaryEnd.operation)
            )
            let exits = Mutex<[Int: VCPUExit]>([:])
            let threads = guest.cpus.indices.map { index in
                HostThread {
                    let exit = try? guest.cpus[index].run()
                    exits.withLock { $0[index] = exit }
                }
            }
            for (index, thread) in threads.enumerated() where !thread.finishes(within: 20) {
                guest.cpus[index].kick()
                _ = thread.finishes(within: 20)
                Issue.record("CPU \(index) was at \(String(describing: try? guest.cpus[index].registers()))")
            }
            #expect(exits.withLock { $0[0] } == .end)
            #expect(exits.withLock { $0[1] } == backend.secondaryEnd.exit)
        }
        try check(backend)
    }

    @Test("a CPU that waits to be started can be kicked", arguments: ContractBackends.all)
    func waiting(_ backend: any ContractBackend) throws {
        func check(_ backend: some ContractBackend) throws {
            let guest = try ContractMachine(backend, vcpuCount: 2, .init(.end))
            let exits = Atomic<Int>(0)
            try withThread {
                for _ in 0..<10 where (try? guest.cpus[1].run()) == .interrupted {
                    exits.add(1, ordering: .sequentiallyConsistent)
                }
            } while: {
                for round in 1...10 {
                    guest.cpus[1].kick()
                    #expect(waits(until: { exits.load(ordering: .sequentiallyConsistent) >= round }))
                }
            }
        }
        try check(backend)
    }

    /// Runs `body` on a thread of its own, and `main` on this one, and waits for both.
    private func withThread(_ body: @escaping @Sendable () -> Void, while main: () throws -> Void) throws {
        let thread = HostThread(body)
        try main()
        try #require(thread.finishes(within: 20), "the vCPU's thread did not come back")
    }
}
