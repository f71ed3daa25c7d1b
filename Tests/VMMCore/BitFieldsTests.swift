import Testing
import VMMCore

@Suite struct BitFieldsTests {
    @Test("a field reads at bit 0, and writing it keeps the other bits and drops what is too wide")
    func field() {
        var register: UInt16 = 0xFFFF
        register[10...12] = 5
        #expect(register == 0xF7FF)
        #expect(register[10...12] == 5)
        register[0...3] = 0x120
        #expect(register == 0xF7F0)
        register[0...15] = 0x1234
        #expect(register == 0x1234)
    }

    @Test("a bit as a truth value")
    func bit() {
        var register: UInt8 = 0
        register[bit: 7] = true
        #expect(register == 0x80)
        #expect(register[bit: 7])
        #expect(!register[bit: 6])
        register[bit: 7] = false
        #expect(register == 0)
    }
}
