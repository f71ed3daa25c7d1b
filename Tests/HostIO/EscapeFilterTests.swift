import HostIO
import Testing

@Suite struct EscapeFilterTests {
    private func run(_ text: String) -> [EscapeFilter.Step] {
        var filter = EscapeFilter()
        return text.utf8.map { filter.consume($0) }
    }

    @Test("bytes without Ctrl-a pass unchanged, all 255 of them")
    func plain() {
        var filter = EscapeFilter()
        for byte in UInt8.min...UInt8.max where byte != EscapeFilter.prefix {
            #expect(filter.consume(byte) == .byte(byte))
        }
    }

    @Test("Ctrl-a x, h and i are commands")
    func commands() {
        #expect(run("\u{1}x") == [.nothing, .command(.leave)])
        #expect(run("\u{1}h") == [.nothing, .command(.help)])
        #expect(run("\u{1}ix") == [.nothing, .command(.showState), .byte(UInt8(ascii: "x"))])
    }

    @Test("Ctrl-a a, and Ctrl-a twice, send one Ctrl-a")
    func literal() {
        #expect(run("\u{1}ax") == [.nothing, .byte(1), .byte(UInt8(ascii: "x"))])
        #expect(run("\u{1}\u{1}x") == [.nothing, .byte(1), .byte(UInt8(ascii: "x"))])
    }

    @Test("before another byte Ctrl-a passes with it")
    func unknown() {
        #expect(run("\u{1}q\u{1}x") == [.nothing, .bytes(1, UInt8(ascii: "q")), .nothing, .command(.leave)])
    }
}
