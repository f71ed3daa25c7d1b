import Glibc
import HostIO
import Synchronization
import Testing
import VMMCore
import VMMTestSupport

/// A device's place: keeps what it is asked and told, and lets a test wait for it.
final class RecordingVsockClient: VsockClient {
    let asked = Recorder<(port: UInt32, end: any VsockEnd)>()
    let abandoned = Recorder<UInt64>()
    let isAsked = Gate()
    let isAbandoned = Gate()
    let isReadable = Gate()
    let isWritable = Gate()
    let isOnTurn = Gate()
    private let accepts: Bool

    init(accepts: Bool = true) { self.accepts = accepts }

    func connect(_ end: any VsockEnd, guestPort: UInt32) -> Bool {
        asked.record((guestPort, end))
        isAsked.open()
        return accepts
    }

    func abandon(_ number: UInt64) {
        abandoned.record(number)
        isAbandoned.open()
    }

    func canRead(_ number: UInt64) { isReadable.open() }
    func canWrite(_ number: UInt64) { isWritable.open() }
    func proceed() { isOnTurn.open() }

    /// The next end that asks.
    func next(_ location: SourceLocation = #_sourceLocation) throws -> any VsockEnd {
        isAsked.wait()
        return try #require(asked.values.last, sourceLocation: location).end
    }

    /// Reads `count` bytes of an end, waiting to be told of them.
    func receive(_ count: Int, from end: any VsockEnd) -> [UInt8] {
        var received: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 4096)
        while received.count < count {
            switch end.read(into: &piece, limit: min(piece.count, count - received.count)) {
            case .moved(let got): received += piece[..<got]
            case .wouldBlock: isReadable.wait()
            case .ended, .failed: return received
            }
        }
        return received
    }

    /// Writes all bytes to an end, waiting to be told of room.
    func send(_ bytes: [UInt8], to end: any VsockEnd) {
        var rest = bytes
        while !rest.isEmpty {
            switch end.write(rest, count: rest.count) {
            case .moved(let count): rest.removeFirst(count)
            case .wouldBlock: isWritable.wait()
            case .ended, .failed: return
            }
        }
    }
}

/// A program of the host: one end of a Unix socket. Closed at the end of its life.
final class Program: Sendable {
    let descriptor: Int32
    private let isOpen = Mutex(true)

    init(_ descriptor: Int32) { self.descriptor = descriptor }

    init(connectingTo path: String, _ location: SourceLocation = #_sourceLocation) throws {
        descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        let address = try #require(Self.address(path), sourceLocation: location)
        let isConnected = unsafe withUnsafePointer(to: address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0
            }
        }
        #expect(isConnected, sourceLocation: location)
    }

    deinit { close() }

    func close() {
        let wasOpen = isOpen.withLock { isOpen in
            defer { isOpen = false }
            return isOpen
        }
        if wasOpen { Glibc.close(descriptor) }
    }

    func send(_ bytes: [UInt8]) { Ends.write(bytes, to: descriptor) }
    func send(_ text: String) { send(Array(text.utf8)) }
    func receive(_ count: Int) -> [UInt8] { Ends.read(count, from: descriptor) }
    func line() -> String { String(decoding: receiveLine(), as: UTF8.self) }
    func shutDown(_ how: Int) { Glibc.shutdown(descriptor, Int32(how)) }

    private func receiveLine() -> [UInt8] {
        var line: [UInt8] = []
        while let byte = receive(1).first, byte != UInt8(ascii: "\n") { line.append(byte) }
        return line
    }

    /// Nothing comes any more.
    var isAtEnd: Bool { receive(1).isEmpty }

    static func address(_ path: String) -> sockaddr_un? {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else { return nil }
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: bytes) }
        return address
    }

    /// A socket that listens at `path`.
    static func listener(at path: String) throws -> Program {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        let address = try #require(Self.address(path))
        let isBound = unsafe withUnsafePointer(to: address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0
            }
        }
        #expect(isBound && listen(descriptor, 8) == 0)
        return Program(descriptor)
    }

    func accept() -> Program { Program(Glibc.accept(descriptor, nil, nil)) }
}

/// A directory for sockets, with a short path. It and what was named in it go at the end of its life.
final class SocketDirectory: Sendable {
    private let place: String
    private let names = Mutex<Set<String>>([])

    init() throws {
        var template = Array("/tmp/vsock-XXXXXX".utf8CString)
        let isMade = unsafe mkdtemp(&template) != nil
        #expect(isMade)
        place = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit {
        for name in names.withLock({ $0 }) { unsafe unlink(name) }
        unsafe rmdir(place)
    }

    func path(_ name: String) -> String {
        let path = "\(place)/\(name)"
        names.withLock { _ = $0.insert(path) }
        return path
    }
}
