import GICv3
import Testing
import VMMCore
import VMMTestSupport

@Suite struct GICSoakTests {
    static let cpuCount = 3
    static let spiCount = 64

    @Test("random wires, registers and acknowledges: as the reference model has it", arguments: 1...6)
    func agreesWithReference(_ seed: UInt64) {
        var soak = Soak(seed: seed)
        for step in 0..<2000 {
            let what = soak.step()
            guard soak.agrees() else {
                Issue.record("seed \(seed), step \(step): \(what)")
                return
            }
        }
        #expect(soak.acknowledged > 20)
    }

    @Test("random accesses of all offsets, widths and values: no trap, and the register file keeps its fixed bits")
    func nonsense() {
        let fixture = GICFixture(cpuCount: 3, start: false)
        var random = SeededGenerator(seed: 99)
        for _ in 0..<60_000 {
            let width = AccessWidth.allCases[Int(random.next() % 4)]
            let value = random.next() & random.next() & width.mask
            let cpu = Int(random.next() % 3)
            switch random.next() % 8 {
            case 0, 1: fixture.gicd.write(value, at: random.next() % 0x1_0000, width: width)
            case 2: fixture.gicd.write(value, at: random.next() % 0xD00, width: .word)
            case 3: fixture.gicr.write(value, at: random.next() % fixture.gicr.windowSize, width: width)
            case 4:
                _ = fixture.gicd.read(at: random.next() % 0x1_0000, width: width)
                _ = fixture.gicr.read(at: random.next() % fixture.gicr.windowSize, width: width)
            case 5: fixture.spi(Int(random.next() % 64), random.next() & 1 == 0)
            case 6: fixture.set(ICCRegister.allCases[Int(random.next() % 20)], random.next(), cpu: cpu)
            default: _ = fixture.get(ICCRegister.allCases[Int(random.next() % 20)], cpu: cpu)
            }
        }
        #expect(fixture.d(0x0000) & ~3 == 0x50)
        #expect(fixture.r(2, 0x1_0C00) == 0xAAAA_AAAA)
        #expect(fixture.get(.CTLR_EL1) & ~3 == 0x8400)
    }

    @Test("offsets and INTIDs at the ends of 64 bits")
    func extremes() {
        let fixture = GICFixture()
        for offset: UInt64 in [.max, .max - 7, 1 << 63] {
            for width: AccessWidth in AccessWidth.allCases {
                fixture.gicd.write(.max, at: offset, width: width)
                fixture.gicr.write(.max, at: offset, width: width)
                #expect(fixture.gicd.read(at: offset, width: width) == 0)
                #expect(fixture.gicr.read(at: offset, width: width) == 0)
            }
        }
    }
}

/// Does the same to a GIC and to the model.
private struct Soak {
    let fixture = GICFixture(cpuCount: GICSoakTests.cpuCount, spiCount: GICSoakTests.spiCount, start: false)
    var model = ReferenceGIC(cpuCount: GICSoakTests.cpuCount, spiCount: GICSoakTests.spiCount)
    var random: SeededGenerator
    var acknowledged = 0
    /// What CPUs have acknowledged and not ended.
    var open: [[(intid: UInt64, group: Int)]] = Array(repeating: [], count: GICSoakTests.cpuCount)
    private var answersAgree = true

    init(seed: UInt64) {
        random = SeededGenerator(seed: seed)
        start()
    }

    private mutating func start() {
        write(d: 0, 3)
        model.groups = [true, true]
        for cpu in model.cpus.indices {
            fixture.setR(cpu, 0x14, 0)
            model.cpus[cpu].asleep = false
            setInterface(.PMR_EL1, 0xF8, cpu)
            setInterface(.IGRPEN0_EL1, 1, cpu)
            setInterface(.IGRPEN1_EL1, 1, cpu)
        }
    }

    private mutating func pick(_ count: Int) -> Int { Int(random.next() % UInt64(count)) }

    private func write(d offset: UInt64, _ value: UInt64) { fixture.setD(offset, value) }

    mutating func step() -> String {
        let cpu = pick(GICSoakTests.cpuCount)
        let kind = pick(32)
        switch kind {
        case 0...5: wire(cpu)
        case 6...11: row(cpu)
        case 12...17: acknowledge(cpu)
        case 18...22: end(cpu)
        case 23: sgi(cpu)
        case 24: priority(cpu)
        case 25, 26: route()
        case 27: edge(cpu)
        case 28: control(cpu)
        default: interface(cpu)
        }
        return "kind \(kind), CPU \(cpu)"
    }

    private mutating func wire(_ cpu: Int) {
        let level = pick(2) == 0
        if pick(4) == 0 {
            let ppi = pick(16)
            fixture.ppi(ppi, level, cpu: cpu)
            model.setLevel(level, 16 + ppi, cpu)
        } else {
            let spi = pick(GICSoakTests.spiCount)
            fixture.spi(spi, level)
            model.setLevel(level, 32 + spi, cpu)
        }
    }

    /// Writes one of the registers of one bit for each interrupt.
    private mutating func row(_ cpu: Int) {
        let row = pick(1 + GICSoakTests.spiCount / 32)
        let kind = pick(8)
        var value = random.next() & 0xFFFF_FFFF
        // Enables are often on, active states seldom set by hand.
        if kind > 1 { value &= random.next() }
        if kind == 5 { value &= random.next() & random.next() }
        let register: UInt64 = [0x80, 0x100, 0x180, 0x200, 0x280, 0x300, 0x380, 0x100][kind]
        if row == 0 {
            fixture.setR(cpu, 0x1_0000 + register, value)
        } else {
            fixture.setD(register + 4 * UInt64(row), value)
        }
        for bit in 0..<32 {
            let intid = 32 * row + bit
            let isSet = value >> UInt64(bit) & 1 == 1
            if register == 0x80 { model[intid, cpu].group = isSet ? 1 : 0 }
            guard isSet else { continue }
            switch register {
            case 0x100: model[intid, cpu].enabled = true
            case 0x180: model[intid, cpu].enabled = false
            case 0x200: model[intid, cpu].latched = true
            case 0x280: model[intid, cpu].latched = false
            case 0x300: model[intid, cpu].active = true
            case 0x380: model[intid, cpu].active = false
            default: break
            }
        }
    }

    private mutating func acknowledge(_ cpu: Int) {
        let group = pick(2)
        let intid = fixture.get(group == 0 ? .IAR0_EL1 : .IAR1_EL1, cpu: cpu)
        answersAgree = intid == model.acknowledge(group, cpu)
        guard intid != 1023 else { return }
        acknowledged += 1
        open[cpu].append((intid, group))
    }

    private mutating func end(_ cpu: Int) {
        // Mostly what was acknowledged last, sometimes anything.
        let last = pick(8) == 0 ? nil : open[cpu].popLast()
        let (intid, group) = last ?? (random.next() % 1100, pick(2))
        fixture.set(group == 0 ? .EOIR0_EL1 : .EOIR1_EL1, intid, cpu: cpu)
        model.end(Int(intid), group, cpu)
        guard pick(2) == 0 else { return }
        fixture.set(.DIR_EL1, intid, cpu: cpu)
        if model.cpus[cpu].split { model.deactivate(Int(intid), cpu) }
    }

    private mutating func sgi(_ cpu: Int) {
        let group = pick(2)
        let sgi = pick(16)
        let toOthers = pick(2) == 0
        let list = random.next() & 0xFFFF
        fixture.set(
            group == 0 ? .SGI0R_EL1 : pick(2) == 0 ? .SGI1R_EL1 : .ASGI1R_EL1,
            (toOthers ? 1 << 40 : 0) | UInt64(sgi) << 24 | list, cpu: cpu)
        for target in model.cpus.indices {
            guard toOthers ? target != cpu : list >> UInt64(target) & 1 == 1 else { continue }
            if model[sgi, target].group == group { model[sgi, target].latched = true }
        }
    }

    private mutating func priority(_ cpu: Int) {
        let intid = pick(32 + GICSoakTests.spiCount)
        let value = random.next() & 0xFF
        if intid < 32 {
            fixture.setR(cpu, 0x1_0400 + UInt64(intid), value, .byte)
        } else {
            fixture.setPriority(UInt64(intid), value)
        }
        model[intid, cpu].priority = value & 0xF8
    }

    private mutating func route() {
        let spi = pick(GICSoakTests.spiCount)
        let value = [0, 1, 2, 1 << 31, 1 << 31 | 1, 7][pick(6)] as UInt64
        fixture.route(UInt64(32 + spi), value)
        model.routers[spi] = value
    }

    private mutating func edge(_ cpu: Int) {
        let intid = 16 + pick(16 + GICSoakTests.spiCount)
        let isEdge = pick(2) == 0
        if intid < 32 {
            let bit = UInt64(2) << UInt64(2 * (intid % 16))
            let value = fixture.r(cpu, 0x1_0C04)
            fixture.setR(cpu, 0x1_0C04, isEdge ? value | bit : value & ~bit)
        } else {
            fixture.setEdge(UInt64(intid), isEdge)
        }
        model[intid, cpu].edge = isEdge
    }

    private mutating func control(_ cpu: Int) {
        switch pick(4) {
        case 0:
            let value = random.next() | random.next()
            fixture.setD(0, value)
            model.groups = [value & 1 != 0, value & 2 != 0]
        case 1:
            let value = random.next() & random.next()
            fixture.setR(cpu, 0, value)
            model.cpus[cpu].noOneOfN = [value >> 24 & 1 == 1, value >> 25 & 1 == 1]
        default:
            let isAsleep = pick(3) == 0
            fixture.setR(cpu, 0x14, isAsleep ? 2 : 0)
            model.cpus[cpu].asleep = isAsleep
        }
    }

    private mutating func interface(_ cpu: Int) {
        let registers: [ICCRegister] = [.PMR_EL1, .BPR0_EL1, .BPR1_EL1, .CTLR_EL1, .IGRPEN0_EL1, .IGRPEN1_EL1]
        let register = registers[pick(6)]
        setInterface(register, register == .PMR_EL1 ? random.next() | 0x80 : random.next() | random.next(), cpu)
    }

    private mutating func setInterface(_ register: ICCRegister, _ value: UInt64, _ cpu: Int) {
        fixture.set(register, value, cpu: cpu)
        switch register {
        case .PMR_EL1: model.cpus[cpu].pmr = value & 0xF8
        case .BPR0_EL1: model.cpus[cpu].bpr[0] = max(value & 7, 2)
        case .BPR1_EL1: if !model.cpus[cpu].cbpr { model.cpus[cpu].bpr[1] = max(value & 7, 3) }
        case .CTLR_EL1:
            model.cpus[cpu].cbpr = value & 1 == 1
            model.cpus[cpu].split = value & 2 == 2
        case .IGRPEN0_EL1: model.cpus[cpu].enabled[0] = value & 1 == 1
        case .IGRPEN1_EL1: model.cpus[cpu].enabled[1] = value & 1 == 1
        default: break
        }
    }

    // MARK: Comparison

    func agrees() -> Bool {
        guard answersAgree else { return false }
        for cpu in model.cpus.indices {
            guard fixture.fiq[cpu].isAsserted == model.asserts(0, cpu),
                fixture.irq[cpu].isAsserted == model.asserts(1, cpu)
            else { return false }
            let running = model.cpus[cpu].running[0].union(model.cpus[cpu].running[1]).min() ?? 0xFF
            guard fixture.get(.RPR_EL1, cpu: cpu) == running else { return false }
            let best = model.highestPending(cpu)
            for (group, register) in [ICCRegister.HPPIR0_EL1, .HPPIR1_EL1].enumerated() {
                let expected = best.flatMap { model[$0, cpu].group == group ? UInt64($0) : nil } ?? 1023
                guard fixture.get(register, cpu: cpu) == expected else { return false }
            }
        }
        return rowsAgree()
    }

    private func rowsAgree() -> Bool {
        for cpu in model.cpus.indices {
            for row in 0...GICSoakTests.spiCount / 32 {
                let offset: (UInt64) -> UInt64 = { row == 0 ? $0 : $0 + 4 * UInt64(row) }
                func read(_ base: UInt64) -> UInt64 {
                    row == 0 ? fixture.r(cpu, 0x1_0000 + base) : fixture.d(offset(base))
                }
                let interrupts = (32 * row..<32 * row + 32).map { model[$0, cpu] }
                func word(_ value: (ReferenceGIC.Interrupt) -> Bool) -> UInt64 {
                    interrupts.reversed().reduce(UInt64(0)) { ($0 << 1) | (value($1) ? 1 : 0) }
                }
                guard read(0x80) == word({ $0.group == 1 }), read(0x100) == word({ $0.enabled }),
                    read(0x200) == word({ $0.pending }), read(0x380) == word({ $0.active })
                else { return false }
            }
        }
        return true
    }
}
