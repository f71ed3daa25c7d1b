package import VMMCore

/// A 16550A UART (TI PC16550D) between a guest and a character channel: COM1 of the `pc` machine.
///
/// The host's end is a peer that is always ready (CTS, DSR and DCD on). Transmission takes no time, so LSR's THRE falls
/// only while the channel makes a vCPU wait. Input is pulled from the channel as the receiver has room, and only once
/// the guest listens: it enabled the receive interrupt with OUT2, or polls LSR. Nothing but the 16 characters of the
/// FIFO (and one in the shift register) is held here. Not modelled: parity and framing errors, and the break bit of
/// LCR towards the channel, which has no such thing; DMA pins; the time that a character takes.
///
/// Threading: accesses on any vCPU thread, input on the event loop's; channel and line are called without a lock held.
/// Errors: none that a guest can cause; reserved bits read zero, ports past the eighth read all ones.
/// Source: TI PC16550D data sheet (SNLS378); the gating of the interrupt by OUT2: IBM PC/AT serial adapter.
package final class UART16550: ByteRegisterPortDevice {
    private let uart: WiredUART<UART16550State>

    /// Installs itself as the channel's input handler; `disconnect()` removes it.
    package init(channel: any CharacterChannel, interrupt line: any InterruptLine) {
        uart = WiredUART(UART16550State(), channel, interrupt: line)
        channel.setInputHandler { [weak self] in self?.uart.step { $0.inputArrived() } }
    }

    package var portCount: UInt16 { 8 }

    package func readByte(at offset: UInt16) -> UInt8 { uart.step { $0.read(at: offset) } }

    package func writeByte(_ value: UInt8, at offset: UInt16) { uart.write { $0.write(value, at: offset) } }

    /// Sends the guest a break (Linux takes one, followed by a letter, as a magic SysRq key).
    package func sendBreak() { uart.step { $0.breakArrived() } }

    /// Takes the UART off its channel: no more input is pulled for it.
    package func disconnect() { uart.channel.setInputHandler(nil) }
}
