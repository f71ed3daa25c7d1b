import PCIDevices
import Testing
import VMMCore
import VMMTestSupport

/// The configuration space. Source: PCI Local Bus 3.0 §6; PCI Express Base 5.0 §7.2.2.
@Suite struct ConfigurationSpaceTests {
    /// Offset, width, value after reset, writable bits: figure 6-1, but for the capabilities.
    static let header: [(offset: UInt64, width: AccessWidth, reset: UInt64, writable: UInt64)] = [
        (0x00, .halfword, 0x1234, 0), (0x02, .halfword, 0x5670, 0), (0x04, .halfword, 0x0002, 0x0406),
        (0x06, .halfword, 0x0010, 0), (0x08, .byte, 7, 0), (0x09, .byte, 3, 0), (0x0A, .halfword, 0x0102, 0),
        (0x0C, .byte, 0, 0xFF), (0x0D, .byte, 0, 0), (0x0E, .byte, 0, 0), (0x0F, .byte, 0, 0),
        (0x10, .word, 0x1000_0004, 0xFFFF_C000), (0x14, .word, 0, 0xFFFF_FFFF), (0x18, .word, 0x1000_4000, 0xFFFF_E000),
        (0x1C, .word, 0x1000_6000, 0xFFFF_F000), (0x20, .word, 0, 0), (0x24, .word, 0, 0), (0x28, .word, 0, 0),
        (0x2C, .halfword, 0xAABB, 0), (0x2E, .halfword, 0xCCDD, 0), (0x30, .word, 0, 0), (0x34, .byte, 0x40, 0),
        (0x38, .word, 0, 0), (0x3C, .byte, 4, 0xFF), (0x3D, .byte, 1, 0), (0x3E, .halfword, 0, 0),
    ]

    @Test("§6.1: the type 0 header: values after reset, and which bits can be written")
    func header() throws {
        let fixture = try PCIFixture()
        for field in Self.header {
            #expect(fixture.read(field.offset, width: field.width) == field.reset, "at \(field.offset)")
        }
        for value in [0, UInt64.max] {
            for field in Self.header {
                fixture.write(value & field.width.mask, field.offset, width: field.width)
                let expected = field.reset & ~field.writable | value & field.writable
                #expect(fixture.read(field.offset, width: field.width) == expected, "at \(field.offset)")
            }
        }
    }

    @Test("§6.7: the capabilities: a list from 0x40 on, in order, MSI-X first; it ends")
    func capabilities() throws {
        let fixture = try PCIFixture()
        var offset = fixture.read(0x34, width: .byte)
        var ids: [UInt64] = []
        while offset != 0 && ids.count < 48 {
            #expect(offset >= 0x40 && offset % 4 == 0)
            ids.append(fixture.read(offset, width: .byte))
            offset = fixture.read(offset + 1, width: .byte)
        }
        #expect(ids == [0x11, 0x09])
        let plain = try PCIFixture(hasMessages: false)
        #expect(plain.capability(0x11) == 0 && plain.capability(0x09) == 0x40)
        #expect(plain.read(PCIFixture.bar3) == 0)
    }

    @Test("accesses of all widths and alignments are those of their bytes; nothing is behind the 256 bytes")
    func widths() throws {
        let fixture = try PCIFixture()
        let bytes = (0..<(256 as UInt64)).map { fixture.read($0, width: .byte) }
        for width in AccessWidth.allCases {
            for offset in 0..<(256 as UInt64) {
                let expected = (0..<UInt64(width.bytes)).reduce(0 as UInt64) { value, byte in
                    let part: UInt64 = offset + byte < 256 ? bytes[Int(offset + byte)] : 0xFF
                    return value | part << (8 * byte)
                }
                #expect(fixture.read(offset, width: width) == expected, "\(width) at \(offset)")
            }
            for offset in [0x100, 0x800, 0xFF8] as [UInt64] {
                #expect(fixture.read(offset, width: width) == width.mask)
                fixture.write(0, offset, width: width)
            }
        }
        fixture.write(0x2000_0000_0000_0000, 0x14, width: .doubleword)
        #expect(fixture.read(0x18) == 0x2000_0000)
        fixture.write(0x11_0000, 0x1A - 1, width: .word)
        #expect(fixture.read(0x18) == 0x1100_0000)
    }

    @Test(
        "§6.1: functions that are not there read as ones, on all buses and in all slots; the host bridge is in slot 0")
    func absent() throws {
        let fixture = try PCIFixture()
        #expect(fixture.read(0, slot: 0) == 0x0008_1B36)
        #expect(fixture.read(8, slot: 0) == 0x0600_0000)
        var present: [UInt64] = []
        for function in 0..<(16 * 32 * 8 as UInt64)
        where fixture.bus.configuration.read(at: function << 12, width: .word) != 0xFFFF_FFFF {
            present.append(function)
        }
        #expect(present == [0, 8, 16])
        #expect(fixture.bus.configuration.windowSize == 16 << 20)
        for width in AccessWidth.allCases {
            #expect(fixture.bus.configuration.read(at: 3 << 15, width: width) == width.mask)
            fixture.bus.configuration.write(0, at: (16 << 20) - 8, width: width)
        }
    }
}
