import NetworkFrames
import Testing

@Suite struct EthernetAddressTests {
    @Test("IEEE 802 §8: bytes in their order, the group bit in the first")
    func bytes() {
        let address = EthernetAddress([9, 0x52, 0x54, 0x00, 0x12, 0x34, 0x56], at: 1)
        #expect(address.rawValue == 0x5254_0012_3456)
        #expect(address.bytes == [0x52, 0x54, 0x00, 0x12, 0x34, 0x56])
        #expect(!address.isGroup)
        #expect(EthernetAddress(rawValue: 0x0100_5E00_0001).isGroup)
        #expect(EthernetAddress.broadcast.isGroup)
    }
}
