internal import VMMCore

/// The registers and receiver of a PL011, without the world around it: each method is one step, takes no lock and calls
/// nobody. `WiredUART` performs the effects that it names.
///
/// The character time is zero: what the guest transmits is gone at once, and a receiver that nothing more arrives for has
/// timed out. RIS keeps what happened: reception, transmission and errors are latched when they occur, and cleared by ICR;
/// reception also when the FIFO is read below its trigger level, the timeout when it is read empty.
struct PL011State: UARTState {
    /// So many reads of UARTFR with no other access in between are a guest that polls for input. Fewer are not: one that
    /// prints reads it before and after each character.
    static let pollsOfListener = 4

    private var ilpr: UInt16 = 0
    private var ibrd: UInt16 = 0
    private var fbrd: UInt16 = 0
    private var dmacr: UInt16 = 0
    private var lcr = UARTLCR_H()
    private var cr = UARTCR()
    private var ifls = UARTIFLS()
    private var imsc: UInt16 = 0
    private var ris: UInt16 = 0
    /// UARTRSR: the errors of the character read last, bits 3:0.
    private var rsr: UInt16 = 0
    /// The modem inputs, as bits of UARTFR.
    private var modem = UARTCR().modemInputs
    private var fifo = PL011ReceiveFIFO()
    /// Characters were lost since the last one that found room.
    private var overrun = false
    /// A character that was read from the channel and found no room.
    private var shiftRegister: UInt8?
    /// A character arrived or was read, and the timeout has not come since.
    private var timeoutRuns = false
    /// Characters on their way to the channel, on as many threads.
    private var transmitting = 0
    /// A caller has the `receive` claim.
    private var isReceiving = false
    /// The channel was not found empty since it last had something.
    private var inputMayBeThere = true
    private var pollCount = 0
    /// The driver may be in the middle of setting the chip up, though it enabled an interrupt of the receiver.
    private var isSettingUp = false
    private var setUpBegins = false
    private var output = InterruptOutput()

    // MARK: - Register accesses

    mutating func read(at offset: UInt64) -> UInt16 {
        guard let register = PL011Register(offset: offset) else { return 0 }
        if pollCount < Self.pollsOfListener { pollCount = register == .FR ? pollCount + 1 : 0 }
        switch register {
        case .DR: return readDR()
        case .RSR_ECR: return rsr
        case .FR: return fr.rawValue
        case .ILPR: return ilpr
        case .IBRD: return ibrd
        case .FBRD: return fbrd
        case .LCR_H: return lcr.rawValue
        case .CR: return cr.rawValue
        case .IFLS: return ifls.rawValue
        case .IMSC: return imsc
        case .RIS: return ris
        case .MIS: return ris & imsc
        case .ICR: return 0
        case .DMACR: return dmacr
        case .identification(let index): return PL011Register.identification(index)
        }
    }

    /// Writes a register. Gives the character to transmit, if that is what it means.
    mutating func write(_ value: UInt16, at offset: UInt64) -> UInt8? {
        guard let register = PL011Register(offset: offset) else { return nil }
        if pollCount < Self.pollsOfListener { pollCount = 0 }
        switch register {
        case .DR: return writeDR(UInt8(truncatingIfNeeded: value))
        case .RSR_ECR: rsr = 0
        case .ILPR: ilpr = value & 0xFF
        case .IBRD: ibrd = value
        case .FBRD: fbrd = value & 0x3F
        case .LCR_H: lcr.rawValue = value & UARTLCR_H.writable
        case .CR: writeCR(value)
        case .IFLS: ifls.rawValue = value & UARTIFLS.writable
        case .IMSC: writeIMSC(value)
        case .ICR: ris &= ~value
        case .DMACR: dmacr = value & 0x7
        case .FR, .RIS, .MIS, .identification: break
        }
        return nil
    }

    private mutating func readDR() -> UInt16 {
        guard let character = fifo.pop() else { return 0 }
        rsr = character.errors
        timeoutRuns = true
        if fifo.count < trigger { ris &= ~PL011Interrupt.receive }
        if fifo.isEmpty { ris &= ~PL011Interrupt.receiveTimeout }
        refillFromShiftRegister()
        return character.rawValue
    }

    private mutating func writeDR(_ value: UInt8) -> UInt8? {
        guard cr.lbe else {
            transmitting &+= 1
            return value
        }
        arrive(UInt16(value))
        ris |= PL011Interrupt.transmit
        return nil
    }

    private mutating func writeCR(_ value: UInt16) {
        let wasEnabled = cr.uarten
        cr.rawValue = value & UARTCR.writable
        if cr.uarten, !wasEnabled, imsc & PL011Interrupt.reception != 0 { beginSetUp() }
        ris |= PL011Interrupt.modem(modem ^ cr.modemInputs)
        modem = cr.modemInputs
    }

    private mutating func writeIMSC(_ value: UInt16) {
        imsc = value & PL011Interrupt.all
        pollCount = 0
        isSettingUp = false
        if imsc & PL011Interrupt.reception != 0, !cr.uarten { beginSetUp() }
    }

    /// Linux enables the receiver's interrupts, then the UART, then empties the FIFO, and then enables them again.
    private mutating func beginSetUp() {
        isSettingUp = true
        setUpBegins = true
    }

    // MARK: - The receiver

    private var capacity: Int { lcr.fen ? PL011ReceiveFIFO.size : 1 }

    private var trigger: Int { lcr.fen ? ifls.receiveTrigger(depth: PL011ReceiveFIFO.size) : 1 }

    /// A character has come in over the line, or around the loop.
    private mutating func arrive(_ character: UInt16) {
        guard fifo.count < capacity else {
            overrun = true
            ris |= PL011Interrupt.overrunError
            return
        }
        var arrived = PL011Character(rawValue: character)
        if overrun { arrived.rawValue |= PL011Character.overrunError }
        overrun = false
        fifo.push(arrived)
        timeoutRuns = true
        if fifo.count >= trigger { ris |= PL011Interrupt.receive }
    }

    private mutating func refillFromShiftRegister() {
        guard let character = shiftRegister, !cr.lbe, fifo.count < capacity else { return }
        shiftRegister = nil
        arrive(UInt16(character))
    }

    /// The guest takes input: by interrupt, or it has been seen polling. Until then typed characters stay in the channel,
    /// so that a driver that empties the FIFO while it sets the chip up throws nothing away.
    private var isListening: Bool {
        imsc & PL011Interrupt.reception != 0 && !isSettingUp || pollCount >= Self.pollsOfListener
    }

    private var wantsInput: Bool {
        isListening && !cr.lbe && shiftRegister == nil && fifo.count < capacity && inputMayBeThere
    }

    /// Nothing more is on its way: a FIFO that holds something has timed out.
    private mutating func noteTimeout() {
        guard timeoutRuns, !isReceiving, !wantsInput else { return }
        timeoutRuns = false
        if !fifo.isEmpty { ris |= PL011Interrupt.receiveTimeout }
    }

    private var fr: UARTFR {
        var flags = UARTFR(rawValue: modem)
        flags.set(UARTFR.busy, transmitting > 0)
        flags.set(UARTFR.rxfe, fifo.isEmpty)
        flags.set(UARTFR.txff, transmitting >= capacity)
        flags.set(UARTFR.rxff, fifo.count >= capacity)
        flags.set(UARTFR.txfe, transmitting == 0)
        return flags
    }

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
        noteTimeout()
        output.want(ris & imsc != 0)
        return output.beginDelivery().map(UARTEffect.drive) ?? .none
    }

    mutating func transmitted() {
        transmitting &-= 1
        if transmitting == 0 { ris |= PL011Interrupt.transmit }
    }

    mutating func received(_ character: UInt8?) {
        isReceiving = false
        guard let character else { return }
        inputMayBeThere = true
        // The guest may have turned the receiver round while the channel was read.
        if cr.lbe || fifo.count >= capacity {
            shiftRegister = character
        } else {
            arrive(UInt16(character))
        }
    }

    mutating func lineDriven() -> UARTEffect { output.continueDelivery().map(UARTEffect.drive) ?? .none }

    mutating func inputArrived() { inputMayBeThere = true }

    /// True once behind a write: call `setUpTimePassed()` after a while.
    mutating func takeSetUpBegin() -> Bool {
        defer { setUpBegins = false }
        return setUpBegins
    }

    mutating func setUpTimePassed() { isSettingUp = false }

    /// The peer holds the line low: one zero character with BE, as long as there is no loopback.
    mutating func breakArrived() {
        guard !cr.lbe else { return }
        ris |= PL011Interrupt.breakError
        arrive(PL011Character.breakError)
    }
}
