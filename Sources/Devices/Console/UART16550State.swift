internal import VMMCore

/// The registers and receiver of a 16550, without the world around it: each method is one step, takes no lock and
/// calls nobody. `WiredUART` performs the effects that it names.
///
/// The character time is zero: what the guest transmits is gone at once, and a receiver FIFO below its trigger level
/// that nothing more arrives for has timed out.
struct UART16550State: UARTState {
    /// So many reads of LSR with no other access in between are a guest that polls for input. One or two are not:
    /// drivers read LSR once or twice while they set the chip up, and throw away what they find.
    static let pollsOfListener = 4

    private var ier = UART_IER()
    private var fcr = UART_FCR()
    private var lcr = UART_LCR()
    private var mcr = UART_MCR()
    private var msr = UART_MSR.peerIsReady
    private var scr: UInt8 = 0
    /// 9600 baud, as PC firmware leaves it. Without effect.
    private var divisorLatch: UInt16 = 12
    /// OE and BI until LSR is read.
    private var lineErrors = UART_LSR()
    private var fifo = UARTReceiveFIFO()
    /// The receiver's shift register: a character that arrived while the FIFO had no room.
    private var shiftRegister: UInt8?
    /// Characters on their way to the channel, on as many threads.
    private var transmitting = 0
    /// The transmitter became empty and IIR has not told yet.
    private var thrEmptyEvent = false
    /// A caller has the `receive` claim.
    private var isReceiving = false
    /// The channel was not found empty since it last had something.
    private var inputMayBeThere = true
    private var pollCount = 0
    private var output = InterruptOutput()

    // MARK: - Register accesses

    mutating func read(at offset: UInt16) -> UInt8 {
        guard let register = UARTRegister(offset: offset, dlab: lcr.dlab) else { return 0xFF }
        notePoll(isLSR: register == .lsr)
        switch register {
        case .rbrTHR: return readRBR()
        case .dll: return UInt8(truncatingIfNeeded: divisorLatch)
        case .ier: return ier.rawValue
        case .dlm: return UInt8(truncatingIfNeeded: divisorLatch >> 8)
        case .iirFCR: return readIIR()
        case .lcr: return lcr.rawValue
        case .mcr: return mcr.rawValue
        case .lsr:
            let value = lsr.rawValue
            lineErrors = UART_LSR()
            output.want(interruptLevel)
            return value
        case .msr:
            let value = msr.rawValue
            msr.deltas = 0
            output.want(interruptLevel)
            return value
        case .scr: return scr
        }
    }

    /// Writes a register. Gives the character to transmit, if that is what it means.
    mutating func write(_ value: UInt8, at offset: UInt16) -> UInt8? {
        guard let register = UARTRegister(offset: offset, dlab: lcr.dlab) else { return nil }
        notePoll(isLSR: false)
        switch register {
        case .rbrTHR: return writeTHR(value)
        case .dll: divisorLatch[0...7] = UInt16(value)
        case .ier: writeIER(value)
        case .dlm: divisorLatch[8...15] = UInt16(value)
        case .iirFCR: writeFCR(UART_FCR(rawValue: value))
        case .lcr: lcr.rawValue = value
        case .mcr: writeMCR(value)
        case .lsr, .msr: break
        case .scr: scr = value
        }
        return nil
    }

    private mutating func readRBR() -> UInt8 {
        let character = fifo.pop() ?? 0
        // The interrupt falls here; characters that stay below the trigger level raise it again as a timeout, and the
        // next character as received data: see `InterruptOutput` on why the dip matters.
        output.want(interruptLevel(receiverIsIdle: false))
        refillFromShiftRegister()
        revealBreak()
        return character
    }

    private mutating func readIIR() -> UInt8 {
        let cause = pendingInterrupt(receiverIsIdle: receiverIsIdle)
        if cause == .thrEmpty {
            thrEmptyEvent = false
            output.want(interruptLevel)
        }
        return (fcr.fifoEnable ? 0xC0 : 0) | (cause?.rawValue ?? UARTInterrupt.none)
    }

    private mutating func writeTHR(_ value: UInt8) -> UInt8? {
        thrEmptyEvent = false
        output.want(interruptLevel)
        guard mcr.loop else {
            transmitting &+= 1
            return value
        }
        arrive(value, isBreak: false)
        thrEmptyEvent = true
        output.want(interruptLevel)
        return nil
    }

    private mutating func writeIER(_ value: UInt8) {
        let wasEnabled = ier.etbei
        ier.rawValue = value & UART_IER.writable
        // Enabling the interrupt while the transmitter is empty raises it at once.
        if ier.etbei && !wasEnabled && transmitting == 0 { thrEmptyEvent = true }
        pollCount = 0
        output.want(interruptLevel)
    }

    private mutating func writeFCR(_ new: UART_FCR) {
        let modeChanges = new.fifoEnable != fcr.fifoEnable
        if modeChanges || (new.fifoEnable && new.rcvrFIFOReset) {
            fifo.removeAll()
            lineErrors.bi = false
        }
        if modeChanges && transmitting == 0 { thrEmptyEvent = true }
        fcr.rawValue = new.fifoEnable ? new.rawValue : 0
        pollCount = 0
        output.want(interruptLevel)
    }

    private mutating func writeMCR(_ value: UInt8) {
        mcr.rawValue = value & UART_MCR.writable
        msr.update(inputs: mcr.modemInputs)
        pollCount = 0
        output.want(interruptLevel)
    }

    // MARK: - The receiver

    private var capacity: Int { fcr.fifoEnable ? UARTReceiveFIFO.size : 1 }

    /// A character has come in over the line, or around the loop.
    private mutating func arrive(_ character: UInt8, isBreak: Bool) {
        if fifo.count >= capacity {
            lineErrors.oe = true
            // FIFO mode loses the new character, character mode the old one.
            if fcr.fifoEnable { return }
            _ = fifo.pop()
        }
        _ = fifo.push(character, isBreak: isBreak)
        revealBreak()
    }

    /// A break shows in LSR when it comes to the top of the FIFO.
    private mutating func revealBreak() {
        if fifo.takeBreakAtTop() { lineErrors.bi = true }
    }

    private mutating func refillFromShiftRegister() {
        guard let character = shiftRegister, !mcr.loop, fifo.count < capacity else { return }
        shiftRegister = nil
        arrive(character, isBreak: false)
    }

    private mutating func notePoll(isLSR: Bool) {
        if pollCount < Self.pollsOfListener { pollCount = isLSR ? pollCount + 1 : 0 }
    }

    /// The guest takes input: by interrupt, or it has been seen polling. Until then typed characters stay in the
    /// channel, so that a driver's set-up does not throw them away.
    private var isListening: Bool { (ier.erbfi && mcr.out2) || pollCount >= Self.pollsOfListener }

    private var wantsInput: Bool {
        isListening && !mcr.loop && shiftRegister == nil && fifo.count < capacity && inputMayBeThere
    }

    /// No character is on its way: time passes, and a FIFO below its trigger level times out.
    private var receiverIsIdle: Bool { !isReceiving && !wantsInput }

    // MARK: - Interrupts

    private var lsr: UART_LSR {
        var lsr = lineErrors
        lsr.dr = !fifo.isEmpty
        lsr.thre = transmitting == 0
        lsr.temt = transmitting == 0
        lsr.fifoError = fcr.fifoEnable && (lineErrors.bi || fifo.holdsBreak)
        return lsr
    }

    private func pendingInterrupt(receiverIsIdle: Bool) -> UARTInterrupt? {
        if ier.elsi && (lineErrors.oe || lineErrors.bi) { return .receiverLineStatus }
        if ier.erbfi && !fifo.isEmpty {
            if !fcr.fifoEnable || fifo.count >= fcr.triggerLevel { return .receivedDataAvailable }
            if receiverIsIdle { return .characterTimeout }
        }
        if ier.etbei && thrEmptyEvent { return .thrEmpty }
        if ier.edssi && msr.deltas != 0 { return .modemStatus }
        return nil
    }

    /// On a PC the interrupt passes a buffer that the OUT2 pin enables; loopback forces that pin inactive.
    private func interruptLevel(receiverIsIdle: Bool) -> Bool {
        mcr.out2 && !mcr.loop && pendingInterrupt(receiverIsIdle: receiverIsIdle) != nil
    }

    private var interruptLevel: Bool { interruptLevel(receiverIsIdle: receiverIsIdle) }

    /// What the interrupt line is at, or will be as soon as the effects are performed.
    var wantsInterrupt: Bool { output.level }

    // MARK: - Effects

    /// The next effect after a step: input first, so that the interrupt tells of all of it.
    mutating func nextEffect() -> UARTEffect {
        refillFromShiftRegister()
        if wantsInput && !isReceiving {
            isReceiving = true
            // The handler may say otherwise while the channel is being read.
            inputMayBeThere = false
            return .receive
        }
        output.want(interruptLevel)
        return output.beginDelivery().map(UARTEffect.drive) ?? .none
    }

    mutating func transmitted() {
        transmitting &-= 1
        guard transmitting == 0 else { return }
        thrEmptyEvent = true
    }

    mutating func received(_ character: UInt8?) {
        isReceiving = false
        guard let character else { return }
        inputMayBeThere = true
        // The guest may have turned the receiver round while the channel was read.
        if mcr.loop || fifo.count >= capacity {
            shiftRegister = character
        } else {
            arrive(character, isBreak: false)
        }
    }

    mutating func lineDriven() -> UARTEffect {
        output.want(interruptLevel)
        return output.continueDelivery().map(UARTEffect.drive) ?? .none
    }

    mutating func inputArrived() { inputMayBeThere = true }

    /// The peer holds the line in spacing: one zero character with BI, as long as there is no loopback.
    mutating func breakArrived() {
        guard !mcr.loop else { return }
        arrive(0, isBreak: true)
    }
}
