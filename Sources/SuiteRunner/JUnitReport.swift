/// A suite's results as JUnit XML, the dialect that CI systems read. Source: the schema of Jenkins' xUnit plugin, junit-10.xsd.
extension SuiteReport {
    package var junit: String {
        let name = XML.attribute(suite)
        let counts =
            "tests=\"\(cases.count)\" failures=\"\(count(.failed))\" errors=\"0\" skipped=\"\(count(.skipped))\" "
            + "time=\"\(seconds(milliseconds))\""
        var lines = [
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>",
            "<testsuites name=\"swvmm test\" tests=\"\(cases.count)\" failures=\"\(count(.failed))\" errors=\"0\" "
                + "time=\"\(seconds(milliseconds))\">",
            "  <testsuite name=\"\(name)\" \(counts)>",
        ]
        for item in cases { lines += self.lines(item, className: name) }
        lines += ["  </testsuite>", "</testsuites>", ""]
        return lines.joined(separator: "\n")
    }

    private func lines(_ item: Case, className: String) -> [String] {
        let head =
            "    <testcase name=\"\(XML.attribute(item.name))\" classname=\"\(className)\" "
            + "time=\"\(seconds(item.milliseconds))\""
        let reason = XML.attribute(item.reason ?? "")
        switch item.status {
        case .passed: return [head + "/>"]
        case .skipped: return [head + ">", "      <skipped message=\"\(reason)\"/>", "    </testcase>"]
        case .failed:
            return [
                head + ">",
                "      <failure message=\"\(reason)\" type=\"failure\">\(XML.text(item.details))</failure>",
                "      <system-out>\(XML.text(item.consoleLines.joined(separator: "\n")))</system-out>",
                "    </testcase>",
            ]
        }
    }

    private func seconds(_ milliseconds: UInt64) -> String {
        let digits = String(milliseconds % 1000)
        return "\(milliseconds / 1000).\(String(repeating: "0", count: 3 - digits.count))\(digits)"
    }
}

/// Text as XML 1.0 may hold it. What it may not hold at all (most control characters, even as references) becomes U+FFFD.
/// Source: XML 1.0 §2.2 (characters), §2.4 (markup), §3.3.3 (attribute values).
enum XML {
    static func text(_ text: String) -> String { escaped(text, inAttribute: false) }
    static func attribute(_ text: String) -> String { escaped(text, inAttribute: true) }

    private static func escaped(_ text: String, inAttribute: Bool) -> String {
        var result = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": result += "&amp;".unicodeScalars
            case "<": result += "&lt;".unicodeScalars
            case ">": result += "&gt;".unicodeScalars
            case "\"" where inAttribute: result += "&quot;".unicodeScalars
            // A reader makes spaces of these in attributes, and line feeds of carriage returns anywhere.
            case "\n" where inAttribute: result += "&#10;".unicodeScalars
            case "\t" where inAttribute: result += "&#9;".unicodeScalars
            case "\r": result += "&#13;".unicodeScalars
            case "\n", "\t": result.append(scalar)
            case _ where scalar.value < 0x20 || scalar.value == 0xFFFE || scalar.value == 0xFFFF:
                result.append("\u{FFFD}")
            default: result.append(scalar)
            }
        }
        return String(result)
    }
}
