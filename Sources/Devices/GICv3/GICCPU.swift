internal import VMMCore

/// One CPU: its redistributor, its own interrupts (SGIs and PPIs) and its CPU interface.
struct GICCPU {
    var own = GICBank(sgis: GICState.sgis)
    var ctlr = GICR_CTLR()
    var waker = GICR_WAKER()
    var interface = GICCPUInterface()
    /// The most urgent interrupt that is forwarded to the CPU, whether it is signalled or not: ICC_HPPIR.
    var best: GICPendingInterrupt?
    /// IRQ and FIQ, by `GICDelivery.Signal`.
    var outputs = InlineArray<2, InterruptOutput>(repeating: InterruptOutput())

    /// Interrupts of the group may come here.
    func takes(_ group: GICGroup) -> Bool { !waker.processorSleep && interface.enables(group) }

    /// Interrupts that go to any one CPU may come here.
    func takesOneOfN(_ group: GICGroup) -> Bool { takes(group) && !ctlr.disablesOneOfN(group) }

    /// What the CPU is told of: the best interrupt, if it is urgent enough.
    var signalled: GICPendingInterrupt? {
        guard let best, interface.accepts(best) else { return nil }
        return best
    }

    mutating func want(irq: Bool, fiq: Bool, _ cpu: Int, _ delivery: inout GICDelivery) {
        want(irq, .irq, cpu, &delivery)
        want(fiq, .fiq, cpu, &delivery)
    }

    private mutating func want(_ level: Bool, _ signal: GICDelivery.Signal, _ cpu: Int, _ delivery: inout GICDelivery) {
        guard outputs[Int(signal.rawValue)].level != level else { return }
        outputs[Int(signal.rawValue)].want(level)
        delivery.note(cpu, signal)
    }
}

/// The lines that have to be set: filled under the lock, emptied outside it.
struct GICDelivery {
    enum Signal: UInt8 {
        case irq = 0
        case fiq = 1
    }

    struct Step {
        var cpu: Int
        var signal: Signal
        var level: Bool
    }

    /// Bit n: CPU n.
    private var irqs: UInt128 = 0
    private var fiqs: UInt128 = 0

    mutating func note(_ cpu: Int, _ signal: Signal) {
        switch signal {
        case .irq: irqs |= 1 << cpu
        case .fiq: fiqs |= 1 << cpu
        }
    }

    /// Takes out a line that was noted.
    mutating func next() -> (cpu: Int, signal: Signal)? {
        if irqs != 0 {
            let cpu = irqs.trailingZeroBitCount
            irqs &= irqs &- 1
            return (cpu, .irq)
        }
        guard fiqs != 0 else { return nil }
        let cpu = fiqs.trailingZeroBitCount
        fiqs &= fiqs &- 1
        return (cpu, .fiq)
    }
}
