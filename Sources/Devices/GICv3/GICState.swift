internal import VMMCore

/// The whole controller without the world around it: each method is one step, takes no lock and calls nobody. What it
/// wants of the CPUs' lines is collected for `GICv3` to deliver.
///
/// Each CPU's most urgent pending interrupt is kept up to date (`GICCPU.best`), so that an acknowledge does not search.
/// A search looks at the CPU's own 32 interrupts and at the rows of SPIs that have something to forward, word by word.
/// LPIs are one more candidate, the best of `GICLPIBank`: they have neither an active state nor a place in the rows.
struct GICState {
    /// SGIs are the first 16 of a CPU's own interrupts.
    static let sgis: UInt32 = 0xFFFF
    /// The first INTID that is not an interrupt: 1020 to 1023 are special.
    static let firstSpecialINTID = 1020
    /// What ICC_IAR and ICC_HPPIR say when there is nothing.
    static let spuriousINTID: UInt64 = 1023

    /// What an SPI's GICD_IROUTER comes to.
    enum Route: Hashable {
        case cpu(Int)
        /// To the first CPU that takes part.
        case oneOfN
        /// No CPU has this affinity: it stays pending.
        case nowhere
    }

    var ctlr = GICD_CTLR()
    /// Element n is INTIDs 32 × (n + 1) on.
    private(set) var rows: [GICBank]
    /// Bit n: row n has something to forward.
    private var busyRows: UInt32 = 0
    private var routers: [GICD_IROUTER]
    private var routes: [Route]
    private(set) var cpus: [GICCPU]
    /// Where the tables of LPIs are. Nil: no LPIs, and no ITS.
    let memory: GuestMemory?
    var its: GICITS
    /// The CPU that takes 1-of-N interrupts, by group; -1 when none takes part.
    private var oneOfNTargets = InlineArray<2, Int>(repeating: -1)
    private var delivery = GICDelivery()

    init(cpuCount: Int, spiCount: Int, memory: GuestMemory?) {
        self.memory = memory
        its = GICITS(cpuCount: cpuCount)
        rows = Array(repeating: GICBank(sgis: 0), count: spiCount / 32)
        routers = Array(repeating: GICD_IROUTER(), count: spiCount)
        // The reset value of IROUTER names affinity 0.0.0.0.
        routes = Array(repeating: .cpu(0), count: spiCount)
        cpus = Array(repeating: GICCPU(), count: cpuCount)
    }

    var spiCount: Int { routes.count }

    // MARK: Interrupts

    /// The wire of an SPI. `spi` is INTID - 32, below `spiCount`.
    mutating func setInput(_ asserted: Bool, spi: Int) {
        guard rows[spi / 32].setInput(asserted, spi % 32) else { return }
        spiChanged(spi)
    }

    /// The wire of a PPI. `ppi` is INTID - 16, 0 to 15. With an order, an older level is passed over.
    mutating func setInput(_ asserted: Bool, ppi: Int, cpu: Int, order: UInt64? = nil) {
        if let order, !cpus[cpu].inputs[ppi].accepts(order: order) { return }
        if cpus[cpu].own.setInput(asserted, 16 + ppi) { evaluate(cpu) }
    }

    /// Takes an interrupt out of the active state, wherever it is active. Nonsense is ignored, and an LPI is never active.
    mutating func deactivate(_ intid: Int, cpu: Int) {
        switch intid {
        case 0..<32:
            cpus[cpu].own.apply(.deactivate, to: intid)
            evaluate(cpu)
        case 32..<32 + spiCount:
            let spi = intid - 32
            rows[spi / 32].apply(.deactivate, to: spi % 32)
            spiChanged(spi)
        default:
            break
        }
    }

    /// ICC_IAR: gives the most urgent interrupt to the CPU, if it is in `group` and urgent enough.
    mutating func acknowledge(_ group: GICGroup, cpu: Int) -> UInt64 {
        guard let best = cpus[cpu].signalled, best.group == group else { return Self.spuriousINTID }
        cpus[cpu].interface.activate(best)
        if best.intid < 32 {
            cpus[cpu].own.apply(.acknowledge, to: best.intid)
        } else if best.intid < GICLPIBank.firstINTID {
            let spi = best.intid - 32
            rows[spi / 32].apply(.acknowledge, to: spi % 32)
            refresh(row: spi / 32)
        } else {
            cpus[cpu].lpis.clear(best.intid)
        }
        evaluate(cpu)
        return UInt64(best.intid)
    }

    /// ICC_SGI0R, SGI1R, ASGI1R: makes an SGI pending on each target where it is in `group`.
    mutating func send(_ sgi: ICC_SGIR, _ group: GICGroup, from cpu: Int) {
        if sgi.irm {
            for target in cpus.indices where target != cpu { receive(sgi.intid, group, cpu: target) }
            return
        }
        guard let first = sgi.cluster.cpu else { return }
        var rest = sgi.targetList
        while rest != 0 {
            let target = first + rest.trailingZeroBitCount
            rest &= rest &- 1
            if cpus.indices.contains(target) { receive(sgi.intid, group, cpu: target) }
        }
    }

    private mutating func receive(_ sgi: Int, _ group: GICGroup, cpu: Int) {
        guard cpus[cpu].own.group(sgi) == group else { return }
        cpus[cpu].own.apply(.makePending, to: sgi)
        evaluate(cpu)
    }

    // MARK: Rows and routes

    func readRow(_ row: Int, _ register: GICBankRegister, first: Int, _ width: AccessWidth) -> UInt32 {
        rows.indices.contains(row) ? rows[row].read(register, first: first, width) : 0
    }

    mutating func writeRow(_ row: Int, _ register: GICBankRegister, _ value: UInt32, first: Int, _ width: AccessWidth) {
        guard rows.indices.contains(row) else { return }
        rows[row].write(value, to: register, first: first, width)
        refresh(row: row)
        evaluateAll()
    }

    mutating func writeOwn(cpu: Int, _ register: GICBankRegister, _ value: UInt32, first: Int, _ width: AccessWidth) {
        cpus[cpu].own.write(value, to: register, first: first, width)
        evaluate(cpu)
    }

    /// Zero for an SPI that is not there.
    func router(_ spi: Int) -> GICD_IROUTER { routers.indices.contains(spi) ? routers[spi] : GICD_IROUTER() }

    mutating func setRouter(_ spi: Int, _ router: GICD_IROUTER) {
        guard routers.indices.contains(spi) else { return }
        let router = GICD_IROUTER(rawValue: router.rawValue & GICD_IROUTER.writable)
        routers[spi] = router
        if router.irm {
            routes[spi] = .oneOfN
        } else if let cpu = router.affinity.cpu, cpus.indices.contains(cpu) {
            routes[spi] = .cpu(cpu)
        } else {
            routes[spi] = .nowhere
        }
        evaluateAll()
    }

    private mutating func refresh(row: Int) { busyRows[bit: row] = rows[row].forwardable != 0 }

    private mutating func spiChanged(_ spi: Int) {
        refresh(row: spi / 32)
        switch routes[spi] {
        case .cpu(let cpu):
            evaluate(cpu)
        case .oneOfN:
            let target = oneOfNTargets[Int(rows[spi / 32].group(spi % 32).rawValue)]
            if target >= 0 { evaluate(target) }
        case .nowhere:
            break
        }
    }

    // MARK: CPUs

    /// Changes what is pending at this CPU only.
    mutating func update(_ cpu: Int, _ change: (inout GICCPU) -> Void) {
        change(&cpus[cpu])
        evaluate(cpu)
    }

    /// Changes what only this CPU's signals depend on: its interface's masks and active priorities.
    mutating func updateInterface(_ cpu: Int, _ change: (inout GICCPUInterface) -> Void) {
        change(&cpus[cpu].interface)
        signal(cpu)
    }

    /// Changes what decides where 1-of-N interrupts go: group enables, sleep, DPG, GICD_CTLR.
    mutating func updateParticipation(_ change: (inout Self) -> Void) {
        change(&self)
        for group in GICGroup.allCases {
            let target = cpus.indices.first { cpus[$0].takesOneOfN(group) && ctlr.enables(group) }
            oneOfNTargets[Int(group.rawValue)] = target ?? -1
        }
        evaluateAll()
    }

    mutating func setWaker(_ value: UInt32, cpu: Int) { cpus[cpu].waker.write(value) }

    mutating func setControl(_ value: UInt32, cpu: Int) {
        let writable = hasLPIs ? GICR_CTLR.writable | GICR_CTLR.enableLPIs : GICR_CTLR.writable
        cpus[cpu].ctlr.rawValue = value & writable
        setLPIsEnabled(cpus[cpu].ctlr.enablesLPIs, cpu: cpu)
    }

    mutating func setGroupEnable(_ value: UInt64, _ group: GICGroup, cpu: Int) {
        cpus[cpu].interface.writeIGRPEN(value, group)
    }

    // MARK: Selection

    private mutating func evaluateAll() {
        for cpu in cpus.indices { evaluate(cpu) }
    }

    /// Finds the CPU's most urgent interrupt anew and sets its signals.
    private mutating func evaluate(_ cpu: Int) {
        cpus[cpu].best = findBest(cpu)
        signal(cpu)
    }

    /// The lowest INTID of the most urgent priority that may go to the CPU. LPIs have the highest INTIDs.
    private func findBest(_ cpu: Int) -> GICPendingInterrupt? {
        let takesGroup0 = ctlr.enableGrp0 && cpus[cpu].takes(.group0)
        let takesGroup1 = ctlr.enableGrp1 && cpus[cpu].takes(.group1)
        guard takesGroup0 || takesGroup1 else { return nil }

        var best: GICPendingInterrupt?
        var limit = GICCPUInterface.idlePriority
        let mask = Self.candidates(cpus[cpu].own, takesGroup0, takesGroup1)
        if mask != 0, let (index, priority) = cpus[cpu].own.mostUrgent(in: mask, below: limit) {
            best = GICPendingInterrupt(intid: index, priority: priority, group: cpus[cpu].own.group(index))
            limit = priority
        }
        var restOfRows = busyRows
        while restOfRows != 0 {
            let row = restOfRows.trailingZeroBitCount
            restOfRows &= restOfRows &- 1
            let mask = routed(Self.candidates(rows[row], takesGroup0, takesGroup1), row: row, cpu: cpu)
            guard mask != 0, let (index, priority) = rows[row].mostUrgent(in: mask, below: limit) else { continue }
            best = GICPendingInterrupt(
                intid: 32 * (row + 1) + index, priority: priority, group: rows[row].group(index))
            limit = priority
        }
        if takesGroup1, let lpi = cpus[cpu].lpis.best, lpi.priority < limit { best = lpi }
        return best
    }

    private static func candidates(_ bank: borrowing GICBank, _ group0: Bool, _ group1: Bool) -> UInt32 {
        bank.forwardable & ((group0 ? ~bank.group : 0) | (group1 ? bank.group : 0))
    }

    /// Those of `mask` in a row that go to the CPU.
    private func routed(_ mask: UInt32, row: Int, cpu: Int) -> UInt32 {
        var result: UInt32 = 0
        var rest = mask
        while rest != 0 {
            let index = rest.trailingZeroBitCount
            rest &= rest &- 1
            switch routes[32 * row + index] {
            case .cpu(let target): result[bit: index] = target == cpu
            case .oneOfN: result[bit: index] = oneOfNTargets[Int(rows[row].group(index).rawValue)] == cpu
            case .nowhere: break
            }
        }
        return result
    }

    private mutating func signal(_ cpu: Int) {
        let group = cpus[cpu].signalled?.group
        cpus[cpu].want(irq: group == .group1, fiq: group == .group0, cpu, &delivery)
    }

    // MARK: Delivery

    /// What the step changed, to be told to the lines.
    mutating func takeDelivery() -> GICDelivery {
        guard delivery.first != nil else { return delivery }
        let result = delivery
        delivery = GICDelivery()
        return result
    }
}
