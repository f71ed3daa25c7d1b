internal import Glibc
internal import HostBridge
internal import Synchronization
package import VMMCore

/// Writes all frames of a network to a file that tcpdump and Wireshark read, also while it grows: whole records, a write a batch.
///
/// Between a back end and its client. Frames stand as the two sides hand them over: large ones whole, and checksums that are left to
/// the other side not complete. Nothing is allocated for a frame. Source: draft-ietf-opsawg-pcap, with nanoseconds. Threading: any thread.
package final class PacketCapture: NetworkBackend {
    private struct State {
        /// With room for a batch and the largest record after it.
        var records: [UInt8] = []
        /// Nil: writing has failed.
        var file: HostFileWriter?
    }

    /// Ethernet. Source: the link types of pcap.
    private static let linkType: UInt32 = 1
    /// So much is kept for one write.
    private static let batchSize = 128 << 10
    private static let recordHeaderSize = 16

    private let network: any NetworkBackend
    private let state: Mutex<State>
    private let onFailure: @Sendable (NetworkFailure) -> Void
    /// Keeps the client's place while it is attached.
    private let tap = Mutex<CaptureClient?>(nil)

    /// Makes the file, or empties it.
    package init(
        of network: any NetworkBackend, to path: String, onFailure: @escaping @Sendable (NetworkFailure) -> Void
    ) throws(NetworkError) {
        self.network = network
        self.onFailure = onFailure
        do throws(HostFileError) {
            let file = try HostFileWriter(path)
            // Magic of nanoseconds, version 2.4, two zeros, the longest frame, the link type.
            let snapshotLength = UInt32(NetworkFrame.maximumSize - NetworkFrame.headerSize)
            let words: [UInt32] = [0xA1B2_3C4D, 4 << 16 | 2, 0, 0, snapshotLength, Self.linkType]
            var header: [UInt8] = []
            for word in words { header.append(word) }
            try file.write(header)
            var records: [UInt8] = []
            records.reserveCapacity(Self.batchSize + Self.recordHeaderSize + NetworkFrame.maximumSize)
            state = Mutex(State(records: records, file: file))
        } catch {
            throw .capture(error)
        }
    }

    package var properties: NetworkProperties { network.properties }
    package var isLinkUp: Bool { network.isLinkUp }

    package func attach(_ client: any NetworkClient, offloads: NetworkOffloads) {
        // The client that is attached keeps its place.
        let place = tap.withLock { tap in
            if let tap, tap.client === client { return tap }
            let place = CaptureClient(client, self)
            tap = place
            return place
        }
        network.attach(place, offloads: offloads)
    }

    package func detach() {
        network.detach()
        tap.withLock { $0 = nil }
        flush()
    }

    package func send(_ bytes: [UInt8], _ range: Range<Int>) -> Bool {
        guard network.send(bytes, range) else { return false }
        record(bytes, range)
        return true
    }

    package func commit() {
        network.commit()
        flush()
    }

    package func resumeReceiving() { network.resumeReceiving() }

    fileprivate func record(_ bytes: [UInt8], _ range: Range<Int>) {
        var time = timespec()
        // SAFETY: `time` is valid for the call.
        unsafe _ = clock_gettime(CLOCK_REALTIME, &time)
        let frame = range.dropFirst(NetworkFrame.headerSize)
        let isFull = state.withLock { state in
            guard state.file != nil else { return false }
            let length = UInt32(truncatingIfNeeded: frame.count)
            let seconds = UInt32(truncatingIfNeeded: time.tv_sec)
            state.records.append(seconds)
            state.records.append(UInt32(truncatingIfNeeded: time.tv_nsec))
            state.records.append(length)
            state.records.append(length)
            state.records += bytes[frame]
            return state.records.count >= Self.batchSize
        }
        if isFull { flush() }
    }

    fileprivate func flush() {
        let failure = state.withLock { state -> HostFileError? in
            guard let file = state.file, !state.records.isEmpty else { return nil }
            defer { state.records.removeAll(keepingCapacity: true) }
            do throws(HostFileError) {
                try file.write(state.records)
                return nil
            } catch {
                state.file = nil
                return error
            }
        }
        if let failure { onFailure(.captureEnded(failure)) }
    }
}

extension [UInt8] {
    /// The lowest byte first.
    fileprivate mutating func append(_ word: UInt32) {
        append(UInt8(truncatingIfNeeded: word))
        append(UInt8(truncatingIfNeeded: word >> 8))
        append(UInt8(truncatingIfNeeded: word >> 16))
        append(UInt8(truncatingIfNeeded: word >> 24))
    }
}

/// The device's place, as the back end sees it.
private final class CaptureClient: NetworkClient {
    let client: any NetworkClient
    private unowned let capture: PacketCapture

    init(_ client: any NetworkClient, _ capture: PacketCapture) {
        self.client = client
        self.capture = capture
    }

    func receive(_ bytes: [UInt8], _ range: Range<Int>) -> Bool {
        guard client.receive(bytes, range) else { return false }
        capture.record(bytes, range)
        return true
    }

    func receivedAll() {
        client.receivedAll()
        capture.flush()
    }

    func canSend() { client.canSend() }
    func linkChanged(isUp: Bool) { client.linkChanged(isUp: isUp) }
}
