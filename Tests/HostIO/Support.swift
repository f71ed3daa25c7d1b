import Glibc
import HostIO
import Synchronization
import Testing
import VMMCore
import VMMTestSupport

/// The one under test; VMMTestSupport has another.
typealias HostThread = HostIO.HostThread

/// An event loop on a thread of its own, stopped and joined at the end of its life.
final class RunningLoop: Sendable {
    let loop: EventLoop
    private let thread: HostThread

    init() throws {
        let loop = try EventLoop()
        self.loop = loop
        thread = try HostThread.start(name: "test loop") { loop.run() }
    }

    deinit {
        loop.stop()
        thread.join()
    }

    /// Returns when the loop has run everything that was queued before.
    func settle() {
        let done = Gate()
        loop.perform { done.open() }
        done.wait()
    }
}

/// Lets a thread wait for something that another one says, once for each time it is said.
final class Gate: Sendable {
    private let ends: Ends

    init() { ends = Ends.pipe() }

    func open() { ends.send([1]) }
    func wait() { _ = ends.receive(1) }
}

/// Two ends of a pipe, socket pair or pseudo-terminal; closed at the end of its life.
final class Ends: Sendable {
    /// Where the test reads, and for sockets and terminals also writes.
    let far: Int32
    let near: Int32
    private let open: Mutex<Set<Int32>>

    private init(far: Int32, near: Int32) {
        (self.far, self.near) = (far, near)
        open = Mutex([far, near])
    }

    deinit { open.withLock { for descriptor in $0 { close(descriptor) } } }

    /// `far` reads what is written to `near`.
    static func pipe() -> Ends {
        var ends: [Int32] = [-1, -1]
        #expect(unsafe Glibc.pipe(&ends) == 0)
        return Ends(far: ends[0], near: ends[1])
    }

    static func sockets() -> Ends {
        var ends: [Int32] = [-1, -1]
        #expect(unsafe socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0)
        return Ends(far: ends[0], near: ends[1])
    }

    /// `near` is the terminal; `far` is who looks at it and types.
    static func terminal() -> Ends {
        var far: Int32 = -1
        var near: Int32 = -1
        #expect(unsafe openpty(&far, &near, nil, nil, nil) == 0)
        return Ends(far: far, near: near)
    }

    func closeFar() { closeOnce(far) }
    func closeNear() { closeOnce(near) }

    /// `near`, which is the caller's from now on.
    func giveNear() -> Int32 {
        _ = open.withLock { $0.remove(near) }
        return near
    }

    private func closeOnce(_ descriptor: Int32) {
        if open.withLock({ $0.remove(descriptor) }) != nil { close(descriptor) }
    }

    /// Writes to `near`, for a pipe, all of it.
    func send(_ bytes: [UInt8]) { Self.write(bytes, to: near) }
    func send(_ text: String) { send(Array(text.utf8)) }

    /// Writes to `far`, as a user types.
    func type(_ bytes: [UInt8]) { Self.write(bytes, to: far) }
    func type(_ text: String) { type(Array(text.utf8)) }

    /// Reads from `far` until `count` bytes have come, or the end.
    func receive(_ count: Int) -> [UInt8] { Self.read(count, from: far) }

    static func write(_ bytes: [UInt8], to descriptor: Int32) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let written = unsafe rest.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
            guard written > 0 else { return }
            rest = rest.dropFirst(written)
        }
    }

    static func read(_ count: Int, from descriptor: Int32) -> [UInt8] {
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 65536)
        while bytes.count < count {
            let got = unsafe Glibc.read(descriptor, &piece, min(piece.count, count - bytes.count))
            guard got > 0 else { break }
            bytes += piece[..<got]
        }
        return bytes
    }
}

extension CharacterChannel {
    func write(_ text: String) { for byte in text.utf8 { write(byte) } }

    /// Reads `count` bytes, waiting for input by the handler.
    func receive(_ count: Int) -> [UInt8] {
        let arrived = Gate()
        setInputHandler { arrived.open() }
        defer { setInputHandler(nil) }
        var bytes: [UInt8] = []
        while bytes.count < count {
            if let byte = read() { bytes.append(byte) } else { arrived.wait() }
        }
        return bytes
    }
}
