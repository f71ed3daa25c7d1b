import GICv3
import Testing
import VMMCore
import VMMTestSupport

@Suite struct GITSSoakTests {
    @Test("random commands, messages, configurations and acknowledges: as the reference model has it", arguments: 1...6)
    func agreesWithReference(_ seed: UInt64) throws {
        var soak = try Soak(seed: seed)
        for step in 0..<3000 {
            let what = try soak.step()
            guard soak.agrees() else {
                Issue.record("seed \(seed), step \(step): \(what)")
                return
            }
        }
        #expect(soak.acknowledged > 40)
    }

    @Test("random registers, tables and commands: no trap, fixed bits stay, and afterwards all works", arguments: 1...4)
    func nonsense(_ seed: UInt64) throws {
        let fixture = try ITSFixture()
        var random = SeededGenerator(seed: seed)
        for _ in 0..<6000 { try nonsense(fixture, &random) }

        #expect(fixture.get(0x0008, .doubleword) == 0x1_EF71)
        #expect(fixture.get(0x0100, .doubleword) & 0x071F_0000_0000_0000 == 0x0107_0000_0000_0000)
        #expect(fixture.get(0x0108, .doubleword) & 0x071F_0000_0000_0000 == 0x0407_0000_0000_0000)
        #expect(fixture.get(0x0110, .doubleword) == 0)

        let memory = fixture.memory
        fixture.set(0, 0)
        for cpu in 0..<2 {
            // Awake, without LPIs, and with no priority active.
            fixture.gic.setR(cpu, 0x14, 0)
            fixture.gic.setR(cpu, 0, 0)
            while fixture.gic.get(.RPR_EL1, cpu: cpu) != 0xFF { fixture.gic.eoi(ITSFixture.lpi, cpu: cpu) }
        }
        try memory.fill(GuestAddress(0x4000_0000), count: 4 << 20, with: 0)
        try fixture.setUp()
        try fixture.mapDevice()
        fixture.send(1, from: 1)
        #expect(fixture.gic.iar() == ITSFixture.lpi + 1)
    }

    private func nonsense(_ fixture: ITSFixture, _ random: inout SeededGenerator) throws {
        let width = AccessWidth.allCases[Int(random.next() % 4)]
        // Mostly in RAM, and sometimes anywhere.
        let address = random.next() % 4 == 0 ? random.next() : 0x4000_0000 + random.next() % (4 << 20)
        let fields = random.next() & random.next()
        switch random.next() % 16 {
        case 0: fixture.set(random.next() % 0x2_0000, random.next(), width)
        case 1: fixture.set(random.next() % 0x140, fields, width)
        case 2: fixture.set(0, random.next() % 4)
        // The size of tables is absurd as often as not, that of the queue is kept small for the test's sake.
        case 3: fixture.set(0x0100 + random.next() % 2 * 8, address | fields & 0xC000_0000_0000_03FF, .doubleword)
        case 4: fixture.set(0x0080, address & ~0xFF | 1 << 63 | random.next() % 2, .doubleword)
        case 5: fixture.set(0x0088, random.next() % 0x2000, .doubleword)
        case 6: fixture.gic.setR(Int(random.next() % 2), random.next() % 0x100, fields, width)
        case 7: fixture.gic.setR(Int(random.next() % 2), 0x70 + random.next() % 2 * 8, address | fields, .doubleword)
        case 8: fixture.gic.setR(Int(random.next() % 2), 0, random.next() % 2)
        case 9, 10:
            let target = GuestAddress(0x4000_0000 + random.next() % 0x20_0000 & ~7)
            try fixture.memory.store(random.next() % 2 == 0 ? fields : 1 << 63 | address, at: target)
        case 11: fixture.send(UInt32(truncatingIfNeeded: fields), from: UInt32(truncatingIfNeeded: random.next() % 16))
        case 12:
            _ = fixture.get(random.next() % 0x2_0000, width)
            _ = fixture.gic.r(0, random.next() % 0x100, width)
        case 13: _ = fixture.gic.iar(cpu: Int(random.next() % 2))
        case 14: fixture.gic.eoi(random.next() % 0x4000, cpu: Int(random.next() % 2))
        default:
            // Mostly commands that there are, with fields that are mostly small.
            let opcode = random.next() % 4 == 0 ? random.next() & 0xFF : 1 + random.next() % 15
            let device = random.next() % 2 == 0 ? random.next() % 8 : random.next()
            let words = (0..<3).map { _ in random.next() % 2 == 0 ? fields : 1 << 63 | random.next() % 16 }
            try fixture.run([device << 32 | opcode] + words)
        }
    }
}

/// Does the same to an ITS and to the model.
private struct Soak {
    static let cpuCount = 3
    static let lpiCount: UInt64 = 12

    let fixture: ITSFixture
    var model = ReferenceITS(cpuCount: cpuCount)
    var random: SeededGenerator
    var acknowledged = 0
    private var answersAgree = true

    init(seed: UInt64) throws {
        fixture = try ITSFixture(cpuCount: Self.cpuCount)
        random = SeededGenerator(seed: seed)
        for lpi in 0..<Self.lpiCount { model.configurations[lpi] = 0xA1 }
        for cpu in 0..<Self.cpuCount {
            try run(fixture.mapc(UInt64(cpu), UInt64(cpu))) { $0.collections[UInt64(cpu)] = cpu }
        }
        for device in 0..<3 as Range<UInt64> { try run(fixture.mapd(device, bits: 3)) { $0.devices[device] = 3 } }
        for _ in 0..<20 { try map() }
    }

    private mutating func pick(_ count: Int) -> Int { Int(random.next() % UInt64(count)) }
    private mutating func pickEvent() -> ReferenceITS.Event {
        ReferenceITS.Event(device: UInt64(pick(4)), id: UInt64(pick(10)))
    }

    private mutating func run(_ command: [UInt64], _ change: (inout ReferenceITS) -> Void) throws {
        // Commands wait while the ITS is disabled; here none is given then.
        guard model.isEnabled else { return }
        try fixture.run(command)
        change(&model)
    }

    private mutating func map() throws {
        let event = pickEvent()
        let lpi = UInt64(pick(Int(Self.lpiCount)))
        let collection = UInt64(pick(4))
        try run(fixture.mapti(event.device, event.id, ITSFixture.lpi + lpi, collection)) {
            $0.map(event, lpi, collection)
        }
    }

    mutating func step() throws -> String {
        let kind = pick(40)
        let cpu = pick(Self.cpuCount)
        let event = pickEvent()
        let (device, id) = (event.device, event.id)
        switch kind {
        case 0...9:
            fixture.send(UInt32(id), from: UInt32(device))
            model.interrupt(event)
        case 10...14: acknowledge(cpu)
        case 15...18:
            fixture.gic.eoi(ITSFixture.lpi, cpu: cpu)
            model.end(cpu)
        case 19, 20: try map()
        case 21: try run(fixture.int(device, id)) { $0.interrupt(event) }
        case 22: try run(fixture.clear(device, id)) { $0.clear(event) }
        case 23: try run(fixture.discard(device, id)) { $0.discard(event) }
        case 24...26:
            let collection = UInt64(pick(4))
            try run(fixture.movi(device, id, collection)) { $0.move(event, collection) }
        case 27:
            let to = pick(Self.cpuCount)
            try run(fixture.movall(UInt64(cpu), UInt64(to))) { $0.moveAll(cpu, to) }
        case 28: try mapCollection(cpu)
        case 29: try mapDevice(device)
        case 30...32: try configure()
        case 33...36: try invalidate(event, cpu)
        case 37: setITS(enabled: pick(8) > 0)
        default: setLPIs(enabled: pick(8) > 0, cpu)
        }
        return "kind \(kind), CPU \(cpu), device \(device), event \(id)"
    }

    private mutating func acknowledge(_ cpu: Int) {
        let intid = fixture.gic.iar(cpu: cpu)
        let expected = model.acknowledge(cpu)
        answersAgree = intid == expected.map { ITSFixture.lpi + $0 } ?? GICFixture.spurious
        if expected != nil { acknowledged += 1 }
    }

    private mutating func mapCollection(_ cpu: Int) throws {
        let collection = UInt64(pick(4))
        let valid = pick(8) > 0
        try run(fixture.mapc(collection, UInt64(cpu), valid: valid)) { $0.collections[collection] = valid ? cpu : nil }
    }

    private mutating func mapDevice(_ device: UInt64) throws {
        let bits = UInt64(1 + pick(4))
        let valid = pick(8) > 0
        try run(fixture.mapd(device, bits: bits, valid: valid)) { $0.devices[device] = valid ? bits : nil }
    }

    private mutating func configure() throws {
        let lpi = UInt64(pick(Int(Self.lpiCount)))
        let byte = UInt8(truncatingIfNeeded: random.next()) | (pick(3) > 0 ? 1 : 0)
        try fixture.setConfiguration(lpi, byte)
        model.configurations[lpi] = byte
    }

    private mutating func invalidate(_ event: ReferenceITS.Event, _ cpu: Int) throws {
        let lpi = UInt64(pick(Int(Self.lpiCount)))
        let collection = UInt64(pick(4))
        switch pick(4) {
        case 0:
            try run(fixture.inv(event.device, event.id)) { model in
                if let target = model.target(event) { model.reload(target.lpi, target.cpu) }
            }
        case 1:
            try run(fixture.invall(collection)) { model in
                if let cpu = model.collections[collection] { model.reloadAll(cpu) }
            }
        case 2:
            fixture.gic.setR(cpu, 0x00A0, ITSFixture.lpi + lpi, .doubleword)
            model.reload(lpi, cpu)
        default:
            fixture.gic.setR(cpu, 0x00B0, 0, .doubleword)
            model.reloadAll(cpu)
        }
    }

    private mutating func setITS(enabled: Bool) {
        fixture.set(0, enabled ? 1 : 0)
        model.isEnabled = enabled
    }

    private mutating func setLPIs(enabled: Bool, _ cpu: Int) {
        fixture.gic.setR(cpu, 0, enabled ? 1 : 0)
        model.setEnabled(enabled, cpu)
    }

    func agrees() -> Bool {
        guard answersAgree, fixture.isIdle else { return false }
        for cpu in 0..<Self.cpuCount {
            guard fixture.gic.irq[cpu].isAsserted == model.isSignalled(cpu), !fixture.gic.fiq[cpu].isAsserted else {
                return false
            }
            let best = model.highestPending(cpu).map { ITSFixture.lpi + $0 } ?? GICFixture.spurious
            guard fixture.gic.get(.HPPIR1_EL1, cpu: cpu) == best else { return false }
        }
        return true
    }
}
