import Testing
import VMMCore
import VirtioDevices

/// Source: virtio 1.2 §5.10.6.
@Suite struct VsockConnectionTests {
    private func packet(
        _ operation: VsockHeader.Operation, length: UInt32 = 0, flags: UInt32 = 0, room: UInt32 = 1000,
        forwarded: UInt32 = 0
    ) -> VsockHeader {
        var header = VsockHeader(from: (3, 1024), to: (2, 80), operation, length: length, flags: flags)
        header.bufferSize = room
        header.forwarded = forwarded
        return header
    }

    @Test("§5.10.6: struct virtio_vsock_hdr is 44 bytes, little endian, and comes back as it went")
    func layout() {
        var header = VsockHeader(
            from: (0x0102, 0x0304_0506), to: (2, 0x0708_090A), .shutdown, length: 0x0B0C_0D0E, flags: 3)
        header.bufferSize = 0x1112_1314
        header.forwarded = 0x2122_2324
        var bytes: [UInt8] = []
        header.encode(to: &bytes)
        #expect(bytes.count == VsockHeader.size)
        #expect(bytes[0..<8] == [2, 1, 0, 0, 0, 0, 0, 0])
        #expect(bytes[16..<28] == [6, 5, 4, 3, 0x0A, 9, 8, 7, 0x0E, 0x0D, 0x0C, 0x0B])
        #expect(bytes[28..<36] == [1, 0, 4, 0, 3, 0, 0, 0])
        #expect(bytes[36..<44] == [0x14, 0x13, 0x12, 0x11, 0x24, 0x23, 0x22, 0x21])
        #expect(VsockHeader(bytes) == header)
        #expect(VsockHeader(Array(bytes.dropLast())) == nil)
    }

    @Test("§5.10.6.4.1: RST goes back to the sender with the type that it used")
    func refusal() {
        let answer = VsockHeader(from: (3, 1024), to: (2, 80), .data, length: 9, type: 77).refusal
        #expect(answer == VsockHeader(from: (2, 80), to: (3, 1024), .reset, type: 77))
    }

    @Test("§5.10.6.3: what is sent stays below buf_alloc - (tx_cnt - fwd_cnt), over the counters' wrap")
    func credit() {
        var connection = VsockConnection(accepting: packet(.request, forwarded: 0), buffer: 100)
        var forwarded: UInt32 = 0
        for _ in 0..<10 {
            #expect(connection.send(upTo: .max) == 1000)
            #expect(connection.send(upTo: 1) == 0)
            forwarded &+= 1000
            #expect(connection.receive(packet(.creditUpdate, forwarded: forwarded)) == .nothing)
        }
        #expect(connection.receive(packet(.creditUpdate, room: .max, forwarded: forwarded)) == .nothing)
        #expect(connection.send(upTo: .max) == .max)
        forwarded &-= 1
        #expect(connection.receive(packet(.creditUpdate, room: 10, forwarded: forwarded)) == .nothing)
        #expect(connection.send(upTo: .max) == 10)
    }

    @Test("§5.10.6.3: no credit from a guest that has taken more than was sent, or has shrunk its buffer")
    func absurdCredit() {
        var connection = VsockConnection(accepting: packet(.request), buffer: 100)
        #expect(connection.receive(packet(.creditUpdate, forwarded: 1)) == .nothing)
        #expect(connection.credit == 0)
        #expect(connection.receive(packet(.creditUpdate)) == .nothing)
        #expect(connection.send(upTo: 600) == 600)
        #expect(connection.receive(packet(.creditUpdate, room: 599)) == .nothing)
        #expect(connection.credit == 0)
    }

    @Test("§5.10.6.3.1: a driver MUST NOT send more than there is room for: RST")
    func overrun() {
        var connection = VsockConnection(accepting: packet(.request), buffer: 100)
        #expect(connection.receive(packet(.data, length: 100)) == .deliver(100))
        connection.forward(60)
        #expect(connection.receive(packet(.data, length: 60)) == .deliver(60))
        #expect(connection.buffered == 100)
        var answer = packet(.creditUpdate)
        connection.stamp(&answer)
        #expect(answer.bufferSize == 100 && answer.forwarded == 60)
        #expect(connection.receive(packet(.data, length: 1)) == .ended(reset: true))
        #expect(connection.receive(packet(.data, length: 1)) == .nothing)
    }

    @Test("§5.10.6.3: VIRTIO_VSOCK_OP_CREDIT_REQUEST is answered")
    func creditRequest() {
        var connection = VsockConnection(accepting: packet(.request), buffer: 100)
        #expect(connection.receive(packet(.creditRequest)) == .tellCredit)
    }

    @Test("§5.10.6.5: the host's request is open with the response; anything else but RST is refused")
    func request() {
        var opened = VsockConnection(requestedWithBuffer: 100)
        #expect(opened.credit == 0)
        #expect(opened.receive(packet(.response)) == .opened)
        #expect(opened.credit == 1000)
        #expect(opened.receive(packet(.response)) == .ended(reset: true))
        var refused = VsockConnection(requestedWithBuffer: 100)
        #expect(refused.receive(packet(.reset)) == .ended(reset: false))
        for operation in [VsockHeader.Operation.request, .shutdown, .data, .creditUpdate, .creditRequest] {
            var connection = VsockConnection(requestedWithBuffer: 100)
            #expect(connection.receive(packet(operation)) == .ended(reset: true))
        }
    }

    @Test("§5.10.6.5: shutdown hints add up, and are permanent; both are the end once all bytes are handed on")
    func shutdown() {
        var connection = VsockConnection(accepting: packet(.request), buffer: 100)
        #expect(connection.receive(packet(.data, length: 7)) == .deliver(7))
        #expect(connection.receive(packet(.shutdown, flags: VsockHeader.noMoreSends)) == .shutDown)
        #expect(connection.receive(packet(.shutdown)) == .shutDown)
        #expect(connection.guestHalves == .sends)
        #expect(connection.send(upTo: 5) == 5)
        #expect(connection.receive(packet(.shutdown, flags: VsockHeader.noMoreReceives)) == .shutDown)
        #expect(connection.credit == 0)
        connection.forward(6)
        let early = connection.endIfDone()
        connection.forward(1)
        let (first, second) = (connection.endIfDone(), connection.endIfDone())
        #expect(!early && first && !second)
        #expect(connection.phase == .closed)
    }

    @Test("§5.10.6.5: the host's side shuts down: no data more to the guest; what comes for it counts as taken")
    func hostShutdown() {
        var connection = VsockConnection(accepting: packet(.request), buffer: 100)
        connection.shutDownHost(.sends)
        #expect(connection.send(upTo: 1) == 0)
        #expect(connection.receive(packet(.data, length: 60)) == .deliver(60))
        connection.shutDownHost(.receives)
        #expect(connection.hostHalves == [.sends, .receives])
        #expect(connection.buffered == 0)
        // It was on its way.
        #expect(connection.receive(packet(.data, length: 100)) == .nothing)
        #expect(connection.forwarded == 160)
        #expect(connection.phase == .established)
    }

    @Test("§5.10.6.3: bytes that were not sent after all are credit again; an update is owed at half of the buffer")
    func accounts() {
        var connection = VsockConnection(accepting: packet(.request), buffer: 100)
        #expect(connection.send(upTo: 600) == 600)
        connection.unsend(500)
        #expect(connection.credit == 900)
        #expect(connection.receive(packet(.data, length: 100)) == .deliver(100))
        connection.forward(49)
        #expect(connection.owesCredit == false)
        connection.forward(1)
        #expect(connection.owesCredit == true)
        var answer = packet(.creditUpdate)
        connection.stamp(&answer)
        #expect(connection.owesCredit == false)
    }

    @Test("§5.10.6.5: no data after VIRTIO_VSOCK_SHUTDOWN_F_SEND, no data for who does not receive")
    func afterShutdown() {
        var sender = VsockConnection(accepting: packet(.request), buffer: 100)
        _ = sender.receive(packet(.shutdown, flags: VsockHeader.noMoreSends))
        #expect(sender.receive(packet(.data, length: 1)) == .ended(reset: true))
        var receiver = VsockConnection(accepting: packet(.request), buffer: 100)
        _ = receiver.receive(packet(.shutdown, flags: VsockHeader.noMoreReceives))
        #expect(receiver.send(upTo: 1) == 0)
    }

    @Test("§5.10.6: an unknown operation, and a payload where none belongs, are answered by RST")
    func malformed() {
        for operation in [0, 8, UInt16.max] {
            var connection = VsockConnection(accepting: packet(.request), buffer: 100)
            var header = packet(.data)
            header.operation = operation
            #expect(connection.receive(header) == .ended(reset: true))
        }
        var connection = VsockConnection(accepting: packet(.request), buffer: 100)
        #expect(connection.receive(packet(.creditUpdate, length: 1)) == .ended(reset: true))
    }
}
