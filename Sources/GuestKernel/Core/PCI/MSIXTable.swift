/// The messages a function interrupts by. Source: PCI 3.0 §6.8.2.
package struct MSIXTable {
    /// Where the capability says that the table is.
    package struct Location: Equatable, Sendable {
        package let capability: UInt64
        package let region: UInt8
        package let offset: UInt64
        package let count: Int

        package init?(_ function: PCIFunction) {
            var found: UInt64?
            function.forEachCapability { identifier, offset in
                if identifier == 0x11, found == nil { found = offset }
            }
            guard let found else { return nil }
            capability = found
            count = Int(function.load16(found + 2) & 0x7FF) + 1
            let table = function.load32(found + 4)
            region = UInt8(table & 7)
            offset = UInt64(table & ~7)
        }
    }

    /// What the function writes where.
    package struct Message: Equatable, Sendable {
        package let address: UInt64
        package let data: UInt32

        package init(address: UInt64, data: UInt32) {
            self.address = address
            self.data = data
        }
    }

    private let function: PCIFunction
    private let location: Location
    private let entries: any RegisterWindow

    /// - Parameter entries: the table, 16 bytes an entry.
    package init(_ function: PCIFunction, _ location: Location, entries: any RegisterWindow) {
        self.function = function
        self.location = location
        self.entries = entries
    }

    /// Sets an entry, unmasked.
    package func set(_ index: Int, _ message: Message) {
        let entry = UInt64(index) * 16
        entries.store32(UInt32(truncatingIfNeeded: message.address), entry)
        entries.store32(UInt32(truncatingIfNeeded: message.address >> 32), entry + 4)
        entries.store32(message.data, entry + 8)
        entries.store32(0, entry + 12)
    }

    /// From now on the function interrupts by messages: bit 15 enables, bit 14 would mask all.
    package func enable() {
        let control = function.load16(location.capability + 2)
        function.store16(control & ~(1 << 14) | 1 << 15, location.capability + 2)
    }
}
