internal import Synchronization
package import VMMCore

/// Where a function is plugged in.
package struct PCIConnection: Sendable {
    package let address: PCIAddress
    /// The wire of pin A.
    package let line: any InterruptLine
    /// What the wire is called on this machine: software finds it in the Interrupt Line register, as firmware would set it.
    package let lineNumber: UInt8
    /// Nil: the machine has no use for messages, and functions do not offer any.
    package let messages: (any MSITarget)?
    /// Nil: the machine cannot tie eventfds to its guest.
    let doorbells: PCIDoorbells?

    /// - Parameter messageCount: how many messages the device wants, 1 to 2048; 0: none.
    package func interrupts(messageCount: Int) -> PCIInterrupts {
        let count = min(messageCount, MSIXState.maximumCount)
        let table = messages.flatMap { target in
            count > 0
                ? MSIXTable(
                    count: count, target: target, requesterID: address.requesterID, binder: doorbells?.binder) : nil
        }
        return PCIInterrupts(line: line, table: table)
    }

    /// What ties eventfds to the function with these interrupts.
    package func eventBindings(_ interrupts: PCIInterrupts) -> PCIEventBindings? {
        doorbells.map { PCIEventBindings(doorbells: $0, address: address, table: interrupts.table) }
    }
}

/// A single-function endpoint: its configuration space, and what is behind its base address registers.
///
/// Threading: accesses on any vCPU thread; devices, wires and messages are called without a lock held.
/// Source: PCI Local Bus 3.0 §6.
package final class PCIFunction: Sendable {
    private struct State {
        var space = ConfigurationSpace()
        /// The bus that decodes the regions, and the number that its first one has there.
        var decoder: MovableMMIOBus?
        var firstNumber = 0
    }

    package let address: PCIAddress
    /// In the order of their registers.
    let regions: [PCIRegion]
    private let interrupts: PCIInterrupts
    private let messageControlOffset: Int?
    private let window: PCIAccessWindow?
    private let doorbells: PCIDoorbells?
    private let state: Mutex<State>

    /// - Parameters:
    ///   - regions: the device's; MSI-X structures get the next free register.
    ///   - capabilities: the device's own, in the order in which software finds them, behind MSI-X.
    ///   - windowCapability: the one among them that is an indirect way to the regions.
    package init(
        _ identity: PCIIdentity, regions: [PCIRegion], capabilities: [PCICapability], windowCapability: Int? = nil,
        interrupts: PCIInterrupts, connection: PCIConnection
    ) {
        address = connection.address
        doorbells = connection.doorbells
        self.interrupts = interrupts
        var regions = regions
        var all = capabilities
        if let table = interrupts.table {
            let index = regions.map { $0.index + ($0.width == .memory64 ? 2 : 1) }.max() ?? 0
            regions.append(PCIRegion(index, table))
            all.insert(table.capability(region: index), at: 0)
        }
        self.regions = regions
        var space = ConfigurationSpace()
        space.define(identity)
        space.define(CommandRegister.memorySpace, writable: CommandRegister.writable, at: HeaderOffset.command)
        space.define(connection.lineNumber, writable: .max, at: HeaderOffset.interruptLine)
        // INTA#.
        space.define(1 as UInt8, at: HeaderOffset.interruptPin)
        for region in regions { region.define(in: &space) }
        let offsets = space.define(all)
        messageControlOffset = interrupts.table == nil ? nil : offsets.first.map { $0 + 2 }
        window = windowCapability.map { PCIAccessWindow(offset: offsets[$0 + all.count - capabilities.count]) }
        state = Mutex(State(space: space))
    }

    /// A function without regions and interrupts, as a host bridge is.
    init(_ identity: PCIIdentity, address: PCIAddress) {
        self.address = address
        regions = []
        interrupts = PCIInterrupts(line: NoWire(), table: nil)
        messageControlOffset = nil
        window = nil
        doorbells = nil
        var space = ConfigurationSpace()
        space.define(identity)
        space.define(0 as UInt16, writable: CommandRegister.writable, at: HeaderOffset.command)
        state = Mutex(State(space: space))
    }

    /// Puts the regions where firmware would, and has them decoded from now on.
    func connect(to decoder: MovableMMIOBus, firstNumber: Int, addresses: [UInt64]) {
        state.withLock { state in
            state.decoder = decoder
            state.firstNumber = firstNumber
            for (region, address) in zip(regions, addresses) { region.setAddress(address, in: &state.space) }
            decode(state)
        }
        doorbells?.add(address, interrupts, on: decoder, firstNumber: firstNumber)
    }

    /// Brings the decoder to what the registers say. With the lock held, so that the last write wins.
    private func decode(_ state: borrowing State) {
        guard let decoder = state.decoder else { return }
        let command = CommandRegister(rawValue: state.space.load(at: HeaderOffset.command))
        for (index, region) in regions.enumerated() {
            decoder.place(
                state.firstNumber + index, at: command.answersMemory ? region.address(in: state.space) : nil)
        }
    }

    // MARK: The configuration space

    /// Reads `count` bytes, at most 4, of the 256.
    func read(at offset: Int, count: Int) -> UInt32 {
        if let window, window.holds(offset, count) { fillWindow(window) }
        let value = state.withLock { $0.space.read(at: offset, count: count) }
        let status = HeaderOffset.status
        // Interrupt Status is bit 3 of the status register's first byte.
        guard offset <= status, offset + count > status, interrupts.isPending else { return value }
        return value | UInt32(StatusRegister.interruptStatus) << UInt32((status - offset) * 8)
    }

    /// Writes the low `count` bytes, at most 4, of `value`.
    func write(_ value: UInt32, at offset: Int, count: Int) {
        state.withLock { state in
            state.space.write(value, at: offset, count: count)
            decode(state)
            let control = messageControlOffset.map { state.space.load(UInt16.self, at: $0) } ?? 0
            interrupts.configure(
                CommandRegister(rawValue: state.space.load(at: HeaderOffset.command)), messageControl: control)
        }
        interrupts.settle()
        doorbells?.settle()
        if let window, window.holds(offset, count) { emptyWindow(window) }
    }

    /// Reads what the window shows into its data register.
    private func fillWindow(_ window: PCIAccessWindow) {
        guard let access = state.withLock({ window.access($0.space, regions) }) else { return }
        let value = UInt32(truncatingIfNeeded: access.device.read(at: access.offset, width: access.width))
        state.withLock { window.setData(value, count: access.width.bytes, in: &$0.space) }
    }

    /// Writes the data register to what the window shows.
    private func emptyWindow(_ window: PCIAccessWindow) {
        let (access, data) = state.withLock { (window.access($0.space, regions), window.data(in: $0.space)) }
        guard let access else { return }
        access.device.write(UInt64(data) & access.width.mask, at: access.offset, width: access.width)
    }

    private final class NoWire: InterruptLine {
        func setLevel(_ asserted: Bool) {}
    }
}

extension ConfigurationSpace {
    fileprivate mutating func define(_ identity: PCIIdentity) {
        define(identity.vendorID, at: HeaderOffset.vendorID)
        define(identity.deviceID, at: HeaderOffset.deviceID)
        define(identity.revision, at: HeaderOffset.revisionID)
        for byte in 0..<3 {
            define(UInt8(truncatingIfNeeded: identity.classCode >> (byte * 8)), at: HeaderOffset.classCode + byte)
        }
        // Without effect here; software may keep a value in it.
        define(0 as UInt8, writable: .max, at: HeaderOffset.cacheLineSize)
        define(identity.subsystemVendorID, at: HeaderOffset.subsystemVendorID)
        define(identity.subsystemID, at: HeaderOffset.subsystemID)
    }

    /// Chains the capabilities from 0x40 on, each at a multiple of 4. Gives where they are.
    fileprivate mutating func define(_ capabilities: [PCICapability]) -> [Int] {
        guard !capabilities.isEmpty else { return [] }
        define(StatusRegister.capabilitiesList, at: HeaderOffset.status)
        var offsets: [Int] = []
        var pointer = HeaderOffset.capabilitiesPointer
        var next = HeaderOffset.capabilities
        for capability in capabilities {
            precondition(next + 2 + capability.body.count <= Self.size)
            define(UInt8(next), at: pointer)
            define(capability.id, at: next)
            for (index, (byte, mask)) in zip(capability.body, capability.writable).enumerated() {
                define(byte, writable: mask, at: next + 2 + index)
            }
            offsets.append(next)
            pointer = next + 1
            next = (next + 2 + capability.body.count + 3) & ~3
        }
        return offsets
    }
}
