internal import VMMCore

/// One CPU: its redistributor, its own interrupts (SGIs and PPIs), the LPIs that came to it, and its CPU interface.
struct GICCPU {
    var own = GICBank(sgis: GICState.sgis)
    var lpis = GICLPIBank()
    var ctlr = GICR_CTLR()
    var waker = GICR_WAKER()
    var interface = GICCPUInterface()
    /// The most urgent interrupt that is forwarded to the CPU, whether it is signalled or not: ICC_HPPIR.
    var best: GICPendingInterrupt?
    /// IRQ and FIQ, by `GICDelivery.Signal`.
    private var outputs = InlineArray<2, OrderedInterruptOutput>(repeating: OrderedInterruptOutput())
    /// The wires of the PPIs.
    var inputs = InlineArray<16, OrderedInterruptInput>(repeating: OrderedInterruptInput())

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
        guard let change = outputs[Int(signal.rawValue)].want(level) else { return }
        delivery.append(GICDelivery.Step(cpu: cpu, signal: signal, change: change))
    }
}

/// The lines that one step changed: filled under the lock, emptied outside it.
struct GICDelivery {
    enum Signal: UInt8 {
        case irq = 0
        case fiq = 1
    }

    struct Step {
        var cpu: Int
        var signal: Signal
        var change: OrderedInterruptOutput.Change
    }

    /// Most steps change one line at most, which needs no array.
    private(set) var first: Step?
    private(set) var others: [Step] = []

    mutating func append(_ step: Step) {
        if first == nil { first = step } else { others.append(step) }
    }
}
