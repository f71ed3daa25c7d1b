import Testing
import VMMCore
import VMMTestSupport
import VirtioDevices

/// What devices count for `--stats`.
@Suite struct VirtioStatisticsTests {
    typealias Block = BlockFixture

    private func counts(_ source: some StatisticsSource) -> [String: UInt64] {
        Dictionary(uniqueKeysWithValues: source.counters.map { ($0.name, $0.value) })
    }

    @Test("a block device counts requests by kind, bytes that were moved, errors, notifications and interrupts")
    func block() throws {
        let block = try Block()
        let names = block.base.device.counters.map(\.name)
        #expect(block.base.device.counters.allSatisfy { $0.value == 0 || $0.name == "notifications" })
        let before = counts(block.base.device)["notifications"] ?? 0
        _ = try block.perform(0, sector: 1, [.writable(Block.data, 1024)])
        _ = try block.perform(1, sector: 1, [.readable(Block.data, 512)], queue: 1)
        _ = try block.perform(4)
        _ = try block.range(11, sector: 0, count: 1)
        _ = try block.range(13, sector: 0, count: 1)
        _ = try block.perform(8, [.writable(Block.data, 20)])
        // Behind the disk's end: the device's own answer.
        _ = try block.perform(0, sector: 64, [.writable(Block.data, 512)])
        block.storage.answer(.failed)
        _ = try block.perform(0, sector: 0, [.writable(Block.data, 512)])
        var after = counts(block.base.device)
        after["notifications"]? -= before
        #expect(
            after == [
                "reads": 2, "writes": 1, "flushes": 1, "discards": 1, "zeroings": 1, "others": 2, "bytesRead": 1024,
                "bytesWritten": 512, "errors": 2, "notifications": 8, "interrupts": 8,
            ])
        #expect(block.base.device.counters.map(\.name) == names)
    }

    @Test("what a reset cuts short is not counted, and counts survive it")
    func reset() throws {
        let block = try Block()
        _ = try block.perform(0, [.writable(Block.data, 512)])
        block.storage.keep()
        try block.offer(0, [.writable(Block.data, 512)])
        block.base.device.reset()
        let counts = counts(block.base.device)
        #expect(counts["reads"] == 1 && counts["bytesRead"] == 512 && counts["errors"] == 0)
    }

    @Test("an entropy device counts requests and bytes")
    func entropy() throws {
        let fixture = try VirtioFixture(VirtioEntropy(source: CountingEntropy()))
        fixture.start()
        try fixture.queues[0].offer([.writable(VirtioFixture<VirtioEntropy>.buffers, 3)])
        fixture.driver.notify(0)
        #expect(counts(fixture.device) == ["requests": 1, "bytes": 3])
    }

    @Test("a console counts bytes each way")
    func console() throws {
        let channel = LoopbackChannel()
        let fixture = try VirtioFixture(VirtioConsole(channel: channel))
        fixture.start()
        let address = VirtioFixture<VirtioConsole>.buffers
        try fixture.queues[1].offer([.readable(address, 5)])
        fixture.driver.notify(1)
        try fixture.queues[0].offer([.writable(address, 64)])
        fixture.driver.notify(0)
        channel.feed("ab")
        #expect(counts(fixture.device) == ["bytesOut": 5, "bytesIn": 2])
    }

    @Test("a network device counts frames, bytes and drops each way, and what had to wait; also after a reset")
    func network() throws {
        let net = try NetworkFixture(pairs: 1)
        _ = try net.send(NetworkFixture.frame(60))
        _ = try net.send([1, 2, 3])
        net.network.setRoom(0)
        try net.offer(NetworkFixture.frame(100))
        net.kick()
        net.network.setRoom(nil)
        let frame = NetworkFixture.header() + NetworkFixture.frame(70)
        net.network.give(frame)
        try net.offerBuffers([100])
        net.network.give(frame)
        net.network.givenAll()
        net.network.give([1, 2, 3])
        let expected: [String: UInt64] = [
            "framesSent": 2, "bytesSent": 160, "dropsSent": 1, "waitsSent": 1, "framesReceived": 1,
            "bytesReceived": 70, "dropsReceived": 1, "waitsReceived": 1, "notifications": 4, "interrupts": 4,
        ]
        #expect(counts(net.device) == expected)
        net.device.reset()
        #expect(counts(net.device) == expected)
    }
}
