internal import Testing

@testable internal import SuiteRunner

@Suite struct XMLTests {
    @Test("XML 1.0 §2.2: characters that no document may hold become U+FFFD")
    func characters() {
        #expect(XML.text("a\u{00}\u{1B}[1mb\u{FFFE}\u{7F}\t\n") == "a\u{FFFD}\u{FFFD}[1mb\u{FFFD}\u{7F}\t\n")
    }

    @Test("XML 1.0 §2.4, §3.3.3: markup and line ends survive")
    func markup() {
        #expect(XML.text("<a & \"b\"]]>\r") == "&lt;a &amp; \"b\"]]&gt;&#13;")
        #expect(XML.attribute("\"<\n\t") == "&quot;&lt;&#10;&#9;")
    }
}
