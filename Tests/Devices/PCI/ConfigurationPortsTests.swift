import PCIDevices
import Testing
import VMMCore
import VMMTestSupport

/// Mechanism #1. Source: PCI Local Bus 3.0 §3.2.2.3.2.
@Suite struct ConfigurationPortsTests {
    private let fixture: PCIFixture
    private let address: any PortDevice
    private let data: any PortDevice

    init() throws {
        fixture = try PCIFixture()
        let ports = PCIConfigurationPorts(fixture.bus.configuration)
        (address, data) = (ports.addressPort, ports.dataPort)
    }

    @Test("§3.2.2.3.2: bus, device, function and register select what the data port shows, in all widths")
    func selection() {
        address.write(0x8000_0800, at: 0, width: .word)
        #expect(data.read(at: 0, width: .word) == 0x5670_1234)
        #expect(data.read(at: 2, width: .halfword) == 0x5670)
        #expect(data.read(at: 1, width: .byte) == 0x12)
        address.write(0x8000_1000, at: 0, width: .word)
        #expect(data.read(at: 0, width: .word) == 0x5671_1234)
        // Function 1, bus 1: nobody.
        for other: UInt32 in [0x8000_0900, 0x8001_0800] {
            address.write(other, at: 0, width: .word)
            #expect(data.read(at: 0, width: .word) == 0xFFFF_FFFF)
        }
    }

    @Test("a store to the data port is one to the function's register")
    func stores() {
        address.write(0x8000_083C, at: 0, width: .word)
        data.write(0x55, at: 0, width: .byte)
        #expect(fixture.read(0x3C, width: .byte) == 0x55)
    }

    @Test("without the enable bit nothing is selected; the address reads back without reserved bits, by 32 bits only")
    func addressRegister() {
        address.write(0x7F00_0803, at: 0, width: .word)
        #expect(address.read(at: 0, width: .word) == 0x0000_0800)
        #expect(data.read(at: 0, width: .word) == 0xFFFF_FFFF)
        address.write(0xFFFF_FFFF, at: 0, width: .byte)
        #expect(address.read(at: 0, width: .word) == 0x0000_0800)
        #expect(address.read(at: 0, width: .byte) == 0xFF)
    }
}
