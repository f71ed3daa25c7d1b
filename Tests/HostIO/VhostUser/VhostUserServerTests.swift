import Glibc
import HostIO
import Synchronization
import Testing
import VMMCore
import VMMTestSupport

/// Source: the vhost-user protocol of QEMU (docs/interop/vhost-user).
@Suite(.timeLimit(.minutes(1))) struct VhostUserServerTests {
    private static let protocolFeatures: UInt64 = 1 << 30
    private static let ringFeatures: UInt64 = 1 << 32 | 1 << 28

    private let ends = Ends.sockets()
    private let problems = Recorder<VhostUserProblem>()
    private let events = Recorder<QueueServerEvent>()

    /// Connects to a program that answers like this, in turn, whatever it is asked.
    private func server(_ program: BackEnd, patience: Int32 = 20_000) throws -> VhostUserServer {
        try VhostUserServer(
            socket: dup(ends.near), queueCount: 2, patience: patience
        ) { [problems] problem in problems.record(problem) }
    }

    private static let queues = [
        ServedQueue(
            index: 1, size: 128, descriptorTable: GuestAddress(0x4000_1000), driverArea: GuestAddress(0x4000_2000),
            deviceArea: GuestAddress(0x4000_3000))
    ]

    private func memory() throws -> GuestMemory {
        let range = try #require(GuestRange(start: GuestAddress(0x4000_0000), size: 0x10_0000))
        return try GuestMemory([range], makeFile: HostMemoryFile.make(size:))
    }

    @Test("it is greeted: features, owner, and of the protocol's features that requests are answered")
    func greeting() throws {
        let program = BackEnd(ends.far, features: Self.protocolFeatures | Self.ringFeatures, protocolFeatures: 0xFF)
        let server = try server(program)
        #expect(server.features == Self.ringFeatures)
        // The last one has no answer yet.
        #expect(waits { program.requests().map(\.number) == [1, 3, 15, 16] })
        #expect(program.requests().last?.payload == [8, 0, 0, 0, 0, 0, 0, 0])
    }

    @Test("queues begin with what they need, in the guest's addresses, and are enabled last")
    func start() throws {
        let program = BackEnd(ends.far, features: Self.protocolFeatures | Self.ringFeatures, protocolFeatures: 8)
        let server = try server(program)
        #expect(server.start(Self.queues, features: 1 << 32 | 1 << 40, memory: try memory()))
        let requests = program.requests().dropFirst(4)
        #expect(requests.map(\.number) == [2, 5, 8, 10, 9, 13, 12, 18])
        // Each asks for an answer, version 1.
        #expect(requests.allSatisfy { $0.flags == 9 })
        let payloads = Dictionary(uniqueKeysWithValues: requests.map { ($0.number, $0.words) })
        // What the program does not know is not accepted for it.
        #expect(payloads[2] == [1 << 30, 1])
        #expect(payloads[5] == [1, 0, 0x4000_0000, 0, 0x10_0000, 0, 0x4000_0000, 0, 0, 0])
        #expect(payloads[8] == [1, 128])
        #expect(payloads[9] == [1, 0, 0x4000_1000, 0, 0x4000_3000, 0, 0x4000_2000, 0, 0, 0])
        #expect(payloads[10] == [1, 0])
        #expect(payloads[12] == [1, 0])
        #expect(payloads[18] == [1, 1])
        #expect(requests.map(\.descriptorCount) == [0, 1, 0, 0, 0, 1, 1, 0])
        server.stop()
        #expect(program.requests().last?.number == 11)
        #expect(program.requests().last?.words == [1, 0])
        // Nothing is left to end.
        server.stop()
        #expect(program.requests().count == 4 + 8 + 1)
        #expect(problems.values.isEmpty)
    }

    @Test("the descriptors are the guest's memory, and eventfds for both directions")
    func descriptors() throws {
        let running = try RunningLoop()
        let program = BackEnd(ends.far, features: Self.protocolFeatures | Self.ringFeatures, protocolFeatures: 8)
        let server = try server(program)
        try server.attach(to: running.loop)
        server.setHandler { [events] event in events.record(event) }
        let memory = try memory()
        try memory.store(0x1234_5678 as UInt32, at: GuestAddress(0x4000_0800))
        #expect(server.start(Self.queues, features: 1 << 32, memory: memory))
        var word: UInt32 = 0
        #expect(unsafe pread(program.descriptor(of: 5), &word, 4, 0x800) == 4)
        #expect(word == 0x1234_5678)
        word = 0x9ABC_DEF0
        #expect(unsafe pwrite(program.descriptor(of: 5), &word, 4, 0x804) == 4)
        #expect(try memory.load(UInt32.self, at: GuestAddress(0x4000_0804)) == 0x9ABC_DEF0)
        server.notify(queue: 1)
        server.notify(queue: 7)
        var count: UInt64 = 0
        #expect(unsafe read(program.descriptor(of: 12), &count, 8) == 8)
        #expect(count == 1)
        #expect(unsafe write(program.descriptor(of: 13), &count, 8) == 8)
        #expect(waits { events.values == [.interrupt(queue: 1)] })
    }

    @Test("while its interrupts are bound, a queue's eventfd is not read; what came meanwhile is told afterwards")
    func bound() throws {
        let running = try RunningLoop()
        let program = BackEnd(ends.far, features: Self.protocolFeatures | Self.ringFeatures, protocolFeatures: 8)
        let server = try server(program)
        try server.attach(to: running.loop)
        server.setHandler { [events] event in events.record(event) }
        #expect(server.start(Self.queues, features: 1 << 32, memory: try memory()))
        #expect(server.events(ofQueue: 2).map(\.doorbell) == nil)
        let bound = try #require(server.events(ofQueue: 1))
        bound.noteBinding(.doorbell, true)
        bound.noteBinding(.interrupt, true)
        var count: UInt64 = 1
        #expect(unsafe write(program.descriptor(of: 13), &count, 8) == 8)
        // A round of the loop, which would have looked at it.
        let rounds = Recorder<Int>()
        for round in 0..<2 {
            running.loop.perform { rounds.record(round) }
            #expect(waits { rounds.count == round + 1 })
        }
        #expect(events.values.isEmpty)
        bound.noteBinding(.interrupt, false)
        #expect(waits { events.values == [.interrupt(queue: 1)] })
        // A binding that nobody took back ends with the next start: its machine is gone.
        bound.noteBinding(.interrupt, true)
        server.stop()
        #expect(server.start(Self.queues, features: 1 << 32, memory: try memory()))
        #expect(unsafe write(bound.interrupt, &count, 8) == 8)
        #expect(waits { events.count == 2 })
    }

    @Test("a program that ends is reported once, to the owner and to the device; afterwards nothing can be started")
    func ended() throws {
        let running = try RunningLoop()
        let program = BackEnd(ends.far, features: Self.ringFeatures, protocolFeatures: 0)
        let server = try server(program)
        try server.attach(to: running.loop)
        server.setHandler { [events] event in events.record(event) }
        program.leave()
        #expect(waits { events.count == 1 })
        #expect(events.values == [.ended])
        #expect(!server.start(Self.queues, features: 0, memory: try memory()))
        server.stop()
        #expect(problems.values == [.ended])
        #expect(events.count == 1)
    }

    @Test("bytes that nobody asked for end the conversation")
    func unasked() throws {
        let running = try RunningLoop()
        let program = BackEnd(ends.far, features: Self.ringFeatures, protocolFeatures: 0)
        let server = try server(program)
        try server.attach(to: running.loop)
        ends.type([0])
        #expect(waits { problems.values == [.badAnswer] })
        #expect(!server.start(Self.queues, features: 0, memory: try memory()))
    }

    @Test(
        "what is no answer to what was asked ends the conversation",
        arguments: [
            ([2, 5, 8], .badAnswer), ([1, 1, 8], .badAnswer), ([1, 6, 8], .badAnswer), ([1, 5, 4], .badAnswer),
            ([1, 5, 0xFFFF_FFFF], .badAnswer),
        ] as [([UInt32], VhostUserProblem)])
    func nonsense(_ header: [UInt32], _ problem: VhostUserProblem) throws {
        let words = header.flatMap { word in (0..<4).map { UInt8(truncatingIfNeeded: word >> ($0 * 8)) } }
        ends.type(words + [UInt8](repeating: 0, count: 8))
        #expect(throws: problem) {
            try VhostUserServer(socket: dup(ends.near), queueCount: 2) { _ in }
        }
    }

    @Test("a refused request is told, and ends the conversation")
    func refused() throws {
        let program = BackEnd(
            ends.far, features: Self.protocolFeatures | Self.ringFeatures, protocolFeatures: 8, refuses: 5)
        let server = try server(program)
        #expect(!server.start(Self.queues, features: 0, memory: try memory()))
        #expect(problems.values == [.refused(1)])
    }

    @Test("a program that says nothing is not waited for without end")
    func silent() throws {
        #expect(throws: VhostUserProblem.silent) {
            try VhostUserServer(socket: dup(ends.near), queueCount: 2, patience: 20) { _ in }
        }
    }
}

/// A back end on a thread of its own: it notes requests and answers them.
private final class BackEnd: Sendable {
    struct Request: Sendable {
        var number: UInt32
        var flags: UInt32
        var payload: [UInt8]
        var descriptorCount: Int

        var words: [UInt32] {
            stride(from: 0, to: payload.count, by: 4).map { start in
                payload[start..<start + 4].reversed().reduce(0) { $0 << 8 | UInt32($1) }
            }
        }
    }

    private struct State {
        var requests: [Request] = []
        var descriptors: [UInt32: Int32] = [:]
    }

    private let socket: Int32
    private let state = Mutex(State())
    private let answers: [UInt32: UInt64]
    private let refuses: UInt32?
    private let thread = Mutex<HostThread?>(nil)

    init(_ socket: Int32, features: UInt64, protocolFeatures: UInt64, refuses: UInt32? = nil) {
        self.socket = dup(socket)
        answers = [1: features, 15: protocolFeatures]
        self.refuses = refuses
        let started = try? HostThread.start(name: "back end") { [self] in serve() }
        thread.withLock { $0 = started }
    }

    /// What has come, once it is all there that was sent before this.
    func requests() -> [Request] { state.withLock { $0.requests } }

    func descriptor(of request: UInt32) -> Int32 { state.withLock { $0.descriptors[request] ?? -1 } }

    func leave() { _ = shutdown(socket, Int32(SHUT_RDWR)) }

    private func serve() {
        while let request = receive() {
            state.withLock { $0.requests.append(request) }
            let answer: UInt64? =
                if let value = answers[request.number] {
                    value
                } else if request.number == 11 {
                    0x77_0000_0001
                } else {
                    request.flags & 8 != 0 ? (request.number == refuses ? 1 : 0) : nil
                }
            guard let answer else { continue }
            let header = [request.number, 5, 8].flatMap { word in
                (0..<4).map { UInt8(truncatingIfNeeded: word >> ($0 * 8)) }
            }
            Ends.write(header + (0..<8).map { UInt8(truncatingIfNeeded: answer >> ($0 * 8)) }, to: socket)
        }
        close(socket)
        state.withLock { for descriptor in $0.descriptors.values { close(descriptor) } }
    }

    private func receive() -> Request? {
        var header = [UInt8](repeating: 0, count: 12)
        var descriptor: Int32 = -1
        guard let count = TestDescriptors.receive(socket, &header, &descriptor) else { return nil }
        let words = Request(number: 0, flags: 0, payload: header, descriptorCount: 0).words
        let payload = words[2] > 0 ? Ends.read(Int(words[2]), from: socket) : []
        guard payload.count == words[2] else { return nil }
        if count > 0 { state.withLock { $0.descriptors[words[0]] = descriptor } }
        return Request(number: words[0], flags: words[1], payload: payload, descriptorCount: count)
    }
}

/// Descriptors that come with bytes: the control messages' layout of 64-bit Linux. Source: cmsg(3).
private enum TestDescriptors {
    /// Fills `bytes`; one descriptor at most. Gives how many came; nil: the end.
    static func receive(_ socket: Int32, _ bytes: inout [UInt8], _ descriptor: inout Int32) -> Int? {
        // A header of 16 bytes: length, level, type; then the descriptors.
        var control = [UInt64](repeating: 0, count: 4)
        let count = bytes.count
        let received = unsafe bytes.withUnsafeMutableBytes { buffer in
            unsafe control.withUnsafeMutableBytes { room in
                var piece = unsafe iovec(iov_base: buffer.baseAddress, iov_len: count)
                return unsafe withUnsafeMutablePointer(to: &piece) { pieces in
                    var message = unsafe msghdr()
                    unsafe message.msg_iov = pieces
                    unsafe message.msg_iovlen = 1
                    unsafe message.msg_control = room.baseAddress
                    unsafe message.msg_controllen = room.count
                    return unsafe recvmsg(
                        socket, &message, Int32(MSG_WAITALL) | Int32(MSG_CMSG_CLOEXEC))
                }
            }
        }
        guard received == count else { return nil }
        guard control[0] >= 20 else { return 0 }
        descriptor = Int32(truncatingIfNeeded: control[2])
        return Int(control[0] - 16) / 4
    }
}
