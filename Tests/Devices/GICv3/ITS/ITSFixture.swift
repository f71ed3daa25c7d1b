import GICv3
import Testing
import VMMCore
import VMMTestSupport

/// A GIC with LPIs and an ITS, whose tables lie in 4 MiB of RAM.
struct ITSFixture {
    static let configurations: UInt64 = 0x4000_0000
    static let pendingTables: UInt64 = 0x4001_0000
    static let queue: UInt64 = 0x4008_0000
    static let devices: UInt64 = 0x4009_0000
    static let collections: UInt64 = 0x400A_0000
    static let interruptTables: UInt64 = 0x4010_0000
    static let translater = GuestAddress(0x0809_0040)
    static let valid: UInt64 = 1 << 63
    /// INTID of the first LPI.
    static let lpi: UInt64 = 8192

    let memory: GuestMemory
    let faults = RecordingFaults()
    let gic: GICFixture
    let its: any MMIODevice
    let messages: any MSITarget

    /// - Parameters:
    ///   - start: everything on: each LPI enabled at priority 0xA0, tables and a queue of 4 KiB set up, LPIs and ITS enabled.
    ///   - queuePages: of 4 KiB.
    init(cpuCount: Int = 2, start: Bool = true, queuePages: UInt64 = 1) throws {
        let ram = try #require(GuestRange(start: GuestAddress(0x4000_0000), size: 4 << 20))
        memory = try GuestMemory([ram])
        let lpis = GICv3.LPISupport(memory: memory, faults: faults.log)
        gic = GICFixture(cpuCount: cpuCount, lpis: lpis, start: start)
        its = gic.gic.its
        messages = gic.gic.messageInput(at: Self.translater)
        if start { try setUp(queuePages: queuePages) }
    }

    func setUp(queuePages: UInt64 = 1) throws {
        try memory.fill(GuestAddress(Self.configurations), count: 8192, with: 0xA1)
        for cpu in gic.irq.indices { startLPIs(cpu: cpu) }
        set(0x0100, Self.valid | Self.devices | 0xF, .doubleword)
        set(0x0108, Self.valid | Self.collections | 0xF, .doubleword)
        set(0x0080, Self.valid | Self.queue | (queuePages - 1), .doubleword)
        set(0x0000, 1)
    }

    func pendingTable(cpu: Int) -> UInt64 { Self.pendingTables + UInt64(cpu) * 0x1_0000 }

    /// - Parameter pendingTableIsZero: PENDBASER.PTZ.
    func startLPIs(cpu: Int, pendingTableIsZero: Bool = true) {
        gic.setR(cpu, 0x0070, Self.configurations | 13, .doubleword)
        gic.setR(cpu, 0x0078, pendingTable(cpu: cpu) | (pendingTableIsZero ? 1 << 62 : 0), .doubleword)
        gic.setR(cpu, 0x0000, 1)
    }

    // MARK: The ITS

    func get(_ offset: UInt64, _ width: AccessWidth = .word) -> UInt64 { its.read(at: offset, width: width) }
    func set(_ offset: UInt64, _ value: UInt64, _ width: AccessWidth = .word) {
        its.write(value & width.mask, at: offset, width: width)
    }

    /// Puts commands into the queue, where CWRITER is, and moves that behind them.
    func run(_ commands: [[UInt64]]) throws {
        let size = ((get(0x0080, .doubleword) & 0xFF) + 1) * 0x1000
        var offset = get(0x0088, .doubleword)
        for command in commands {
            for (index, word) in command.enumerated() {
                try memory.store(word, at: GuestAddress(Self.queue + offset + UInt64(8 * index)))
            }
            offset = (offset + 32) % size
        }
        set(0x0088, offset, .doubleword)
    }

    func run(_ commands: [UInt64]...) throws { try run(commands) }

    /// All commands were executed, and the queue goes on.
    var isIdle: Bool { self.get(0x0090, .doubleword) == self.get(0x0088, .doubleword) }

    func send(_ event: UInt32, from device: UInt32) {
        messages.send(MSI(address: Self.translater, data: event), from: device)
    }

    // MARK: Commands. A device's interrupt translation table is a page of its own.

    func mapd(_ device: UInt64, bits: UInt64 = 5, valid: Bool = true) -> [UInt64] {
        let itt = Self.interruptTables + device % 256 * 0x1000
        return [device << 32 | 0x08, bits - 1, valid ? Self.valid | itt : 0, 0]
    }
    func mapc(_ collection: UInt64, _ cpu: UInt64, valid: Bool = true) -> [UInt64] {
        [0x09, 0, (valid ? Self.valid : 0) | cpu << 16 | collection, 0]
    }
    func mapti(_ device: UInt64, _ event: UInt64, _ intid: UInt64, _ collection: UInt64) -> [UInt64] {
        [device << 32 | 0x0A, intid << 32 | event, collection, 0]
    }
    func mapi(_ device: UInt64, _ event: UInt64, _ collection: UInt64) -> [UInt64] {
        [device << 32 | 0x0B, event, collection, 0]
    }
    func movi(_ device: UInt64, _ event: UInt64, _ collection: UInt64) -> [UInt64] {
        [device << 32 | 0x01, event, collection, 0]
    }
    func movall(_ from: UInt64, _ to: UInt64) -> [UInt64] { [0x0E, 0, from << 16, to << 16] }
    func int(_ device: UInt64, _ event: UInt64) -> [UInt64] { [device << 32 | 0x03, event, 0, 0] }
    func clear(_ device: UInt64, _ event: UInt64) -> [UInt64] { [device << 32 | 0x04, event, 0, 0] }
    func inv(_ device: UInt64, _ event: UInt64) -> [UInt64] { [device << 32 | 0x0C, event, 0, 0] }
    func discard(_ device: UInt64, _ event: UInt64) -> [UInt64] { [device << 32 | 0x0F, event, 0, 0] }
    func invall(_ collection: UInt64) -> [UInt64] { [0x0D, 0, collection, 0] }
    func sync(_ cpu: UInt64) -> [UInt64] { [0x05, 0, cpu << 16, 0] }

    /// Device 1 with collections 0 and 1 for CPUs 0 and 1; event n is LPI n, in collection 0.
    func mapDevice(events: UInt64 = 4) throws {
        var commands = [mapd(1), mapc(0, 0), mapc(1, 1)]
        for event in 0..<events { commands.append(mapti(1, event, Self.lpi + event, 0)) }
        commands.append(sync(0))
        try run(commands)
    }

    // MARK: LPIs

    func setConfiguration(_ lpi: UInt64, _ byte: UInt8) throws {
        try memory.store(byte, at: GuestAddress(Self.configurations + lpi))
    }

    /// The pending table's bit, as the guest sees it.
    func isPendingInTable(_ lpi: UInt64, cpu: Int) throws -> Bool {
        let intid = Self.lpi + lpi
        let byte = try memory.load(UInt8.self, at: GuestAddress(pendingTable(cpu: cpu) + intid / 8))
        return byte >> (intid % 8) & 1 == 1
    }
}
