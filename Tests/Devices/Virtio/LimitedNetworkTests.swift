import Testing
import VMMCore
import VMMTestSupport
import VirtioDevices

@Suite struct LimitedNetworkTests {
    typealias Net = NetworkFixture

    private final class Client: NetworkClient {
        let received = Recorder<Int>()
        let batches = Recorder<Bool>()
        let rooms = Recorder<Bool>()
        let links = Recorder<Bool>()
        let refuses: Bool

        init(refuses: Bool = false) { self.refuses = refuses }

        func receive(_ bytes: [UInt8], _ range: Range<Int>) -> Bool {
            if !refuses { received.record(range.count) }
            return !refuses
        }
        func receivedAll() { batches.record(true) }
        func canSend() { rooms.record(true) }
        func linkChanged(isUp: Bool) { links.record(isUp) }
    }

    private let network = ScriptedNetwork(NetworkProperties(mtu: 9000))
    private let clock = ManualClock(now: .seconds(7))
    private let sendDeadline = RecordingDeadline()
    private let receiveDeadline = RecordingDeadline()
    private let frame = Net.header() + Net.frame(100)

    private func limited(_ limits: RateLimits, _ client: Client) -> LimitedNetwork {
        let limited = LimitedNetwork(
            network, limits, clock: clock, sendDeadline: sendDeadline, receiveDeadline: receiveDeadline)
        limited.attach(client, offloads: [])
        return limited
    }

    @Test("frames go out at the rate; who waits is told when the next may go")
    func sending() {
        let client = Client()
        let limited = limited(RateLimits(operations: RateLimit(rate: 10, burst: 2)), client)
        #expect((0..<3).map { _ in limited.send(frame, 0..<112) } == [true, true, false])
        #expect(sendDeadline.deadline == .milliseconds(7100))
        clock.advance(by: .milliseconds(100))
        limited.sendDeadlinePassed()
        #expect(client.rooms.count == 1)
        #expect((0..<2).map { _ in limited.send(frame, 0..<112) } == [true, false])
        #expect(network.sent.count == 3)
        #expect(limited.counters == [DeviceCounter("delayedSent", 2), DeviceCounter("delayedReceived", 0)])
        #expect(receiveDeadline.calls == 0)
    }

    @Test(
        "frames come in at the rate of their bytes, without the offload header; the network is told when the next may come"
    )
    func receiving() {
        let client = Client()
        let limited = limited(RateLimits(bytes: RateLimit(rate: 1000, burst: 200)), client)
        #expect((0..<3).map { _ in network.give(frame) } == [true, true, false])
        // The driver hears of those that came.
        #expect(client.batches.count == 1)
        #expect(receiveDeadline.deadline == .milliseconds(7100))
        clock.advance(by: .milliseconds(100))
        limited.receiveDeadlinePassed()
        #expect(network.resumed.count == 1)
        #expect(network.give(frame) == true)
        #expect(client.received.values == [112, 112, 112])
        #expect(sendDeadline.calls == 0)
    }

    @Test("a frame that finds no room on the other side does not pay twice")
    func paid() {
        let limits = RateLimits(operations: RateLimit(rate: 10, burst: 1))
        let refusing = Client(refuses: true)
        let limited = limited(limits, refusing)
        network.setRoom(0)
        #expect(!limited.send(frame, 0..<112))
        #expect(network.give(frame) == false)
        network.setRoom(nil)
        #expect(refusing.rooms.count == 1)
        #expect(limited.send(frame, 0..<112))
        #expect(network.give(frame) == false)
        #expect(limited.counters.allSatisfy { $0.value == 0 })
    }

    @Test("the rest goes through; after the client is gone nobody is called and no deadline is kept")
    func passes() {
        let client = Client()
        let limited = limited(RateLimits(operations: RateLimit(rate: 1, burst: 1)), client)
        #expect(limited.properties.mtu == 9000)
        network.setLink(isUp: false)
        #expect(client.links.values == [false] && !limited.isLinkUp)
        limited.commit()
        limited.resumeReceiving()
        #expect(network.commits.count == 1 && network.resumed.count == 1)
        _ = (0..<2).map { _ in limited.send(frame, 0..<112) }
        limited.detach()
        #expect(sendDeadline.deadline == nil)
        limited.sendDeadlinePassed()
        #expect(client.rooms.count == 0)
        #expect(network.give(frame) == nil)
        #expect(limited.receive(frame, 0..<112))
    }
}
