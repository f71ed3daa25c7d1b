internal import VMMCore

/// The interrupt translation service: from a device's event to an LPI and the CPU that it goes to.
///
/// What is mapped stands in the guest's tables, and nowhere else: nothing of ours grows with what a guest maps, and what it
/// writes over its tables harms only itself. Each use of an entry reads it anew, and checks what it says.
///
/// Methods read and write those tables; what is to happen to LPIs they give back as an `Effect`.
/// Source: GICv3, "The ITS".
struct GICITS {
    /// An LPI and where it goes.
    struct Target: Hashable {
        var intid: Int
        var cpu: Int
    }

    /// What a command does to the LPIs of redistributors.
    enum Effect: Hashable {
        case none
        case makePending(Target)
        case clear(Target)
        case reload(Target)
        case reloadAll(cpu: Int)
        case move(Target, to: Int)
        case moveAll(from: Int, to: Int)
    }

    private let cpuCount: Int
    private(set) var ctlr = GITS_CTLR()
    private var cbaser = GITS_CBASER()
    /// Offsets into the queue, multiples of a command's size, below the queue's.
    private var writeOffset: UInt64 = 0
    private var readOffset: UInt64 = 0
    private var isStalled = false
    private var devices = GITS_BASER(.devices)
    private var collections = GITS_BASER(.collections)

    init(cpuCount: Int) { self.cpuCount = cpuCount }

    // MARK: Registers

    func read(_ register: GITSRegister, _ width: AccessWidth) -> UInt64 {
        switch register {
        case .CTLR: UInt64(ctlr.rawValue)
        case .IIDR: UInt64(GICIdentification.iidr)
        case .TYPER(let byte): GITS_TYPER.rawValue.part(byte, width)
        case .CBASER(let byte): cbaser.rawValue.part(byte, width)
        case .CWRITER(let byte): writeOffset.part(byte, width)
        // Stalled is bit 0.
        case .CREADR(let byte): (readOffset | (isStalled ? 1 : 0)).part(byte, width)
        case .BASER(let index, let byte): table(index).rawValue.part(byte, width)
        case .identification(let index): UInt64(GICIdentification.register(index, part: GICIdentification.itsPart))
        }
    }

    /// Afterwards the queue may have commands to execute.
    mutating func write(_ value: UInt64, to register: GITSRegister, _ width: AccessWidth) {
        switch register {
        case .CTLR:
            ctlr.write(UInt32(truncatingIfNeeded: value))
        case .CBASER(let byte):
            guard !ctlr.enabled else { return }
            cbaser.rawValue = cbaser.rawValue.replacingPart(byte, width, with: value) & GITS_CBASER.writable
            // CREADR becomes 0. CWRITER is unknown: 0 makes an empty queue.
            (readOffset, writeOffset, isStalled) = (0, 0, false)
        case .CWRITER(let byte):
            writeCWRITER(writeOffset.replacingPart(byte, width, with: value))
        case .BASER(let index, let byte):
            guard !ctlr.enabled else { return }
            var new = table(index)
            new.write(new.rawValue.replacingPart(byte, width, with: value))
            switch index {
            case 0: devices = new
            case 1: collections = new
            default: break
            }
        case .IIDR, .TYPER, .CREADR, .identification:
            break
        }
    }

    private func table(_ index: Int) -> GITS_BASER {
        switch index {
        case 0: devices
        case 1: collections
        default: GITS_BASER(rawValue: 0)
        }
    }

    /// Offset in bits 19:5; bit 0, Retry: a stalled queue goes on. An offset behind the queue is ignored.
    private mutating func writeCWRITER(_ value: UInt64) {
        if value[bit: 0] { isStalled = false }
        let offset = value[5...19] << 5
        if offset < cbaser.size { writeOffset = offset }
    }

    // MARK: The queue

    /// There is a command to execute. At most as many follow each other as the queue has room for.
    var hasCommand: Bool { ctlr.enabled && cbaser.valid && !isStalled && readOffset != writeOffset }

    /// Executes the next command. One that it refuses is passed over.
    mutating func executeNext(_ memory: GuestMemory) throws(GITSFault) -> Effect {
        var words = InlineArray<4, UInt64>(repeating: 0)
        for index in 0..<4 {
            let address = GuestAddress(cbaser.address + readOffset + UInt64(8 * index))
            do throws(GuestMemoryError) {
                words[index] = try memory.load(UInt64.self, at: address)
            } catch {
                isStalled = true
                throw .queueOutsideRAM
            }
        }
        readOffset += GITSCommand.size
        if readOffset >= cbaser.size { readOffset = 0 }
        guard let command = GITSCommand(words) else { throw .unknownCommand }
        return try execute(command, memory)
    }

    private func execute(_ command: GITSCommand, _ memory: GuestMemory) throws(GITSFault) -> Effect {
        switch command {
        case .MAPD(let device, let size, let itt, let valid):
            guard !valid || size < UInt64(GITS_TYPER.eventBits) else { throw .eventOutOfRange }
            let entry = valid ? GITSDeviceEntry(itt: itt, size: size).rawValue : 0
            try memory.setEntry(entry, at: deviceAddress(device, memory))
            return .none
        case .MAPC(let collection, let target, let valid):
            let entry = valid ? GITSCollectionEntry(cpu: try cpu(target)).rawValue : 0
            try memory.setEntry(entry, at: collectionAddress(collection, memory))
            return .none
        case .MAPTI(let event, let intid, let collection):
            let first = UInt32(GICLPIBank.firstINTID)
            guard intid >= first, intid < first + UInt32(GICLPIBank.capacity) else { throw .intidOutOfRange }
            _ = try collectionAddress(collection, memory)
            let entry = GITSInterruptEntry(intid: intid, collection: collection)
            try memory.setEntry(entry.rawValue, at: interruptAddress(event, memory))
            return .none
        case .MOVI(let event, let collection):
            let (address, old) = try mapping(of: event, memory)
            let from = try target(of: old, memory)
            let cpu = try cpu(of: collection, memory)
            let entry = GITSInterruptEntry(intid: old.intid, collection: collection)
            try memory.setEntry(entry.rawValue, at: address)
            return .move(from, to: cpu)
        case .MOVALL(let from, let to):
            return .moveAll(from: try cpu(from), to: try cpu(to))
        case .DISCARD(let event):
            let (address, old) = try mapping(of: event, memory)
            let target = try target(of: old, memory)
            try memory.setEntry(0, at: address)
            return .clear(target)
        case .INT(let event):
            return .makePending(try target(of: event, memory))
        case .CLEAR(let event):
            return .clear(try target(of: event, memory))
        case .INV(let event):
            return .reload(try target(of: event, memory))
        case .INVALL(let collection):
            return .reloadAll(cpu: try cpu(of: collection, memory))
        case .SYNC:
            return .none
        }
    }

    // MARK: Translation

    /// Where an event goes.
    func target(of event: GITSCommand.Event, _ memory: GuestMemory) throws(GITSFault) -> Target {
        try target(of: mapping(of: event, memory).entry, memory)
    }

    private func target(of entry: GITSInterruptEntry, _ memory: GuestMemory) throws(GITSFault) -> Target {
        Target(intid: Int(entry.intid), cpu: try cpu(of: entry.collection, memory))
    }

    private func mapping(
        of event: GITSCommand.Event, _ memory: GuestMemory
    ) throws(GITSFault) -> (address: GuestAddress, entry: GITSInterruptEntry) {
        let address = try interruptAddress(event, memory)
        let entry = GITSInterruptEntry(rawValue: try memory.entry(at: address))
        guard entry.valid else { throw .eventNotMapped }
        return (address, entry)
    }

    private func cpu(of collection: UInt16, _ memory: GuestMemory) throws(GITSFault) -> Int {
        let entry = GITSCollectionEntry(rawValue: try memory.entry(at: collectionAddress(collection, memory)))
        guard entry.valid else { throw .collectionNotMapped }
        return try cpu(UInt64(entry.cpu))
    }

    private func cpu(_ target: UInt64) throws(GITSFault) -> Int {
        guard target < UInt64(cpuCount) else { throw .noSuchTarget }
        return Int(target)
    }

    private func deviceAddress(_ device: UInt32, _ memory: GuestMemory) throws(GITSFault) -> GuestAddress {
        try devices.entryAddress(
            of: UInt64(device), bits: GITS_TYPER.deviceBits, in: memory, outOfRange: .deviceOutOfRange)
    }

    private func collectionAddress(_ collection: UInt16, _ memory: GuestMemory) throws(GITSFault) -> GuestAddress {
        try collections.entryAddress(
            of: UInt64(collection), bits: GITS_TYPER.collectionBits, in: memory, outOfRange: .collectionOutOfRange)
    }

    private func interruptAddress(
        _ event: GITSCommand.Event, _ memory: GuestMemory
    ) throws(GITSFault) -> GuestAddress {
        let device = GITSDeviceEntry(rawValue: try memory.entry(at: deviceAddress(event.device, memory)))
        guard device.valid else { throw .deviceNotMapped }
        guard UInt64(event.id) < device.eventLimit else { throw .eventOutOfRange }
        return GuestAddress(device.itt + UInt64(event.id) * GITS_TYPER.entrySize)
    }
}
