package import VMMCore

/// Bus 0 of a machine: a host bridge in slot 0, and single-function endpoints behind it.
///
/// What is at which slot is fixed; where the regions are is the guest's, from what is set here on.
package struct PCIBus: Sendable {
    /// The configuration space of all buses: the machine's ECAM.
    package let configuration: PCIConfigurationAccess
    /// The windows of memory through which regions are reached, with their addresses.
    package let windows: [(address: UInt64, device: PCIMemoryWindow)]

    /// Functions that a bus can have besides its host bridge.
    package static let capacity = PCIAddress.slotsPerBus - 1
    static let pinCount = 4

    /// Collects the functions of a bus.
    package struct Builder {
        private let windows: [GuestRange]
        private let wires: [SharedInterruptLine]
        private let firstLine: UInt8
        private let messages: (any MSITarget)?
        private let doorbells: PCIDoorbells?
        private var functions: [PCIFunction] = []

        /// - Parameters:
        ///   - windows: where regions can be; they are put into the first one.
        ///   - wires: four. Pin A of slot s is at wire s % 4, as on QEMU's machines.
        ///   - firstLine: what the first wire is called on this machine.
        ///   - messages: nil: functions have their pins only.
        ///   - events: ties eventfds to the guest; nil: the machine cannot.
        package init(
            windows: [GuestRange], wires: [SharedInterruptLine], firstLine: UInt8, messages: (any MSITarget)?,
            events: (any EventBinder)? = nil
        ) {
            precondition(!windows.isEmpty && wires.count == PCIBus.pinCount)
            self.windows = windows
            self.wires = wires
            self.firstLine = firstLine
            self.messages = messages
            doorbells = events.map { PCIDoorbells($0, windows: windows) }
        }

        /// Adds a function in the next slot. There are `capacity` of them.
        package mutating func add(_ make: (PCIConnection) -> PCIFunction) {
            precondition(functions.count < PCIBus.capacity)
            let slot = UInt8(functions.count + 1)
            let wire = slot % UInt8(PCIBus.pinCount)
            functions.append(
                make(
                    PCIConnection(
                        address: PCIAddress(slot: slot), line: wires[Int(wire)].makeEnd(),
                        lineNumber: firstLine &+ wire, messages: messages, doorbells: doorbells)))
        }

        /// - Parameter busCount: how many buses the configuration space shows; all but the first are empty.
        package func build(busCount: Int) throws(PCIBusError) -> PCIBus {
            let decoder = MovableMMIOBus(functions.flatMap { $0.regions.map(\.device) })
            var next = windows[0].start.rawValue
            var number = 0
            for function in functions {
                var addresses: [UInt64] = []
                for region in function.regions {
                    // Aligned to their size, as they must be.
                    let start = (next &+ region.size &- 1) & ~(region.size &- 1)
                    guard windows[0].contains(GuestAddress(start), count: region.size) else { throw .windowIsFull }
                    addresses.append(start)
                    next = start + region.size
                }
                function.connect(to: decoder, firstNumber: number, addresses: addresses)
                number += function.regions.count
            }
            return PCIBus(
                configuration: PCIConfigurationAccess(functions, busCount: busCount),
                windows: windows.map { ($0.start.rawValue, PCIMemoryWindow($0, decoder)) })
        }
    }
}

package enum PCIBusError: Error, Hashable, Sendable {
    /// The regions of all functions are larger than the window.
    case windowIsFull
}
