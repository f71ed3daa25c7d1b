import KernelCore
import Testing

@Suite("The virtio-mmio transport") struct VirtioMMIOTransportTests {
    static func registers(magic: UInt32 = 0x7472_6976, version: UInt32 = 2, type: UInt32 = 2) -> MockRegisters {
        let registers = MockRegisters(size: 0x200)
        registers.set(magic, 0)
        registers.set(version, 4)
        registers.set(type, 8)
        return registers
    }

    @Test("§4.2.2.2: magic, version and device ID decide")
    func identity() {
        func identify(_ registers: MockRegisters) -> VirtioMMIOTransport.Identity {
            VirtioMMIOTransport.identify(registers)
        }
        #expect(identify(Self.registers()) == .device(2))
        #expect(identify(Self.registers(type: 0)) == .empty)
        #expect(identify(Self.registers(version: 1, type: 0)) == .empty)
        #expect(identify(Self.registers(version: 1)) == .unsupported(version: 1))
        #expect(identify(Self.registers(version: 3)) == .unsupported(version: 3))
        #expect(identify(Self.registers(magic: 0)) == .unsupported(version: 0))
        #expect(identify(MockRegisters(size: 0x80)) == .unsupported(version: 0))
    }

    @Test("§4.2.2: features go by halves, each selected first")
    func features() {
        let registers = Self.registers()
        registers.onStore = { offset, value in
            if offset == 0x14 { registers.set(value == 1 ? 0x8765_4321 : 0x1234_5678 as UInt32, 0x10) }
        }
        let transport = VirtioMMIOTransport(registers, deviceType: 2)
        #expect(transport.deviceFeatures() == 0x8765_4321_1234_5678)
        registers.forget()
        transport.setDriverFeatures(0x1_0000_0200)
        #expect(registers.stores == [.init(0x24, 0), .init(0x20, 0x200), .init(0x24, 1), .init(0x20, 1)])
    }

    @Test("§4.2.3.2: a queue is selected, sized, placed, and ready last")
    func queue() {
        let registers = Self.registers()
        registers.set(UInt32(1024), 0x34)
        let transport = VirtioMMIOTransport(registers, deviceType: 2)
        #expect(transport.maximumSize(ofQueue: 3) == 1024)
        #expect(registers.stores == [.init(0x30, 3)])
        registers.forget()
        let addresses = SplitDriverQueue.Addresses(
            descriptors: 0x1_2345_6000, available: 0x1_2345_6800, used: 0x1_2345_6A00)
        #expect(transport.enableQueue(3, size: 128, at: addresses))
        #expect(
            registers.stores == [
                .init(0x30, 3), .init(0x38, 128), .init(0x80, 0x2345_6000), .init(0x84, 1), .init(0x90, 0x2345_6800),
                .init(0x94, 1), .init(0xA0, 0x2345_6A00), .init(0xA4, 1), .init(0x44, 1),
            ])
        // One that is ready belongs to somebody else.
        #expect(transport.maximumSize(ofQueue: 3) == 0)
    }

    @Test("§4.2.2: causes are read and acknowledged, and nothing is written when there are none")
    func interrupts() {
        let registers = Self.registers()
        let transport = VirtioMMIOTransport(registers, deviceType: 2)
        #expect(transport.acknowledgeInterrupt().isEmpty)
        #expect(registers.stores.isEmpty)
        registers.set(UInt32(3), 0x60)
        let causes = transport.acknowledgeInterrupt()
        #expect(causes.usedBuffer && causes.configurationChange)
        #expect(registers.stores == [.init(0x64, 3)])
    }

    @Test("the configuration space is at 0x100, and nothing is read beyond the window")
    func configuration() {
        let registers = Self.registers()
        registers.set(0x1122_3344 as UInt32, 0x1FC)
        let transport = VirtioMMIOTransport(registers, deviceType: 2)
        #expect(transport.configuration32(0xFC) == 0x1122_3344)
        #expect(transport.configuration16(0xFE) == 0x1122)
        #expect(transport.configuration8(0xFF) == 0x11)
        #expect(transport.configuration32(0xFE) == 0)
        #expect(transport.configuration8(0x100) == 0)
        #expect(transport.configuration32(.max) == 0)
    }
}
