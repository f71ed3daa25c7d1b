import GICv3
import Testing
import VMMCore
import VMMTestSupport

@Suite struct GITSCommandTests {
    static let lpi = ITSFixture.lpi
    let fixture: ITSFixture
    var gic: GICFixture { fixture.gic }

    init() throws { fixture = try ITSFixture() }

    @Test("MAPD, MAPC, MAPTI: a message of the device with the EventID makes the LPI pending at the collection's CPU")
    func translation() throws {
        try fixture.run(
            fixture.mapd(0x10), fixture.mapc(7, 1), fixture.mapti(0x10, 3, Self.lpi + 100, 7), fixture.sync(1))
        #expect(fixture.isIdle)
        fixture.send(3, from: 0x10)
        #expect(gic.irq[1].isAsserted && !gic.irq[0].isAsserted)
        #expect(gic.iar(cpu: 1) == Self.lpi + 100)
    }

    @Test("MAPI: the EventID is the INTID")
    func mapi() throws {
        try fixture.run(fixture.mapd(1, bits: 14), fixture.mapc(0, 0), fixture.mapi(1, 8199, 0), fixture.int(1, 8199))
        #expect(gic.iar() == 8199)
    }

    @Test("a message of another device, with another EventID, or to another address: nothing")
    func foreignMessages() throws {
        try fixture.mapDevice()
        fixture.send(0, from: 2)
        fixture.send(4, from: 1)
        fixture.send(32, from: 1)
        fixture.send(.max, from: .max)
        fixture.messages.send(MSI(address: GuestAddress(0x0809_0044), data: 0), from: 1)
        #expect(!gic.irq[0].isAsserted && !gic.irq[1].isAsserted)
        #expect(
            fixture.faults.lines.map { $0.split(separator: " ").last } == [
                "deviceNotMapped", "eventNotMapped", "eventOutOfRange", "deviceOutOfRange",
            ])
    }

    @Test("a CPU's write of GITS_TRANSLATER has no DeviceID, and is ignored")
    func translaterFromCPU() throws {
        try fixture.run(fixture.mapd(0), fixture.mapc(0, 0), fixture.mapti(0, 0, Self.lpi, 0))
        fixture.set(GICv3.translaterOffset, 0)
        #expect(!gic.irq[0].isAsserted && fixture.get(GICv3.translaterOffset) == 0)
    }

    @Test("GITS_CTLR.Enabled 0: messages are lost; commands wait until it is 1")
    func disabled() throws {
        try fixture.mapDevice()
        fixture.set(0, 0)
        fixture.send(0, from: 1)
        try fixture.run(fixture.int(1, 1))
        #expect(!gic.irq[0].isAsserted && !fixture.isIdle)
        fixture.set(0, 1)
        #expect(fixture.isIdle && gic.iar() == Self.lpi + 1)
        gic.eoi(Self.lpi + 1)
        #expect(gic.iar() == GICFixture.spurious)
    }

    @Test("INT makes an LPI pending, CLEAR takes that away")
    func intAndClear() throws {
        try fixture.mapDevice()
        try fixture.run(fixture.int(1, 0), fixture.int(1, 2))
        #expect(gic.irq[0].isAsserted)
        try fixture.run(fixture.clear(1, 0))
        #expect(gic.get(.HPPIR1_EL1) == Self.lpi + 2)
        try fixture.run(fixture.clear(1, 2))
        #expect(!gic.irq[0].isAsserted && gic.iar() == GICFixture.spurious)
    }

    @Test("DISCARD takes mapping and pending state away")
    func discard() throws {
        try fixture.mapDevice()
        fixture.send(0, from: 1)
        try fixture.run(fixture.discard(1, 0))
        #expect(!gic.irq[0].isAsserted)
        fixture.send(0, from: 1)
        #expect(!gic.irq[0].isAsserted)
        #expect(fixture.faults.lines.count == 1)
    }

    @Test("MOVI: the interrupt goes to the new collection's CPU, and with it what is pending")
    func movi() throws {
        try fixture.mapDevice()
        fixture.send(0, from: 1)
        fixture.send(1, from: 1)
        try fixture.run(fixture.movi(1, 0, 1))
        #expect(gic.iar(cpu: 1) == Self.lpi)
        #expect(gic.iar(cpu: 0) == Self.lpi + 1)
        gic.eoi(Self.lpi, cpu: 1)
        gic.eoi(Self.lpi + 1, cpu: 0)
        fixture.send(0, from: 1)
        #expect(!gic.irq[0].isAsserted && gic.iar(cpu: 1) == Self.lpi)
    }

    @Test("MOVI reads the configuration for the new CPU: nothing older is left there")
    func moviConfiguration() throws {
        try fixture.mapDevice()
        try fixture.run(fixture.movi(1, 0, 1), fixture.int(1, 0))
        #expect(gic.iar(cpu: 1) == Self.lpi)
        gic.eoi(Self.lpi, cpu: 1)
        try fixture.run(fixture.movi(1, 0, 0))
        try fixture.setConfiguration(0, 0xA0)
        try fixture.run(fixture.inv(1, 0), fixture.int(1, 0), fixture.movi(1, 0, 1))
        #expect(!gic.irq[0].isAsserted && !gic.irq[1].isAsserted)
        try fixture.setConfiguration(0, 0xA1)
        try fixture.run(fixture.inv(1, 0))
        #expect(gic.iar(cpu: 1) == Self.lpi)
    }

    @Test("MOVALL: all that is pending goes to the other CPU; mappings stay")
    func movall() throws {
        try fixture.mapDevice()
        for event in 0..<3 as Range<UInt32> { fixture.send(event, from: 1) }
        try fixture.run(fixture.movall(0, 1))
        #expect(!gic.irq[0].isAsserted)
        for lpi in 0..<3 as Range<UInt64> {
            #expect(gic.iar(cpu: 1) == Self.lpi + lpi)
            gic.eoi(Self.lpi + lpi, cpu: 1)
        }
        fixture.send(0, from: 1)
        #expect(gic.irq[0].isAsserted && !gic.irq[1].isAsserted)
        try fixture.run(fixture.movall(0, 0))
        #expect(gic.irq[0].isAsserted)
    }

    @Test("INV and INVALL read the configuration of what is pending")
    func invalidate() throws {
        try fixture.mapDevice()
        try fixture.setConfiguration(0, 0)
        try fixture.setConfiguration(1, 0)
        try fixture.run(fixture.int(1, 0), fixture.int(1, 1))
        try fixture.setConfiguration(0, 0xA1)
        try fixture.setConfiguration(1, 0x91)
        #expect(!gic.irq[0].isAsserted)
        try fixture.run(fixture.inv(1, 0))
        #expect(gic.get(.HPPIR1_EL1) == Self.lpi)
        try fixture.run(fixture.invall(1))
        #expect(gic.get(.HPPIR1_EL1) == Self.lpi)
        try fixture.run(fixture.invall(0))
        #expect(gic.get(.HPPIR1_EL1) == Self.lpi + 1)
    }

    @Test("MAPC with V 0 and MAPD with V 0 end translation")
    func unmap() throws {
        try fixture.mapDevice()
        try fixture.run(fixture.mapc(0, 0, valid: false))
        fixture.send(0, from: 1)
        try fixture.run(fixture.mapc(0, 0), fixture.mapd(1, valid: false))
        fixture.send(0, from: 1)
        #expect(!gic.irq[0].isAsserted)
        // The interrupt translation table is the guest's, and still there.
        try fixture.run(fixture.mapd(1))
        fixture.send(0, from: 1)
        #expect(gic.irq[0].isAsserted)
    }

    @Test("the queue wraps at its end")
    func wrap() throws {
        try fixture.mapDevice()
        for _ in 0..<300 { try fixture.run(fixture.int(1, 0), fixture.clear(1, 0), fixture.sync(0)) }
        #expect(fixture.isIdle && !gic.irq[0].isAsserted)
        try fixture.run(fixture.int(1, 1))
        #expect(gic.iar() == Self.lpi + 1)
    }

    @Test("a full queue of 1 MiB is executed by one write of CWRITER")
    func fullQueue() throws {
        let fixture = try ITSFixture(queuePages: 256)
        try fixture.mapDevice()
        try fixture.run((0..<32760).map { $0 % 2 == 0 ? fixture.int(1, 0) : fixture.clear(1, 0) })
        #expect(fixture.isIdle && !fixture.gic.irq[0].isAsserted)
    }

    @Test("a queue that makes the ITS search thousands of LPIs each time is executed in parts, as CREADR is read")
    func parts() throws {
        let fixture = try ITSFixture(queuePages: 8)
        try fixture.memory.fill(GuestAddress(fixture.pendingTable(cpu: 0)), count: 2048, with: 0xFF)
        fixture.gic.setR(0, 0, 0)
        try fixture.memory.fill(GuestAddress(fixture.pendingTable(cpu: 0)), count: 2048, with: 0xFF)
        fixture.startLPIs(cpu: 0, pendingTableIsZero: false)
        try fixture.run([fixture.mapc(0, 0)] + Array(repeating: fixture.invall(0), count: 300))
        var reads = 0
        while !fixture.isIdle, reads < 10 { reads += 1 }
        #expect((1...3).contains(reads))
    }

    @Test("GITS_CREADR.Stalled: a queue outside RAM stands still until CWRITER.Retry")
    func stalled() throws {
        fixture.set(0, 0)
        fixture.set(0x0080, ITSFixture.valid | 0x403F_F000 | 1, .doubleword)
        fixture.set(0, 1)
        // The first page is RAM, of zeros, which are no commands; the second is not.
        fixture.set(0x0088, 0x1040, .doubleword)
        #expect(fixture.get(0x0090, .doubleword) == 0x1001)
        fixture.set(0x0088, 0x1020, .doubleword)
        #expect(fixture.get(0x0090, .doubleword) == 0x1001)
        fixture.set(0x0088, 0x1041, .doubleword)
        #expect(fixture.get(0x0090, .doubleword) == 0x1001)
        fixture.set(0, 0)
        fixture.set(0x0080, ITSFixture.valid | ITSFixture.queue, .doubleword)
        #expect(fixture.get(0x0090, .doubleword) == 0 && fixture.get(0x0088, .doubleword) == 0)
    }

    @Test("CWRITER behind the queue is ignored")
    func writeOffset() throws {
        fixture.set(0x0088, 0x1000, .doubleword)
        #expect(fixture.get(0x0088, .doubleword) == 0)
    }

    struct Wrong: CustomStringConvertible, Sendable {
        var description: String
        var command: @Sendable (ITSFixture) -> [UInt64]
        var fault: String
    }

    @Test(
        "a wrong command has no effect, and the next one is executed",
        arguments: [
            Wrong(description: "no command", command: { _ in [0x55, 0, 0, 0] }, fault: "unknownCommand"),
            Wrong(description: "VMAPTI", command: { _ in [0x2A, 0, 0, 0] }, fault: "unknownCommand"),
            Wrong(description: "MAPD_DEVICE_OOR", command: { $0.mapd(8192 * 2) }, fault: "deviceOutOfRange"),
            Wrong(description: "MAPD, 17 bits of DeviceID", command: { $0.mapd(0x1_0001) }, fault: "deviceOutOfRange"),
            Wrong(description: "MAPD_ITTSIZE_OOR", command: { $0.mapd(1, bits: 17) }, fault: "eventOutOfRange"),
            Wrong(description: "MAPC_PROCNUM_OOR", command: { $0.mapc(0, 2) }, fault: "noSuchTarget"),
            Wrong(description: "MAPC_COLLECTION_OOR", command: { $0.mapc(0x2000, 0) }, fault: "collectionOutOfRange"),
            Wrong(description: "MAPTI_UNMAPPED_DEVICE", command: { $0.mapti(2, 0, 8192, 0) }, fault: "deviceNotMapped"),
            Wrong(description: "MAPTI_ID_OOR", command: { $0.mapti(1, 32, 8192, 0) }, fault: "eventOutOfRange"),
            Wrong(
                description: "MAPTI_COLLECTION_OOR", command: { $0.mapti(1, 0, 8192, 0xFFFF) },
                fault: "collectionOutOfRange"),
            Wrong(description: "MAPTI_PHYSICALID_OOR", command: { $0.mapti(1, 0, 8191, 0) }, fault: "intidOutOfRange"),
            Wrong(description: "MAPTI, INTID 16384", command: { $0.mapti(1, 0, 16384, 0) }, fault: "intidOutOfRange"),
            Wrong(description: "MAPI, INTID 0", command: { $0.mapi(1, 0, 0) }, fault: "intidOutOfRange"),
            Wrong(description: "MOVI_UNMAPPED_INTERRUPT", command: { $0.movi(1, 9, 0) }, fault: "eventNotMapped"),
            Wrong(description: "MOVI_UNMAPPED_COLLECTION", command: { $0.movi(1, 0, 5) }, fault: "collectionNotMapped"),
            Wrong(description: "MOVALL_PROCNUM_OOR", command: { $0.movall(0, 0x1_0000) }, fault: "noSuchTarget"),
            Wrong(description: "DISCARD_UNMAPPED", command: { $0.discard(1, 9) }, fault: "eventNotMapped"),
            Wrong(description: "INT_UNMAPPED_INTERRUPT", command: { $0.int(1, 9) }, fault: "eventNotMapped"),
            Wrong(description: "CLEAR_ID_OOR", command: { $0.clear(1, 0xFFFF_FFFF) }, fault: "eventOutOfRange"),
            Wrong(description: "INV_DEVICE_OOR", command: { $0.inv(0xFFFF_FFFF, 0) }, fault: "deviceOutOfRange"),
            Wrong(description: "INVALL_UNMAPPED_COLLECTION", command: { $0.invall(3) }, fault: "collectionNotMapped"),
        ])
    func wrong(_ wrong: Wrong) throws {
        try fixture.mapDevice()
        try fixture.run(wrong.command(fixture), fixture.int(1, 1))
        #expect(fixture.faults.lines == ["GICv3: an ITS command has no effect: \(wrong.fault)"])
        #expect(fixture.isIdle && gic.iar() == Self.lpi + 1)
        gic.eoi(Self.lpi + 1)
        fixture.send(0, from: 1)
        #expect(gic.iar() == Self.lpi)
    }

    @Test("an entry that the guest wrote over is checked at each use: INTID, CPU, address of a table")
    func entriesOverwritten() throws {
        try fixture.mapDevice()
        let entries = [
            ITSFixture.interruptTables + 0x1000, ITSFixture.collections, ITSFixture.devices + 8,
        ]
        for entry in entries {
            let before = try fixture.memory.load(UInt64.self, at: GuestAddress(entry))
            for value in [.max, 0, 0xFFFF << 32, ITSFixture.valid, ITSFixture.valid | 0xFFFF_FFFF] as [UInt64] {
                try fixture.memory.store(value, at: GuestAddress(entry))
                fixture.send(0, from: 1)
                try fixture.run(fixture.clear(1, 0), fixture.movi(1, 0, 0), fixture.discard(1, 0))
            }
            try fixture.memory.store(before, at: GuestAddress(entry))
        }
        #expect(fixture.isIdle)
    }

    @Test("indirect tables: a page of the second level counts if its entry is valid", arguments: [0, 1, 2] as [UInt64])
    func indirect(_ pageSize: UInt64) throws {
        let size = 0x1000 << (2 * pageSize) as UInt64
        let perPage = size / 8
        fixture.set(0, 0)
        fixture.set(
            0x0100, ITSFixture.valid | 1 << 62 | ITSFixture.devices & ~(size - 1) | pageSize << 8, .doubleword)
        fixture.set(0, 1)
        try fixture.memory.fill(GuestAddress(ITSFixture.devices), count: 0x1000, with: 0)
        let device = perPage + 2
        try fixture.run(fixture.mapd(device), fixture.mapc(0, 0))
        #expect(fixture.faults.lines == ["GICv3: an ITS command has no effect: deviceOutOfRange"])
        let page = 0x4030_0000 as UInt64
        try fixture.memory.store(ITSFixture.valid | page, at: GuestAddress(ITSFixture.devices + 8))
        try fixture.run(fixture.mapd(device), fixture.mapti(device, 0, Self.lpi, 0), fixture.int(device, 0))
        #expect(gic.iar() == Self.lpi)
        #expect(try fixture.memory.load(UInt64.self, at: GuestAddress(page + 16)) != 0)
    }
}
