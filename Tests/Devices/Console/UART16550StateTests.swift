import Testing

@testable import ConsoleDevices

/// What another thread may do between two steps, played in one thread on the pure state.
@Suite struct UART16550StateTests {
    /// A state that listens by interrupt, FIFOs on, with its first claim to read the channel taken.
    func receivingState() -> UART16550State {
        var state = UART16550State()
        for (offset, value) in [(2, 0x01), (4, 0x08), (1, 0x01)] as [(UInt16, UInt8)] {
            _ = state.write(value, at: offset)
        }
        #expect(state.nextEffect() == .receive)
        return state
    }

    @Test("one caller at a time reads the channel")
    func oneReceiver() {
        var state = receivingState()
        state.inputArrived()
        #expect(state.nextEffect() == .none)
        state.received(0x61)
        #expect(state.nextEffect() == .receive)
    }

    @Test("input that arrives just as the channel was found empty is not forgotten")
    func arrivalDuringRead() {
        var state = receivingState()
        state.inputArrived()
        state.received(nil)
        #expect(state.nextEffect() == .receive)
        state.received(nil)
        #expect(state.nextEffect() == .none)
    }

    @Test("a character read while the guest turned to loopback waits in the shift register")
    func loopbackDuringRead() {
        var state = receivingState()
        _ = state.write(0x18, at: 4)
        state.received(0x61)
        #expect(state.nextEffect() == .none)
        #expect(state.read(at: 5) & 0x01 == 0)
        _ = state.write(0x08, at: 4)
        _ = state.nextEffect()
        #expect(state.read(at: 0) == 0x61)
    }

    @Test("a character read while a break took the last place is not lost, and is no overrun")
    func fullDuringRead() {
        var state = UART16550State()
        _ = state.write(0x08, at: 4)
        _ = state.write(0x01, at: 1)
        #expect(state.nextEffect() == .receive)
        state.breakArrived()
        state.received(0x61)
        #expect(state.read(at: 5) & 0x13 == 0x11)
        #expect(state.read(at: 0) == 0x00)
        #expect(state.read(at: 0) == 0x61)
    }

    @Test("THRE falls while the channel makes a transmitter wait, and its interrupt comes when the last is done")
    func slowTransmitter() {
        var state = UART16550State()
        _ = state.write(0x08, at: 4)
        _ = state.write(0x02, at: 1)
        #expect(state.nextEffect() == .drive(true))
        #expect(state.lineDriven() == .none)
        #expect(state.write(0x41, at: 0) == 0x41)
        #expect(state.write(0x42, at: 0) == 0x42)
        #expect(state.read(at: 5) & 0x60 == 0)
        state.transmitted()
        #expect(state.read(at: 5) & 0x60 == 0)
        state.transmitted()
        #expect(state.read(at: 5) & 0x60 == 0x60)
        #expect(state.nextEffect() == .drive(false))
        #expect(state.lineDriven() == .drive(true))
        #expect(state.lineDriven() == .none)
    }
}
