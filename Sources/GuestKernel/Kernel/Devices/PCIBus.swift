/// The virtio devices on PCI bus 0.
enum PCIBus {
    /// - Parameter ecam: address of the configuration space.
    static func probe(_ ecam: UInt64) {
        let space = MappedRegisters(PhysicalRange(start: ecam, size: PCIFunction.busSize))
        var window = PCIMemoryWindow(start: Platform.pciWindow.start, size: Platform.pciWindow.size)
        PCIFunction.forEach(space) { function in
            guard let type = VirtioPCITransport.deviceType(function), Devices.hasDriver(type) else { return }
            start(function, type, &window)
        }
    }

    private static func start(_ function: PCIFunction, _ type: UInt32, _ window: inout PCIMemoryWindow) {
        func map(_ region: UInt8, _ offset: UInt64, _ size: UInt64) -> (any RegisterWindow)? {
            guard let start = function.place(ofRegion: region, in: &window, limit: PageTables.addressLimit) else {
                return nil
            }
            let (address, overflow) = start.addingReportingOverflow(offset)
            guard !overflow, address < PageTables.addressLimit, size <= sizeLimit else { return nil }
            return MappedRegisters(PhysicalRange(start: address, size: size))
        }
        let messages = Platform.hasMessages ? MSIXTable.Location(function) : nil
        let transport = VirtioPCITransport(VirtioPCITransport.Layout(function), deviceType: type) {
            map($0.region, $0.offset, $0.size)
        }
        guard let transport else {
            return Log.add(.warning) {
                $0.write("PCI slot ")
                $0.write(decimal: UInt64(function.slot))
                $0.write(": a virtio device without the registers of version 1")
            }
        }
        var interrupt = DeviceConnection.Interrupt.line(
            Platform.pciLine(slot: function.slot, pin: function.interruptPin))
        if let messages, messages.count >= VirtioPCITransport.MessageIndex.count,
            let entries = map(messages.region, messages.offset, UInt64(messages.count) * 16)
        {
            transport.usesMessages = true
            interrupt = .messages(MSIXTable(function, messages, entries: entries))
        }
        function.enable(usesPin: !transport.usesMessages)
        Devices.start(transport, DeviceConnection(address: UInt64(function.slot), interrupt: interrupt))
    }

    /// The most of a region that is mapped: a cap, since a device's word need not be believed.
    private static var sizeLimit: UInt64 { 16 << 20 }
}
