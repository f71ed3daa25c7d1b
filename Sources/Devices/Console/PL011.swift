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
    private let uart: WiredUART<PL011State>
    private let clock: any Clock
    private let scheduler: any DeadlineScheduler

    /// Installs itself as the channel's input handler; `disconnect()` removes it.
    /// - Parameters:
    ///   - line: UARTINTR, level-sensitive: SPI 1 on `virt`.
    ///   - scheduler: the clock's own; its owner makes it call `deadlinePassed()`.
    package init(
        channel: any CharacterChannel, interrupt line: any InterruptLine, clock: any Clock,
        scheduler: any DeadlineScheduler
    ) {
        uart = WiredUART(PL011State(), channel, interrupt: line)
        self.clock = clock
        self.scheduler = scheduler
        channel.setInputHandler { [weak self] in self?.uart.step { $0.inputArrived() } }
    }

    package var windowSize: UInt64 { PL011Register.windowSize }

    package func read(at offset: UInt64, width: AccessWidth) -> UInt64 {
        guard width != .doubleword else { return 0 }
        return UInt64(uart.step { $0.read(at: offset) }) & width.mask
    }

    package func write(_ value: UInt64, at offset: UInt64, width: AccessWidth) {
        guard width != .doubleword else { return }
        var beginsSetUp = false
        uart.write { state in
            let character = state.write(UInt16(truncatingIfNeeded: value), at: offset)
            beginsSetUp = state.takeSetUpBegin()
            return character
        }
        if beginsSetUp { scheduler.schedule(at: clock.now + Self.setUpTime) }
    }

    /// Sends the guest a break (Linux takes one, followed by a letter, as a magic SysRq key).
    package func sendBreak() { uart.step { $0.breakArrived() } }

    /// Takes the UART off its channel: no more input is pulled for it.
    package func disconnect() { uart.channel.setInputHandler(nil) }

    /// Call it when the deadline has come. Too early or too often does no harm.
    package func deadlinePassed() { uart.step { $0.setUpTimePassed() } }

    /// How long a driver may take to set the chip up: far longer than any needs, and short for who waits for the first key.
    package static let setUpTime = Nanoseconds.milliseconds(100)
}
