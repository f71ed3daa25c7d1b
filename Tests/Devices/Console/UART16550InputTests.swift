import ConsoleDevices
import Synchronization
import Testing
import VMMCore
import VMMTestSupport

@Suite struct UART16550InputTests {
    typealias Offset = UARTFixture.Offset
    let fixture = UARTFixture()

    @Test("input past the FIFO stays in the channel, and follows in order as the guest reads")
    func backpressure() {
        fixture.start(fcr: 0xC1)
        let bytes = (0..<100).map { UInt8($0) }
        fixture.channel.feed(bytes)
        #expect(fixture.channel.pendingInput.count == 84)
        var received: [UInt8] = []
        while fixture.lsr & 0x01 != 0 { received.append(fixture.rbr) }
        #expect(received == bytes)
        #expect(fixture.lsr & 0x02 == 0)
    }

    @Test("character mode holds one character at a time")
    func characterMode() {
        fixture.start(fcr: 0x00)
        fixture.channel.feed("abc")
        #expect(fixture.channel.pendingInput.count == 2)
        #expect([fixture.rbr, fixture.rbr, fixture.rbr] == Array("abc".utf8))
    }

    @Test("input that was typed before the UART existed arrives when the guest listens")
    func earlyInput() {
        let channel = LoopbackChannel()
        channel.feed("early")
        let uart = UART16550(channel: channel, interrupt: RecordingInterruptLine())
        uart.writeByte(0x01, at: Offset.fcr)
        uart.writeByte(0x08, at: Offset.mcr)
        #expect(channel.pendingInput.count == 5)
        uart.writeByte(0x01, at: Offset.ier)
        #expect(channel.pendingInput.isEmpty)
        #expect(uart.readByte(at: Offset.rbr) == UInt8(ascii: "e"))
    }

    @Test("a driver that flushes the chip while it sets it up loses no typed character")
    func setUpLosesNothing() {
        fixture.channel.feed("uptime")
        for _ in 0..<2 {
            for fcr in [UInt8(0x01), 0x07, 0x00] { fixture.write(fcr, Offset.fcr) }
            _ = (fixture.lsr, fixture.rbr, fixture.iir, fixture.msr)
            fixture.write(0x0F, Offset.ier)
            fixture.write(0x00, Offset.ier)
        }
        // A boot console prints by polling LSR for THRE.
        for byte in "boot".utf8 {
            _ = fixture.lsr
            fixture.write(byte, Offset.thr)
        }
        #expect(fixture.channel.pendingInput.count == 6)
        fixture.start()
        var received: [UInt8] = []
        while fixture.lsr & 0x01 != 0 { received.append(fixture.rbr) }
        #expect(String(decoding: received, as: UTF8.self) == "uptime")
    }

    @Test("a guest that polls LSR without interrupts gets its input", arguments: [0x00, 0x01])
    func polling(_ fcr: UInt8) {
        fixture.write(fcr, Offset.fcr)
        fixture.channel.feed("polled")
        var received: [UInt8] = []
        for _ in 0..<100 where fixture.lsr & 0x01 != 0 { received.append(fixture.rbr) }
        #expect(String(decoding: received, as: UTF8.self) == "polled")
        #expect(fixture.line.calls == 0)
    }

    @Test("loopback disconnects the line's input, and leaving it connects it again")
    func loopbackHoldsInput() {
        fixture.start()
        fixture.write(0x18, Offset.mcr)
        fixture.channel.feed("x")
        #expect(fixture.lsr & 0x01 == 0)
        fixture.write(0x08, Offset.mcr)
        #expect(fixture.rbr == UInt8(ascii: "x"))
    }

    @Test("after disconnect() the channel has no handler any more")
    func disconnect() {
        fixture.start()
        fixture.uart.disconnect()
        fixture.channel.feed("x")
        #expect(fixture.channel.pendingInput.count == 1)
        #expect(!fixture.line.isAsserted)
    }

    @Test(
        "input fed on one thread while another reads arrives complete and in order, and the line ends low",
        .timeLimit(.minutes(10)))
    func concurrentInput() async {
        let fixture = fixture
        fixture.start(fcr: 0xC1)
        let total = 2000
        async let feeding: Void = Task.detached {
            for value in 0..<total { fixture.channel.feed([UInt8(truncatingIfNeeded: value)]) }
        }.value
        var received: [UInt8] = []
        while received.count < total && !Task.isCancelled {
            if fixture.lsr & 0x01 != 0 { received.append(fixture.rbr) } else { await Task.yield() }
        }
        await feeding
        #expect(received == (0..<total).map { UInt8(truncatingIfNeeded: $0) })
        _ = fixture.lsr
        #expect(!fixture.line.isAsserted)
    }
}
