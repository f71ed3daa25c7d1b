import Glibc
import HostIO
import Synchronization
import Testing
import VMMCore

private enum UserNetworkProgram {
    static let isHere = unsafe access((HostFacts.programDirectory ?? "") + "/swvmm-slirp", X_OK) == 0
}

/// The program of user networks, which is built beside the tests.
@Suite(.enabled(if: UserNetworkProgram.isHere, "no swvmm-slirp beside the tests"), .timeLimit(.minutes(1)))
struct SlirpProcessTests {
    private let running: RunningLoop
    private let client = RecordingClient()
    private let failures = Failures()
    /// What finds the child among those of tests that run at the same time.
    private let hostName = "test-\(UInt32.random(in: 0...UInt32.max))"

    init() throws { running = try RunningLoop() }

    private func open(_ change: (inout UserNetwork) -> Void = { _ in }) throws -> StreamNetwork {
        var user = UserNetwork()
        user.hostName = hostName
        change(&user)
        return try SlirpProcess.network(SlirpSettings(user, mtu: 1500), loop: running.loop) { [failures] in
            failures.add($0)
        }
    }

    /// The child's process; nil: there is none.
    private func child() -> pid_t? {
        guard let directory = unsafe opendir("/proc") else { return nil }
        defer { unsafe closedir(directory) }
        while let entry = unsafe readdir(directory) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
                unsafe $0.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            guard let id = pid_t(name) else { continue }
            let file = unsafe Glibc.open("/proc/\(id)/cmdline", O_RDONLY)
            guard file >= 0 else { continue }
            defer { close(file) }
            if String(decoding: Ends.read(4096, from: file), as: UTF8.self).contains("hostname=\(hostName)\0") {
                return id
            }
        }
        return nil
    }

    /// Who has 10.0.2.2? The router answers without any connection of the host's.
    private static let question: [UInt8] =
        [UInt8](repeating: 0xFF, count: 6) + [0x52, 0x54, 0, 0x12, 0x34, 0x56, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1]
        + [0x52, 0x54, 0, 0x12, 0x34, 0x56, 10, 0, 2, 15, 0, 0, 0, 0, 0, 0, 10, 0, 2, 2]

    @Test("the child is there, and its router answers")
    func answers() throws {
        let network = try open()
        network.attach(client, offloads: [])
        #expect(child() != nil)
        #expect(network.isLinkUp)
        #expect(network.send(Frames.noHeader + Self.question))
        network.commit()
        client.arrived.wait()
        let answer = try #require(client.frames.first)
        #expect(answer[24...25] == [8, 6] && answer[32...33] == [0, 2])
        #expect(answer[40...43] == [10, 0, 2, 2])
    }

    @Test("the child ends with its network")
    func ends() throws {
        var network: StreamNetwork? = try open()
        #expect(network?.isLinkUp == true)
        let id = try #require(child())
        network = nil
        running.settle()
        #expect(kill(id, 0) == -1 && errno == ESRCH)
    }

    @Test("when the child is killed, the link is down, it is told once, and what is sent is dropped")
    func killed() throws {
        let network = try open()
        network.attach(client, offloads: [])
        let id = try #require(child())
        #expect(kill(id, SIGKILL) == 0)
        client.linkHasChanged.wait()
        #expect(!network.isLinkUp)
        #expect(client.state.withLock { $0.links } == [false])
        for _ in 0..<100 { #expect(network.send(Frames.noHeader + Frames.ethernet(1, count: 60_000))) }
        network.commit()
        running.settle()
        #expect(failures.all.count == 1)
        guard case .peerClosed? = failures.all.first else {
            // What was on its way to it when it died.
            #expect(failures.all == [.linkLost(errno: ECONNRESET)])
            return
        }
    }

    @Test("a port that is taken: the forward is named, and no child is left")
    func portTaken() throws {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(listener) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = unsafe withUnsafeMutablePointer(to: &address) {
            unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe bind(listener, $0, size) == 0 && getsockname(listener, $0, &size) == 0
            }
        }
        try #require(isBound && listen(listener, 1) == 0)
        let forward = UserNetwork.Forward(
            .tcp, hostPort: UInt16(bigEndian: address.sin_port), guestAddress: nil, guestPort: 80)
        #expect(throws: NetworkError.forwardRefused(forward, errno: EADDRINUSE)) {
            try open { $0.forwards = [forward] }
        }
        #expect(child() == nil)
    }
}
