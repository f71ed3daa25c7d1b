import Testing
import VMM

@Suite struct JSONTests {
    @Test("RFC 8259 §7: quotes, backslashes and control characters are escaped")
    func escapes() {
        #expect(JSON.string("a\"b\\c\n\u{1}\u{7F}é").text() == "\"a\\\"b\\\\c\\n\\u0001\u{7F}é\"")
    }

    @Test("objects keep their order, empty ones take no line")
    func objects() {
        let value = JSON.object([
            ("b", .array([])), ("a", .object([])), ("c", .array([.integer(-1), .bool(true), .null])),
        ])
        #expect(value.text() == "{\n  \"b\": [],\n  \"a\": {},\n  \"c\": [\n    -1,\n    true,\n    null\n  ]\n}")
    }

    @Test("a number above 2^63 - 1 becomes a hexadecimal string")
    func largeNumbers() {
        #expect(JSON.unsigned(0x7FFF_FFFF_FFFF_FFFF).text() == "9223372036854775807")
        #expect(JSON.unsigned(0x8000_0000_0000_0000).text() == "\"0x8000000000000000\"")
    }
}
