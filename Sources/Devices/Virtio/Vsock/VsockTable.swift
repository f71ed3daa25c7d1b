internal import VMMCore

/// The streams that there are, and those among them with something to do, in turn.
struct VsockTable: ~Copyable {
    /// Streams of a guest at once. With each one's buffer it bounds what a guest can have the host keep: 32 MiB.
    static let limit = 512
    /// Of a stream, for what its end does not take: as in other monitors, and the largest packet of Linux.
    static let bufferSize: UInt32 = 64 << 10
    /// Where the ports of streams begin that the host asks for: above those that people choose.
    private static let firstHostPort: UInt32 = 1 << 30

    private var byNumber: [UInt64: VsockStream] = [:]
    /// Without those that the guest has done with.
    private var byPorts: [VsockPorts: VsockStream] = [:]
    private var nextHostPort = firstHostPort
    private var forHost = VsockQueue<VsockStream>()
    private var forGuest = VsockQueue<VsockStream>()

    var isFull: Bool { byNumber.count >= Self.limit }
    var hasWorkForHost: Bool { !forHost.isEmpty }
    var hasWorkForGuest: Bool { !forGuest.isEmpty }
    var hasEstablished: Bool { byNumber.values.contains { $0.connection.phase == .established } }

    func stream(_ number: UInt64) -> VsockStream? { byNumber[number] }
    func stream(at ports: VsockPorts) -> VsockStream? { byPorts[ports] }

    /// Takes in a stream that the guest has asked for. False: its ports are taken by now, or there is no room.
    mutating func accept(_ request: VsockHeader, _ end: any VsockEnd) -> Bool {
        let ports = VsockPorts(guest: request.sourcePort, host: request.destinationPort)
        guard !isFull, byPorts[ports] == nil else { return false }
        let connection = VsockConnection(accepting: request, buffer: Self.bufferSize)
        insert(VsockStream(ports, end, connection, due: .response))
        return true
    }

    /// Takes in a stream that the host asks for. False: there is no room.
    mutating func request(_ end: any VsockEnd, guestPort: UInt32) -> Bool {
        guard !isFull else { return false }
        var ports = VsockPorts(guest: guestPort, host: nextHostPort)
        // There are more ports than streams.
        while byPorts[ports] != nil { ports.host = Self.port(after: ports.host) }
        nextHostPort = Self.port(after: ports.host)
        insert(VsockStream(ports, end, VsockConnection(requestedWithBuffer: Self.bufferSize), due: .request))
        return true
    }

    private static func port(after port: UInt32) -> UInt32 { port == .max - 1 ? firstHostPort : port + 1 }

    private mutating func insert(_ stream: VsockStream) {
        byNumber[stream.end.number] = stream
        byPorts[stream.ports] = stream
        changed(stream)
    }

    /// Something may be due to either side by now.
    mutating func changed(_ stream: VsockStream) {
        listForHost(stream)
        listForGuest(stream)
    }

    mutating func listForHost(_ stream: VsockStream) {
        guard !stream.isListedForHost else { return }
        stream.isListedForHost = true
        forHost.append(stream)
    }

    mutating func listForGuest(_ stream: VsockStream) {
        guard !stream.isListedForGuest else { return }
        stream.isListedForGuest = true
        forGuest.append(stream)
    }

    mutating func nextForHost() -> VsockStream? {
        let stream = forHost.popFirst()
        stream?.isListedForHost = false
        return stream
    }

    mutating func nextForGuest() -> VsockStream? {
        let stream = forGuest.popFirst()
        stream?.isListedForGuest = false
        return stream
    }

    /// The guest has done with the stream's ports: they may be another's.
    mutating func release(_ stream: VsockStream) {
        if byPorts[stream.ports] === stream { byPorts[stream.ports] = nil }
        forgetIfOver(stream)
    }

    mutating func forgetIfOver(_ stream: VsockStream) {
        guard stream.isOver else { return }
        if byPorts[stream.ports] === stream { byPorts[stream.ports] = nil }
        byNumber[stream.end.number] = nil
    }

    mutating func removeAll() {
        byNumber.removeAll()
        byPorts.removeAll()
        forHost.removeAll()
        forGuest.removeAll()
    }
}
