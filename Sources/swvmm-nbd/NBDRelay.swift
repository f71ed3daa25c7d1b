internal import Glibc
internal import HostIO
internal import NBD

/// Requests from swvmm's socket to a server, and its replies back.
final class NBDRelay {
    private let connection: NBDConnection
    private let slots: NBDSlots
    private let socket: Int32
    /// What requests under way are for.
    private var underWay: [NBDConnection.Ticket: Purpose] = [:]
    /// Received, and not a whole request yet.
    private var input: [UInt8] = []
    private var piece = [UInt8](repeating: 0, count: NBDChannel.slotCount * NBDRequest.size)
    private var output: [UInt8] = []

    private struct Purpose {
        let slot: UInt16
        /// A flush makes it durable when it has ended.
        var wantsFlush = false
    }

    init(_ connection: NBDConnection, slots: NBDSlots, socket: Int32) {
        self.connection = connection
        self.slots = slots
        self.socket = socket
    }

    /// Returns when swvmm has closed the socket: true; or when the server is lost.
    func run() -> Bool {
        let facts = connection.facts
        let export = NBDExport(
            size: facts.size, isReadOnly: facts.isReadOnly, canWriteZeroes: facts.canWriteZeroes,
            minimumBlock: facts.minimumBlock, preferredBlock: facts.preferredBlock,
            maximumBlock: facts.maximumBlock)
        guard Self.send(NBDAnswer.ready(export).bytes, socket) else { return true }
        while true {
            let watch = connection.watch
            var polled = [
                pollfd(fd: socket, events: Int16(POLLIN), revents: 0),
                pollfd(fd: watch.descriptor, events: watch.events, revents: 0),
            ]
            // SAFETY: the array has two entries.
            guard unsafe poll(&polled, nfds_t(polled.count), -1) >= 0 || errno == EINTR else { return false }
            connection.proceed(polled[1].revents)
            if polled[0].revents != 0, !takeRequests() {
                connection.close()
                return true
            }
            takeEnded()
            guard output.isEmpty || Self.send(output, socket) else { return true }
            output.removeAll(keepingCapacity: true)
            if connection.isLost { return false }
        }
    }

    /// False: the other end is gone, or breaks the rules.
    private func takeRequests() -> Bool {
        // SAFETY: the array has `count` bytes.
        let count = unsafe recv(socket, &piece, piece.count, Int32(MSG_DONTWAIT))
        guard count > 0 else { return count < 0 && (errno == EAGAIN || errno == EINTR) }
        input += piece[..<count]
        var start = 0
        while input.count - start >= NBDRequest.size {
            guard let request = NBDRequest(input, at: start) else { return false }
            begin(request)
            start += NBDRequest.size
        }
        input.removeFirst(start)
        return true
    }

    private func begin(_ request: NBDRequest) {
        let facts = connection.facts
        let wantsFlush = request.isDurable && !facts.canForce && facts.canFlush
        let force = request.isDurable && facts.canForce
        do throws(NBDConnection.Refusal) {
            let ticket: NBDConnection.Ticket
            switch request.operation {
            case .read, .write:
                // SAFETY: the slot is the request's until its reply, and stays mapped.
                let bytes = unsafe slots.bytes(Int(request.slot), Int(request.length))
                ticket =
                    request.operation == .read
                    ? unsafe try connection.read(bytes, at: request.offset)
                    : unsafe try connection.write(bytes, at: request.offset, force: force)
            case .flush:
                // Without it, writes are durable when they complete.
                guard facts.canFlush else { return reply(request.slot, 0) }
                ticket = try connection.flush()
            case .discard:
                // Only a hint.
                guard facts.canDiscard else { return reply(request.slot, 0) }
                ticket = try connection.discard(at: request.offset, UInt64(request.length))
            case .writeZeroes:
                ticket = try connection.writeZeroes(
                    at: request.offset, UInt64(request.length), mayUnmap: request.mayUnmap, force: force)
            }
            underWay[ticket] = Purpose(slot: request.slot, wantsFlush: wantsFlush)
        } catch {
            reply(request.slot, error.errno)
        }
    }

    private func takeEnded() {
        while let (ticket, code) = connection.takeEnded() {
            guard let purpose = underWay.removeValue(forKey: ticket) else { continue }
            guard code == 0, purpose.wantsFlush else {
                reply(purpose.slot, code)
                continue
            }
            do throws(NBDConnection.Refusal) {
                underWay[try connection.flush()] = Purpose(slot: purpose.slot)
            } catch {
                reply(purpose.slot, error.errno)
            }
        }
    }

    private func reply(_ slot: UInt16, _ code: Int32) { NBDReply(slot: slot, errno: code).append(to: &output) }

    /// The socket has room for the replies of all slots: this does not wait for long. False: the other end is gone.
    static func send(_ bytes: [UInt8], _ socket: Int32) -> Bool {
        var done = 0
        while done < bytes.count {
            // SAFETY: the rest of the array.
            let count = unsafe bytes.withUnsafeBytes { buffer in
                unsafe Glibc.send(
                    socket, buffer.baseAddress.map { unsafe $0 + done }, buffer.count - done,
                    Int32(MSG_NOSIGNAL))
            }
            guard count > 0 || (count < 0 && errno == EINTR) else { return false }
            done += max(0, count)
        }
        return true
    }
}
