import Glibc
import Synchronization
import Testing
import VMMCore
import VMMTestSupport

/// Each test runs the loop on its own thread, and ends by `stop()`: nothing depends on time. The limit is one for emulated CPUs, where a
/// test waits for all that began with it.
@Suite(.timeLimit(.minutes(10))) struct EventLoopTests {
    private let loop: EventLoop
    private let log = Recorder<String>()

    init() throws { loop = try EventLoop() }

    @Test("jobs run in the order of their calls, also those that jobs add")
    func jobs() {
        loop.perform { [loop, log] in
            log.record("1")
            loop.perform {
                log.record("3")
                loop.stop()
            }
        }
        loop.perform { [log] in log.record("2") }
        loop.run()
        #expect(log.values == ["1", "2", "3"])
    }

    @Test("stop before run makes run return at once, after the jobs queued before")
    func stopFirst() {
        loop.perform { [log] in log.record("job") }
        loop.stop()
        loop.run()
        #expect(log.values == ["job"])
    }

    @Test("a job from another thread wakes the loop")
    func wakeUp() async {
        let loop = loop
        let thread = Task.detached { loop.run() }
        let done = Recorder<Int>()
        for number in 0..<1000 { loop.perform { done.record(number) } }
        loop.perform { loop.stop() }
        await thread.value
        #expect(done.values == Array(0..<1000))
    }

    @Test("a handler hears that its descriptor is readable, with the hang-up of the other end")
    func readable() throws {
        let pair = try SocketPair()
        pair.send("x")
        let registration = Recorder<EventLoop.Registration>()
        registration.record(
            try loop.register(pair.near, for: .readable) { [loop, log] readiness in
                log.record(readiness.contains(.readable) ? "readable" : "?")
                log.record(pair.receive())
                if readiness.contains(.hangUp) { loop.stop() } else { pair.closeFar() }
            })
        loop.run()
        #expect(log.values == ["readable", "x", "readable", ""])
    }

    @Test("only what the interest names is told; an empty interest tells not even of a hang-up")
    func interest() throws {
        let pair = try SocketPair()
        let registration = try loop.register(pair.near, for: []) { [loop, log] readiness in
            log.record(readiness == .writable ? "writable" : "?")
            loop.stop()
        }
        pair.send("x")
        // The loop looks at its descriptors before it runs the second job.
        loop.perform { [loop, log] in
            loop.perform {
                log.record("nothing before")
                #expect(throws: Never.self) { try loop.modify(registration, for: .writable) }
            }
        }
        loop.run()
        #expect(log.values == ["nothing before", "writable"])

        let quiet = try SocketPair()
        let closed = try loop2()
        let none = try closed.register(quiet.near, for: .readable) { [log] _ in log.record("never") }
        try closed.modify(none, for: [])
        quiet.closeFar()
        closed.perform { closed.perform { closed.perform { closed.stop() } } }
        closed.run()
        #expect(!log.values.contains("never"))
    }

    private func loop2() throws -> EventLoop { try EventLoop() }

    @Test("a handler that removes another one, ready in the same batch, silences it")
    func removeInHandler() throws {
        let pairs = try [SocketPair(), SocketPair()]
        let registrations = Recorder<EventLoop.Registration>()
        for pair in pairs {
            pair.send("x")
            registrations.record(
                try loop.register(pair.near, for: .readable) { [loop, log] _ in
                    log.record("called")
                    for registration in registrations.values { loop.remove(registration) }
                    loop.perform { loop.perform { loop.stop() } }
                })
        }
        loop.run()
        #expect(log.values == ["called"])
    }

    @Test("a descriptor number that is used again does not reach the old handler")
    func reusedDescriptor() throws {
        let old = try SocketPair()
        let registration = try loop.register(old.near, for: .readable) { [log] _ in log.record("old") }
        let number = old.near
        loop.remove(registration)
        let new = try SocketPair()
        old.closeNear()
        #expect(dup2(new.near, number) == number)
        defer { close(number) }
        _ = try loop.register(number, for: .readable) { [loop, log] _ in
            log.record("new")
            loop.stop()
        }
        new.send("x")
        loop.run()
        #expect(log.values == ["new"])
        #expect(throws: EventLoopError.notRegistered) { try loop.modify(registration, for: .readable) }
        loop.remove(registration)
    }

    @Test("a descriptor twice, a closed one, and a regular file are refused by name")
    func refusals() throws {
        let pair = try SocketPair()
        _ = try loop.register(pair.near, for: .readable) { _ in }
        #expect(throws: EventLoopError.alreadyRegistered(pair.near)) {
            try loop.register(pair.near, for: .readable) { _ in }
        }
        #expect(throws: EventLoopError.badDescriptor(-1)) { try loop.register(-1, for: .readable) { _ in } }
        let file = unsafe open("/proc/self/exe", O_RDONLY | O_CLOEXEC)
        defer { close(file) }
        #expect(throws: EventLoopError.notPollable(file)) { try loop.register(file, for: .readable) { _ in } }
    }

    @Test("timers fire by deadline, equal ones in the order of scheduling, not early")
    func timers() {
        let clock = HostClock()
        let base = clock.now
        for (name, delay) in [("c", 3), ("a", 1), ("b1", 2), ("b2", 2)] as [(String, UInt64)] {
            let deadline = base + .milliseconds(delay)
            _ = loop.schedule(at: deadline) { [log] in
                #expect(clock.now >= deadline)
                log.record(name)
            }
        }
        _ = loop.schedule(at: base + .milliseconds(4)) { [loop] in loop.stop() }
        loop.run()
        #expect(log.values == ["a", "b1", "b2", "c"])
    }

    @Test("a deadline of zero, or past, fires; one at the end of time does not disturb")
    func extremeDeadlines() {
        _ = loop.schedule(at: Nanoseconds(.max)) { [log] in log.record("never") }
        _ = loop.schedule(at: .zero) { [loop, log] in
            log.record("zero")
            loop.stop()
        }
        loop.run()
        #expect(log.values == ["zero"])
    }

    @Test("a cancelled timer does not fire, also when a timer due with it cancels it")
    func cancel() {
        let tokens = Recorder<EventLoop.TimerToken>()
        _ = loop.schedule(at: Nanoseconds(1)) { [loop, log] in
            log.record("first")
            log.record("\(loop.cancel(tokens.values[0]))")
            log.record("\(loop.cancel(tokens.values[0]))")
        }
        tokens.record(loop.schedule(at: Nanoseconds(2)) { [log] in log.record("cancelled") })
        let done = loop.schedule(at: Nanoseconds(3)) { [loop] in loop.stop() }
        loop.run()
        #expect(log.values == ["first", "true", "false"])
        #expect(!loop.cancel(done))
    }

    @Test("a timer that always schedules itself into the past does not starve jobs")
    func noStarvation() {
        @Sendable func again(_ loop: EventLoop) { _ = loop.schedule(at: .zero) { again(loop) } }
        again(loop)
        loop.perform { [loop] in loop.perform { loop.stop() } }
        loop.run()
    }

    @Test("thousands of timers, most of them cancelled, fire in order")
    func manyTimers() {
        let fired = Recorder<Int>()
        var tokens: [EventLoop.TimerToken] = []
        // A permutation of 0..<4096, so that the heap has work.
        for number in 0..<4096 {
            let slot = (number * 1237) % 4096
            tokens.append(loop.schedule(at: Nanoseconds(UInt64(slot) + 1)) { fired.record(slot) })
        }
        for (number, token) in tokens.enumerated() where number % 8 != 0 { loop.cancel(token) }
        _ = loop.schedule(at: Nanoseconds(5000)) { [loop] in loop.stop() }
        loop.run()
        #expect(fired.values == (0..<512).map { ($0 * 8 * 1237) % 4096 }.sorted())
    }
}

/// Two connected stream sockets.
private final class SocketPair: Sendable {
    let near: Int32
    private let far: Int32
    private let nearIsOpen = Mutex(true)
    private let farIsOpen = Mutex(true)

    init() throws {
        var pair: [Int32] = [-1, -1]
        try #require(unsafe socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &pair) == 0)
        (near, far) = (pair[0], pair[1])
    }

    deinit {
        closeNear()
        closeFar()
    }

    func send(_ text: String) { unsafe _ = write(far, text, text.utf8.count) }

    func receive() -> String {
        var bytes = [UInt8](repeating: 0, count: 100)
        let count = unsafe read(near, &bytes, bytes.count)
        return String(decoding: bytes.prefix(max(count, 0)), as: UTF8.self)
    }

    func closeNear() { closeOnce(nearIsOpen, near) }
    func closeFar() { closeOnce(farIsOpen, far) }

    private func closeOnce(_ isOpen: borrowing Mutex<Bool>, _ descriptor: Int32) {
        isOpen.withLock { open in
            if open { close(descriptor) }
            open = false
        }
    }
}
