internal import Glibc
internal import HostBridge
internal import Synchronization
package import VMMCore

/// A program run as a child, with pipes for its standard descriptors, served by an event loop.
///
/// It has a process group of its own, so that a Ctrl-c for this process does not reach it, and it is killed when the loop's
/// thread ends, however that comes about.
///
/// SIGPIPE is ignored in the whole process once there was a child. Threading: made and used on the loop's thread only, where
/// `handler` is called too.
package final class ChildProcess: Sendable {
    package enum Ending: Hashable, Sendable {
        case exited(Int32)
        case signaled(Int32)
    }

    package enum Event: Sendable {
        /// Bytes of its standard output.
        case output([UInt8])
        /// Bytes of its standard error.
        case errors([UInt8])
        /// The last event: everything it wrote came before.
        case ended(Ending)
    }

    private struct State {
        var registrations: [EventLoop.Registration] = []
        var inputRegistration: EventLoop.Registration?
        /// For its standard input, not written yet.
        var pending: [UInt8] = []
        var inputIsOpen = true
        var hasEnded = false
    }

    private static let readSize = 64 << 10

    private let id: pid_t
    private let ending: Int32
    private let input: HostDescriptor
    private let output: HostDescriptor
    private let errors: HostDescriptor
    private let loop: EventLoop
    private let handler: @Sendable (Event) -> Void
    private let state = Mutex(State())

    /// - Parameters:
    ///   - path: the program; nothing is searched.
    ///   - arguments: without the program's name, which is `path`.
    package init(
        _ path: String, _ arguments: [String], loop: EventLoop, handler: @escaping @Sendable (Event) -> Void
    ) throws(ChildProcessError) {
        // A write to a child that has ended shall be an error, not the end of this process.
        _ = signal(SIGPIPE, SIG_IGN)
        let pipes = try Pipes()
        defer { pipes.close() }
        input = HostDescriptor(duplicating: pipes.input[1], for: .output)
        output = HostDescriptor(duplicating: pipes.output[0], for: .input)
        errors = HostDescriptor(duplicating: pipes.errors[0], for: .input)
        self.loop = loop
        self.handler = handler

        var child = pid_t()
        var descriptor: Int32 = -1
        // SAFETY: each string was made by strdup and lives until the child has its copies; the list ends with nil.
        let words = unsafe ([path] + arguments).map { unsafe strdup($0) } + [nil]
        defer { unsafe words.forEach { unsafe free($0) } }
        let reason = unsafe host_spawn(
            path, words, [pipes.input[0], pipes.output[1], pipes.errors[1]], &child, &descriptor)
        guard reason == 0 else { throw .cannotStart(path: path, errno: reason) }
        id = child
        ending = descriptor
    }

    /// Begins to read. Apart from `init`, so that the handler can refer to the object.
    package func start() throws(ChildProcessError) {
        do {
            var registrations = [try loop.register(ending, for: .readable) { [weak self] _ in self?.finish() }]
            for (descriptor, isErrors) in [(output, false), (errors, true)] {
                registrations.append(
                    try loop.register(descriptor.rawValue, for: .readable) { [weak self] _ in
                        self?.read(descriptor, isErrors: isErrors)
                    })
            }
            let watch = try loop.register(input.rawValue, for: []) { [weak self] _ in self?.writePending() }
            state.withLock { state in
                state.registrations = registrations
                state.inputRegistration = watch
            }
        } catch {
            throw .loopRefused(error)
        }
    }

    deinit {
        let (registrations, hasEnded) = state.withLock { state in
            (state.registrations + (state.inputRegistration.map { [$0] } ?? []), state.hasEnded)
        }
        for registration in registrations { loop.remove(registration) }
        if !hasEnded {
            _ = kill(-id, SIGKILL)
            _ = wait()
        }
        close(ending)
    }

    /// Sends bytes to its standard input, as it takes them. They are dropped when it has closed that.
    package func write(_ bytes: [UInt8]) {
        state.withLock { $0.pending += bytes }
        writePending()
    }

    /// Does nothing once it has ended.
    package func send(_ signal: Int32) {
        guard !state.withLock({ $0.hasEnded }) else { return }
        _ = kill(id, signal)
    }

    private func writePending() {
        state.withLock { state in
            while state.inputIsOpen, !state.pending.isEmpty {
                switch input.write(state.pending, count: state.pending.count) {
                case .count(let count): state.pending.removeFirst(count)
                case .wouldBlock:
                    watchInput(state, for: .writable)
                    return
                case .end, .failed:
                    state.inputIsOpen = false
                    state.pending = []
                }
            }
            watchInput(state, for: [])
        }
    }

    private func watchInput(_ state: borrowing State, for interest: Interest) {
        // A refusal leaves the bytes pending, and the guest waits for its line until the timeout.
        if let registration = state.inputRegistration { try? loop.modify(registration, for: interest) }
    }

    /// Reads once; an end or an error ends the watch.
    private func read(_ descriptor: HostDescriptor, isErrors: Bool) {
        switch next(descriptor) {
        case .bytes(let bytes): handler(isErrors ? .errors(bytes) : .output(bytes))
        case .later: break
        case .end:
            let index = isErrors ? 2 : 1
            guard
                let registration = state.withLock({
                    $0.registrations.indices.contains(index) ? $0.registrations[index] : nil
                })
            else { return }
            // The descriptor stays open: its number must not be used again while it counts as registered.
            try? loop.modify(registration, for: [])
        }
    }

    private enum Piece {
        case bytes([UInt8])
        case later, end
    }

    private func next(_ descriptor: HostDescriptor) -> Piece {
        var buffer = [UInt8](repeating: 0, count: Self.readSize)
        switch descriptor.read(into: &buffer, limit: buffer.count) {
        case .count(let count):
            buffer.removeLast(buffer.count - count)
            return .bytes(buffer)
        case .wouldBlock: return .later
        case .end, .failed: return .end
        }
    }

    /// It has ended: what is still in the pipes comes first.
    private func finish() {
        for (descriptor, isErrors) in [(output, false), (errors, true)] {
            while case .bytes(let bytes) = next(descriptor) { handler(isErrors ? .errors(bytes) : .output(bytes)) }
        }
        let registrations = state.withLock { state in
            defer {
                state.registrations = []
                state.inputRegistration = nil
                state.inputIsOpen = false
                state.hasEnded = true
            }
            return state.registrations + (state.inputRegistration.map { [$0] } ?? [])
        }
        for registration in registrations { loop.remove(registration) }
        handler(.ended(wait()))
    }

    private func wait() -> Ending {
        var status: Int32 = 0
        // SAFETY: `status` is valid for the call.
        while unsafe waitpid(id, &status, 0) < 0 && errno == EINTR {}
        let signal = status & 0x7F
        return signal == 0 ? .exited((status >> 8) & 0xFF) : .signaled(signal)
    }
}

package enum ChildProcessError: Error, Hashable, Sendable {
    case noPipe(errno: Int32)
    case cannotStart(path: String, errno: Int32)
    case loopRefused(EventLoopError)
}

/// Three pipes, read ends first.
private struct Pipes {
    let input: [Int32]
    let output: [Int32]
    let errors: [Int32]

    init() throws(ChildProcessError) {
        input = try Self.make()
        do throws(ChildProcessError) { output = try Self.make() } catch {
            Self.close(input)
            throw error
        }
        do throws(ChildProcessError) { errors = try Self.make() } catch {
            Self.close(input + output)
            throw error
        }
    }

    func close() { Self.close(input + output + errors) }

    private static func make() throws(ChildProcessError) -> [Int32] {
        var ends: [Int32] = [-1, -1]
        // SAFETY: room for two descriptors.
        let reason = unsafe host_pipe_pair(&ends)
        guard reason == 0 else { throw .noPipe(errno: reason) }
        return ends
    }

    private static func close(_ descriptors: [Int32]) { for descriptor in descriptors { Glibc.close(descriptor) } }
}
