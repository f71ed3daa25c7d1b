internal import VMMCore

/// An I/O APIC without the world around it: each method is one step. What is to be sent is collected for `IOAPIC` to deliver.
struct IOAPICState {
    static let inputCount = 24
    /// Version 0x20: with an EOI register.
    static let version: UInt32 = UInt32(inputCount - 1) << 16 | 0x20

    /// What the world is told next.
    enum Effect: Hashable {
        case announce(MSI, input: Int)
        case send(MSI)
    }

    private var select: UInt8 = 0
    private var identification: UInt32 = 0
    private var entries = InlineArray<24, RedirectionEntry>(repeating: .reset)
    /// What was announced of each input.
    private var announced = InlineArray<24, MSI?>(repeating: nil)
    /// Bit n: input n is asserted.
    private var levels: UInt32 = 0
    /// Bit n: an edge of input n waits to be sent.
    private var edges: UInt32 = 0
    private var isDelivering = false

    // MARK: Inputs

    /// The wire of an input, below `inputCount`. An edge of a masked input is lost. Source: I/O APIC §3.2.4, "Interrupt Mask".
    mutating func setInput(_ asserted: Bool, _ input: Int) {
        let rises = asserted && !levels[bit: input]
        levels[bit: input] = asserted
        let entry = entries[input]
        if rises && !entry.isLevel && !entry.isMasked { edges[bit: input] = true }
    }

    /// A CPU has ended an interrupt. What is still asserted is sent again.
    mutating func endOfInterrupt(_ vector: UInt8) {
        for input in 0..<Self.inputCount where entries[input].isLevel && entries[input].vector == vector {
            entries[input].remoteIRR = false
        }
    }

    // MARK: Registers

    func read(_ register: IOAPICWindowRegister) -> UInt32 {
        switch register {
        case .select: return UInt32(select)
        case .window: return IOAPICRegister(index: select).map(read) ?? 0
        case .endOfInterrupt: return 0
        }
    }

    private func read(_ register: IOAPICRegister) -> UInt32 {
        switch register {
        case .identification, .arbitration: return identification
        case .version: return Self.version
        case .redirection(let input, let isUpper):
            return UInt32(truncatingIfNeeded: entries[input].rawValue >> (isUpper ? 32 : 0))
        }
    }

    mutating func write(_ value: UInt32, to register: IOAPICWindowRegister) {
        switch register {
        case .select: select = UInt8(truncatingIfNeeded: value)
        case .window: if let register = IOAPICRegister(index: select) { write(value, to: register) }
        case .endOfInterrupt: endOfInterrupt(UInt8(truncatingIfNeeded: value))
        }
    }

    private mutating func write(_ value: UInt32, to register: IOAPICRegister) {
        switch register {
        case .identification: identification = value & 0x0F00_0000
        case .version, .arbitration: break
        case .redirection(let input, let isUpper):
            let shift: UInt64 = isUpper ? 32 : 0
            let writable = RedirectionEntry.writable & (0xFFFF_FFFF << shift)
            var entry = entries[input]
            entry.rawValue = entry.rawValue & ~writable | UInt64(value) << shift & writable
            // Edge-triggered has no Remote IRR: turning to it and back ends an interrupt, as in an 82093AA.
            if !entry.isLevel { entry.remoteIRR = false }
            if entry.isLevel || entry.isMasked { edges[bit: input] = false }
            entries[input] = entry
        }
    }

    // MARK: Effects

    /// The first effect that waits, or nil: there is none, or another thread delivers. A caller that gets one goes on with
    /// `continueDelivery()` after it has told the world.
    mutating func beginDelivery() -> Effect? {
        guard !isDelivering else { return nil }
        return continueDelivery()
    }

    /// The next effect, or nil: the delivery has ended.
    mutating func continueDelivery() -> Effect? {
        let effect = nextEffect()
        isDelivering = effect != nil
        return effect
    }

    private mutating func nextEffect() -> Effect? {
        var candidates = levels | edges
        while candidates != 0 {
            let input = candidates.trailingZeroBitCount
            candidates &= candidates - 1
            let entry = entries[input]
            guard !entry.isMasked else { continue }
            guard entry.isLevel else {
                guard edges[bit: input] else { continue }
                edges[bit: input] = false
                return .send(entry.message)
            }
            guard levels[bit: input], !entry.remoteIRR else { continue }
            guard announced[input] == entry.message else {
                announced[input] = entry.message
                return .announce(entry.message, input: input)
            }
            entries[input].remoteIRR = true
            return .send(entry.message)
        }
        return nil
    }
}
