import Synchronization
import Testing
import VMMCore
import VMMTestSupport
import VirtioDevices

@Suite struct LimitedStorageTests {
    private final class Client: BlockClient {
        let memory: GuestMemory
        let ends = Recorder<UInt64>()
        let abandoned = Recorder<UInt64>()

        init() throws {
            let ram = try #require(GuestRange(start: GuestAddress(0), size: 0x1_0000))
            memory = try GuestMemory([ram])
        }

        func completed(_ request: consuming BlockRequest, _ result: BlockResult) {
            (result == .abandoned ? abandoned : ends).record(request.tag)
        }
    }

    private let storage = ScriptedStorage()
    private let clock = ManualClock(now: .seconds(7))
    private let deadline = RecordingDeadline()

    private func limited(_ limits: RateLimits) -> LimitedStorage {
        LimitedStorage(storage, limits, clock: clock, scheduler: deadline)
    }

    private func submit(
        _ tags: ClosedRange<UInt64>, _ operation: BlockOperation = .flush, length: UInt64 = 0,
        to limited: LimitedStorage, for client: Client
    ) {
        for tag in tags {
            limited.submit(BlockRequest(tag: tag, operation: operation, offset: 0, length: length), for: client)
        }
        limited.commit()
    }

    @Test("a burst passes at once; the rest waits for the rate, and passes in its order")
    func operations() throws {
        let client = try Client()
        let limited = limited(RateLimits(operations: RateLimit(rate: 10, burst: 2)))
        submit(1...4, to: limited, for: client)
        #expect(client.ends.values == [1, 2])
        #expect(deadline.deadline == .milliseconds(7100))
        submit(5...5, to: limited, for: client)
        clock.advance(by: .milliseconds(100))
        #expect(deadline.take(at: clock.now))
        limited.deadlinePassed()
        #expect(client.ends.values == [1, 2, 3])
        #expect(deadline.deadline == .milliseconds(7200))
        clock.advance(by: .seconds(1))
        limited.deadlinePassed()
        #expect(client.ends.values == [1, 2, 3, 4, 5])
        #expect(limited.counters == [DeviceCounter("delayed", 3)])
        // Nothing waits any more, and the bucket is full again.
        clock.advance(by: .seconds(1))
        submit(6...6, to: limited, for: client)
        #expect(client.ends.values.last == 6)
    }

    @Test("bytes of reads and writes count; a discard or write of zeros moves none")
    func bytes() throws {
        let client = try Client()
        let limited = limited(RateLimits(bytes: RateLimit(rate: 1000, burst: 1024)))
        submit(1...1, .discard, length: 1 << 15, to: limited, for: client)
        submit(2...2, .writeZeroes(mayUnmap: false), length: 1 << 15, to: limited, for: client)
        submit(3...4, .read, length: 512, to: limited, for: client)
        submit(5...5, .write, length: 500, to: limited, for: client)
        #expect(client.ends.values == [1, 2, 3, 4])
        #expect(deadline.deadline == .milliseconds(7500))
    }

    @Test("a deadline too early, or too many, lets nothing pass")
    func spurious() throws {
        let client = try Client()
        let limited = limited(RateLimits(operations: RateLimit(rate: 1, burst: 1)))
        limited.deadlinePassed()
        submit(1...2, to: limited, for: client)
        clock.advance(by: .milliseconds(999))
        limited.deadlinePassed()
        #expect(client.ends.values == [1])
        #expect(deadline.deadline == .seconds(8))
    }

    @Test("a drain abandons what waits of its client, and of nobody else")
    func drain() throws {
        let (client, other) = (try Client(), try Client())
        let limited = limited(RateLimits(operations: RateLimit(rate: 1, burst: 1)))
        submit(1...3, to: limited, for: client)
        submit(4...4, to: limited, for: other)
        limited.drain(client)
        #expect(client.ends.values == [1] && client.abandoned.values == [2, 3])
        clock.advance(by: .seconds(5))
        limited.deadlinePassed()
        #expect(other.ends.values == [4] && other.abandoned.values.isEmpty)
        submit(5...5, to: limited, for: client)
        #expect(client.ends.values == [1])
        clock.advance(by: .seconds(1))
        limited.deadlinePassed()
        #expect(client.ends.values == [1, 5])
    }
}
