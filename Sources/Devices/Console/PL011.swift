internal import Synchronization
package import VMMCore

/// A PrimeCell UART (PL011, revision r1p5) between a guest and a character channel: the console of the `virt` machine.
///
/// The host's end is a peer that is always ready (CTS, DSR and DCD on). Transmission takes no time, so the FIFO fills only
/// while the channel makes vCPUs wait. Input is pulled from the channel as the receiver has room, and only once the guest
/// listens: it enabled an interrupt of the receiver on an enabled UART, or polls UARTFR; one that enables them in another
/// order is taken to listen 100 ms later. Nothing but the 32 characters of the FIFO (and one
/// more) is held here. UARTCR's enables are not needed. Not modelled: parity and framing errors, IrDA, DMA, the break bit
/// of LCR_H towards the channel, flow control by RTS and CTS, and the time that a character takes. Clearing FEN keeps what
/// the receiver holds.
///
/// Registers are at multiples of four, and take accesses of 8, 16 and 32 bits there; others read as zero and are ignored.
///
/// Threading: accesses on any vCPU thread, input on the event loop's; channel and line are called without a lock held.
/// Errors: none that a guest can cause; reserved offsets read zero.
/// Source: PL011 (Arm DDI 0183).
package final class PL011: MMIODevice {
    private let channel: any CharacterChannel
    private let line: any InterruptLine
    private let clock: any Clock
    private let scheduler: any DeadlineScheduler
    private let state = Mutex(PL011State())

    /// Installs itself as the channel's input handler; `disconnect()` removes it.
    /// - Parameters:
    ///   - line: UARTINTR, level-sensitive: SPI 1 on `virt`.
    ///   - scheduler: the clock's own; its owner makes it call `deadlinePassed()`.
    package init(
        channel: any CharacterChannel, interrupt line: any InterruptLine, clock: any Clock,
        scheduler: any DeadlineScheduler
    ) {
        self.channel = channel
        self.line = line
        self.clock = clock
        self.scheduler = scheduler
        channel.setInputHandler { [weak self] in self?.inputArrived() }
    }

    package var windowSize: UInt64 { PL011Register.windowSize }

    package func read(at offset: UInt64, width: AccessWidth) -> UInt64 {
        guard width != .doubleword else { return 0 }
        let (value, effect) = state.withLock { state in
            let value = state.read(at: offset)
            return (value, state.nextEffect())
        }
        perform(effect)
        return UInt64(value) & width.mask
    }

    package func write(_ value: UInt64, at offset: UInt64, width: AccessWidth) {
        guard width != .doubleword else { return }
        perform(
            state.withLock { state in
                if let character = state.write(UInt16(truncatingIfNeeded: value), at: offset) {
                    return .transmit(character)
                }
                return state.nextEffect()
            })
    }

    /// Sends the guest a break (Linux takes one, followed by a letter, as a magic SysRq key).
    package func sendBreak() {
        perform(
            state.withLock { state in
                state.breakArrived()
                return state.nextEffect()
            })
    }

    /// Takes the UART off its channel: no more input is pulled for it.
    package func disconnect() { channel.setInputHandler(nil) }

    /// Call it when the deadline has come. Too early or too often does no harm.
    package func deadlinePassed() {
        perform(
            state.withLock { state in
                state.setUpTimePassed()
                return state.nextEffect()
            })
    }

    /// How long a driver may take to set the chip up: far longer than any needs, and short for who waits for the first key.
    package static let setUpTime = Nanoseconds.milliseconds(100)

    private func inputArrived() {
        perform(
            state.withLock { state in
                state.inputArrived()
                return state.nextEffect()
            })
    }

    /// Performs effects until the state has no more for this thread. At most a FIFO full of input and a few edges.
    private func perform(_ first: PL011State.Effect) {
        var effect = first
        while true {
            switch effect {
            case .none:
                return
            case .transmit(let character):
                channel.write(character)
                effect = state.withLock { state in
                    state.transmitted()
                    return state.nextEffect()
                }
            case .receive:
                let character = channel.read()
                effect = state.withLock { state in
                    state.received(character)
                    return state.nextEffect()
                }
            case .startSetUpTime:
                scheduler.schedule(at: clock.now + Self.setUpTime)
                effect = state.withLock { $0.nextEffect() }
            case .drive(let level):
                line.setLevel(level)
                effect = state.withLock { $0.lineDriven() }
            }
        }
    }
}
