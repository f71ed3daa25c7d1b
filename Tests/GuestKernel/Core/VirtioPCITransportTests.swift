import KernelCore
import Testing

@Suite("The virtio-pci transport") struct VirtioPCITransportTests {
    static let capabilities = [
        MockPCIFunction.capability(1, region: 4, offset: 0, size: 56),
        MockPCIFunction.capability(3, region: 4, offset: 0x1000, size: 4),
        MockPCIFunction.capability(4, region: 4, offset: 0x2000, size: 24),
        MockPCIFunction.capability(2, region: 4, offset: 0x3000, size: 0x1000, multiplier: 4),
    ]

    /// The transport over four mock windows: common, interrupt status, device, notifications.
    static func make(_ capabilities: [[UInt8]] = capabilities) throws -> (VirtioPCITransport?, [UInt64: MockRegisters])
    {
        let mock = MockPCIFunction(slot: 2)
        mock.setCapabilities(capabilities)
        let layout = VirtioPCITransport.Layout(try #require(mock.function(slot: 2)))
        var windows: [UInt64: MockRegisters] = [:]
        let transport = VirtioPCITransport(layout, deviceType: 2) { location in
            let registers = MockRegisters(size: location.size)
            windows[location.offset] = registers
            return registers
        }
        return (transport, windows)
    }

    @Test(
        "§4.1.2: the IDs of virtio devices, modern and transitional",
        arguments: [
            (0x1AF4, 0x1041, 9, 1), (0x1AF4, 0x1042, 9, 2), (0x1AF4, 0x1000, 1, 1), (0x1AF4, 0x1001, 2, 2),
            (0x1AF4, 0x1040, 2, nil), (0x1AF4, 0x1080, 2, nil), (0x1B36, 0x1042, 2, nil),
        ] as [(UInt16, UInt16, UInt16, UInt32?)])
    func identifiers(vendor: UInt16, device: UInt16, subsystem: UInt16, type: UInt32?) throws {
        let mock = MockPCIFunction(slot: 2, vendor: vendor, device: device)
        mock.set(subsystem, 0x2E)
        #expect(VirtioPCITransport.deviceType(try #require(mock.function(slot: 2))) == type)
    }

    @Test("§4.1.4: the first capability of a kind counts, and a device that lacks one is not driven")
    func layout() throws {
        let other = MockPCIFunction.capability(1, region: 1, offset: 0x500, size: 56)
        let (transport, windows) = try Self.make(Self.capabilities.dropLast(0) + [other])
        #expect(transport != nil && windows[0x500] == nil)
        for index in [0, 1, 3] {
            var less = Self.capabilities
            less.remove(at: index)
            #expect(try Self.make(less).0 == nil)
        }
        // Too small for its registers, and a region that is none.
        let small = MockPCIFunction.capability(1, region: 4, offset: 0, size: 55)
        #expect(try Self.make([small] + Self.capabilities.dropFirst()).0 == nil)
        let wrong = MockPCIFunction.capability(1, region: 6, offset: 0, size: 56)
        #expect(try Self.make([wrong] + Self.capabilities.dropFirst()).0 == nil)
    }

    @Test("§4.1.5.1.3: a queue is selected, sized, placed, and enabled last; its notification has its own address")
    func queue() throws {
        let (made, windows) = try Self.make()
        let transport = try #require(made)
        let common = try #require(windows[0])
        common.set(256 as UInt16, 24)
        common.set(3 as UInt16, 30)
        #expect(transport.maximumSize(ofQueue: 1) == 256)
        common.forget()
        let addresses = SplitDriverQueue.Addresses(descriptors: 0x1_2345_6000, available: 0x7000, used: 0x8000)
        #expect(transport.enableQueue(1, size: 128, at: addresses))
        #expect(
            common.stores == [
                .init(22, 1, width: 2), .init(24, 128, width: 2), .init(32, 0x2345_6000), .init(36, 1),
                .init(40, 0x7000), .init(44, 0), .init(48, 0x8000), .init(52, 0), .init(28, 1, width: 2),
            ])
        transport.notify(1)
        #expect(windows[0x3000]?.stores == [.init(12, 1, width: 2)])
        // Somebody else's by now.
        #expect(transport.maximumSize(ofQueue: 1) == 0)
    }

    @Test("§4.1.4.4: a notification beyond its region is refused")
    func notificationBeyond() throws {
        let (made, windows) = try Self.make()
        let transport = try #require(made)
        windows[0]?.set(0x400 as UInt16, 30)
        let addresses = SplitDriverQueue.Addresses(descriptors: 0, available: 0, used: 0)
        #expect(!transport.enableQueue(0, size: 8, at: addresses))
        windows[0]?.set(0x3FF as UInt16, 30)
        #expect(transport.enableQueue(0, size: 8, at: addresses))
    }

    @Test(
        "§4.1.5.1.2: vectors are set, and a device that has none for a queue is not driven", arguments: [true, false])
    func vectors(isAccepted: Bool) throws {
        let (made, windows) = try Self.make()
        let transport = try #require(made)
        let common = try #require(windows[0])
        transport.usesMessages = true
        if !isAccepted { common.onStore = { offset, _ in if offset == 26 { common.set(UInt16.max, 26) } } }
        let addresses = SplitDriverQueue.Addresses(descriptors: 0, available: 0, used: 0)
        #expect(transport.enableQueue(0, size: 8, at: addresses) == isAccepted)
        #expect(common.load16(16) == 0)
        #expect(common.load16(26) == (isAccepted ? 1 : .max))
        // No cause to be read.
        let status = try #require(windows[0x1000])
        status.onLoad = { _ in Issue.record("read of the interrupt status") }
        #expect(transport.acknowledgeInterrupt() == .unknown)
    }

    @Test("§4.1.4.5: without messages reading tells the cause")
    func interruptStatus() throws {
        let (made, windows) = try Self.make()
        let transport = try #require(made)
        windows[0x1000]?.set(2 as UInt8, 0)
        #expect(transport.acknowledgeInterrupt() == VirtioInterruptCauses(rawValue: 2))
    }

    @Test("features by halves, status, and the configuration space within its bounds")
    func registers() throws {
        let (made, windows) = try Self.make()
        let transport = try #require(made)
        let common = try #require(windows[0])
        common.onStore = { offset, value in
            if offset == 0 { common.set(value == 1 ? 0x8765_4321 : 0x1234_5678 as UInt32, 4) }
        }
        #expect(transport.deviceFeatures() == 0x8765_4321_1234_5678)
        transport.status = 3
        #expect(common.load8(20) == 3 && transport.status == 3)
        common.set(9 as UInt8, 21)
        #expect(transport.configurationGeneration == 9)
        windows[0x2000]?.set(0x1122_3344 as UInt32, 20)
        #expect(transport.configuration32(20) == 0x1122_3344)
        #expect(transport.configuration16(22) == 0x1122 && transport.configuration8(23) == 0x11)
        #expect(transport.configuration32(21) == 0 && transport.configuration8(24) == 0)
    }

    @Test("soak: capabilities of any content are read without a trap")
    func randomCapabilities() throws {
        var random = SplitMix64(seed: 21)
        for _ in 0..<2000 {
            let mock = MockPCIFunction(slot: 2)
            mock.set(UInt16(1 << 4), 6)
            mock.set(0x40 as UInt8, 0x34)
            for offset in 0x40..<0x100 as Range<UInt64> {
                let values: [UInt8] = [
                    0x09, 0x11, 0x40, 0x60, 1, 2, 3, 16, 20, UInt8.random(in: 0...255, using: &random),
                ]
                mock.set(values.randomElement(using: &random) ?? 0, offset)
            }
            let function = try #require(mock.function(slot: 2))
            let transport = VirtioPCITransport(VirtioPCITransport.Layout(function), deviceType: 1) {
                $0.size <= 4096 ? MockRegisters(size: $0.size) : nil
            }
            if let transport { _ = transport.enableQueue(0, size: 8, at: .init(descriptors: 0, available: 0, used: 0)) }
            if let location = MSIXTable.Location(function) { #expect(location.count <= 2048) }
        }
    }
}
