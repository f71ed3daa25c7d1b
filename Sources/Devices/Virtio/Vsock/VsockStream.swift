internal import VMMCore

/// A stream's name in packets.
struct VsockPorts: Hashable {
    var guest: UInt32
    var host: UInt32
}

/// One stream of the table: its connection, the guest's bytes that its end had no room for, and what is due to either side.
///
/// Each side asks what is due to it, one thing at a time, and does that; what changed is in here before anybody asks again.
final class VsockStream {
    /// What is to be done with the host's end.
    enum HostDuty {
        /// Tell it that the guest has accepted.
        case accept
        /// Write what waits.
        case write
        case shutDown(VsockHalves)
        case close
    }

    /// What the guest is to get.
    enum GuestDuty {
        case packet(VsockHeader.Operation, flags: UInt32 = 0)
        /// So many bytes at most, if the host's end has some.
        case data(UInt32)
    }

    /// Packets that somebody has asked for.
    struct Due: OptionSet {
        let rawValue: UInt8
        static let request = Due(rawValue: 1)
        static let response = Due(rawValue: 2)
        static let credit = Due(rawValue: 4)
        static let reset = Due(rawValue: 8)
    }

    let ports: VsockPorts
    let end: any VsockEnd
    var connection: VsockConnection
    var due: Due
    /// Of the guest, for the host's end.
    var waiting = VsockBytes()

    /// The last write found no room, and nobody has said since that there is some.
    var isBlocked = false
    /// The guest has accepted, and the end does not know.
    var isAcceptDue = false
    private var endKnows: VsockHalves = []
    private(set) var isEndClosed = false

    /// The end was not found empty since it last had something.
    var endMayHaveBytes = true
    private var guestKnows: VsockHalves = []
    private var hasAskedForCredit = false

    /// It is in the list of those with something to do for that side.
    var isListedForHost = false
    var isListedForGuest = false

    init(_ ports: VsockPorts, _ end: any VsockEnd, _ connection: consuming VsockConnection, due: Due) {
        self.ports = ports
        self.end = end
        self.connection = connection
        self.due = due
    }

    /// Nothing is left to be done.
    var isOver: Bool { connection.phase == .closed && due.isEmpty && isEndClosed }

    /// The next thing to do for the host's end; it counts as done.
    func nextForHost() -> HostDuty? {
        guard !isEndClosed else { return nil }
        if isAcceptDue {
            isAcceptDue = false
            return .accept
        }
        // What the guest sent before an orderly end is the program's, whoever is slow.
        if !waiting.isEmpty, isBlocked, connection.phase == .established { return tell(.receives) }
        if !waiting.isEmpty { return isBlocked ? nil : .write }
        if connection.endIfDone() { due = .reset }
        guard connection.phase != .closed else {
            isEndClosed = true
            return .close
        }
        return tell([.sends, .receives])
    }

    /// Tells the end what of `halves` the guest does no more.
    private func tell(_ halves: VsockHalves) -> HostDuty? {
        let news = connection.guestHalves.intersection(halves).subtracting(endKnows)
        guard !news.isEmpty else { return nil }
        endKnows.formUnion(news)
        return .shutDown(news)
    }

    /// The next thing to do for the guest; it counts as done, but for data.
    func nextForGuest() -> GuestDuty? {
        if due.contains(.reset) {
            due = []
            return .packet(.reset)
        }
        if due.contains(.request) {
            due.remove(.request)
            return .packet(.request)
        }
        guard connection.phase == .established else { return nil }
        if due.contains(.response) {
            due.remove(.response)
            return .packet(.response)
        }
        if let duty = nextData() { return duty }
        let news = connection.hostHalves.subtracting(guestKnows)
        if !news.isEmpty {
            guestKnows.formUnion(news)
            return .packet(.shutdown, flags: VsockHeader.flags(guestKnows))
        }
        if due.contains(.credit) || connection.owesCredit {
            due.remove(.credit)
            return .packet(.creditUpdate)
        }
        return nil
    }

    private func nextData() -> GuestDuty? {
        guard endMayHaveBytes, !connection.hostHalves.contains(.sends), !connection.guestHalves.contains(.receives)
        else { return nil }
        let credit = connection.credit
        if credit > 0 {
            hasAskedForCredit = false
            return .data(credit)
        }
        // A guest whose update got lost would otherwise never be asked.
        guard !hasAskedForCredit else { return nil }
        hasAskedForCredit = true
        return .packet(.creditRequest)
    }

    /// The stream ends at once, and the guest is told. Without effect when it had ended.
    func abort() {
        guard connection.abort() else { return }
        due = .reset
        drop()
    }

    /// The guest has reset the stream. What it had sent before it shut down its side still goes to the host's end.
    func wasReset() {
        due = []
        if !connection.guestHalves.contains(.sends) { drop() }
    }

    /// Nobody wants the bytes that wait.
    func drop() {
        waiting.removeAll()
        isBlocked = false
    }

    /// The host's end takes no more.
    func endStopsReceiving() {
        connection.shutDownHost(.receives)
        drop()
    }
}
