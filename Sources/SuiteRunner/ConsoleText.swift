/// Turns the console's bytes into lines of text to be searched.
///
/// Escape sequences (ECMA-48: control sequences, control strings, two-byte ones) and control characters other than the tab
/// are left out. A line ends with LF, CR or CR LF, and after `maximumLineLength` bytes. Bytes that are no UTF-8 become U+FFFD.
/// All of it across the borders of the pieces in which the bytes arrive.
struct ConsoleText {
    static let maximumLineLength = 4096
    /// A control string that does not end is given up after so many bytes.
    private static let maximumStringLength = 4096

    private enum Mode {
        case text
        case escape
        case controlSequence
        /// OSC, DCS, SOS, PM, APC: up to BEL or ESC \.
        case controlString(length: Int, sawEscape: Bool)
    }

    private var mode = Mode.text
    private var endedWithCR = false
    private var line: [UInt8] = []

    /// What has come of the line under way. A character that is not complete yet is missing.
    var partialLine: String { String(decoding: line.dropLast(Self.incompleteTail(line)), as: UTF8.self) }

    /// Takes one byte, and gives the line that it ends.
    mutating func consume(_ byte: UInt8) -> String? {
        switch mode {
        case .text: return text(byte)
        case .escape:
            switch byte {
            case UInt8(ascii: "["): mode = .controlSequence
            case UInt8(ascii: "]"), UInt8(ascii: "P"), UInt8(ascii: "X"), UInt8(ascii: "^"), UInt8(ascii: "_"):
                mode = .controlString(length: 0, sawEscape: false)
            // Intermediate bytes, such as those that choose a character set.
            case 0x20...0x2F, 0x1B: break
            default: mode = .text
            }
        case .controlSequence:
            switch byte {
            case 0x20...0x3F: break
            case 0x1B: mode = .escape
            // The final byte, or what cannot be part of a sequence.
            case 0x0A, 0x0D:
                mode = .text
                return text(byte)
            default: mode = .text
            }
        case .controlString(let length, let sawEscape):
            let isEnd = byte == 0x07 || (sawEscape && byte == UInt8(ascii: "\\"))
            mode =
                isEnd || length >= Self.maximumStringLength
                ? .text : .controlString(length: length + 1, sawEscape: byte == 0x1B)
        }
        return nil
    }

    private mutating func text(_ byte: UInt8) -> String? {
        let isSecondEnd = endedWithCR && byte == 0x0A
        endedWithCR = byte == 0x0D
        switch byte {
        case 0x0A where isSecondEnd: return nil
        case 0x0A, 0x0D: return endLine()
        case 0x1B:
            mode = .escape
            return nil
        case 0x09, 0x20...0x7E, 0x80...0xFF:
            line.append(byte)
            return line.count >= Self.maximumLineLength ? endLine() : nil
        default: return nil
        }
    }

    private mutating func endLine() -> String {
        defer { line.removeAll(keepingCapacity: true) }
        return String(decoding: line, as: UTF8.self)
    }

    /// The bytes at the end that begin a character and do not complete it, at most 3. Source: Unicode 15 §3.9, table 3-7.
    private static func incompleteTail(_ bytes: [UInt8]) -> Int {
        for (back, byte) in bytes.suffix(3).reversed().enumerated() {
            switch byte {
            case 0x80...0xBF: continue
            case 0xC2...0xDF: return back < 1 ? back + 1 : 0
            case 0xE0...0xEF: return back < 2 ? back + 1 : 0
            case 0xF0...0xF4: return back < 3 ? back + 1 : 0
            default: return 0
            }
        }
        return 0
    }
}
