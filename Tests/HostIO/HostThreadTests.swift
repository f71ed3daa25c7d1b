import Glibc
import HostIO
import Synchronization
import Testing
import VMMCore
import VMMTestSupport

@Suite(.timeLimit(.minutes(1))) struct HostThreadTests {
    @Test("a thread has its name, cut after 15 bytes, and join waits for its end")
    func name() throws {
        let seen = Recorder<String>()
        let thread = try HostThread.start(name: "vcpu 0 of the test machine") {
            let descriptor = unsafe open("/proc/thread-self/comm", O_RDONLY)
            defer { close(descriptor) }
            seen.record(String(decoding: Ends.read(100, from: descriptor), as: UTF8.self))
        }
        thread.join()
        thread.join()
        #expect(seen.values == ["vcpu 0 of the t\n"])
    }

    @Test("a thread blocks every signal but faults, PROF and its kick signal; the caller's mask stays")
    func mask() throws {
        let before = blockedSignals()
        let seen = Recorder<Set<Int32>>()
        try HostThread.start(name: "test", kickSignal: SIGUSR1) { seen.record(blockedSignals()) }.join()
        let blocked = try #require(seen.values.first)
        for signal in [SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGCONT, SIGUSR2, SIGPIPE] {
            #expect(blocked.contains(signal))
        }
        for signal in [SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGABRT, SIGSYS, SIGPROF, SIGUSR1] {
            #expect(!blocked.contains(signal))
        }
        #expect(blockedSignals() == before)
    }

    @Test("the kick signal interrupts a system call of the thread")
    func kick() throws {
        // Without SA_RESTART: `signal` would make the call go on.
        var action = sigaction()
        unsafe action.__sigaction_handler.sa_handler = { _ in }
        #expect(unsafe sigaction(SIGUSR1, &action, nil) == 0)
        let ends = Ends.pipe()
        let outcome = Recorder<Int32>()
        let thread = try HostThread.start(name: "test", kickSignal: SIGUSR1) {
            var byte: UInt8 = 0
            outcome.record(unsafe read(ends.far, &byte, 1) < 0 ? errno : 0)
        }
        // A kick may come before the call: kick until it is seen.
        while outcome.count == 0 {
            thread.send(SIGUSR1)
            sched_yield()
        }
        thread.join()
        #expect(outcome.values == [EINTR])
        thread.send(SIGUSR1)
    }

    @Test("a termination signal reaches the event loop, as often as it comes")
    func signalSource() throws {
        let log = Recorder<Int32>()
        let error = Recorder<SignalSourceError>()
        // All on one thread: in a test process other threads would die of a signal to the process.
        let loop = try EventLoop()
        try HostThread.start(name: "test") {
            do throws(SignalSourceError) {
                let source = try SignalSource([SIGUSR2], loop: loop, forcesOnRepeat: false) { signal in
                    log.record(signal)
                    if log.count == 2 { loop.stop() } else { raise(SIGUSR2) }
                }
                loop.perform { raise(SIGUSR2) }
                withExtendedLifetime(source) { loop.run() }
            } catch let failure {
                error.record(failure)
            }
        }.join()
        #expect(log.values == [SIGUSR2, SIGUSR2])
        #expect(error.count == 0)
    }
}

private func blockedSignals() -> Set<Int32> {
    var mask = sigset_t()
    unsafe pthread_sigmask(SIG_SETMASK, nil, &mask)
    return Set((1..<32).filter { unsafe sigismember(&mask, $0) == 1 })
}
