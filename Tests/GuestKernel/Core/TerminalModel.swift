/// One row of a terminal that understands the line editor's echo.
final class TerminalModel {
    /// Finished rows.
    private(set) var rows: [String] = []
    private(set) var bells = 0
    private(set) var clears = 0
    private(set) var row: [UInt8] = []
    private(set) var column = 0
    private var escape: [UInt8] = []

    func put(_ byte: UInt8) {
        if !escape.isEmpty {
            escape.append(byte)
            guard escape.count > 2, byte >= 0x40 else { return }
            switch escape {
            case Array("\u{1B}[K".utf8): row.removeLast(max(row.count - column, 0))
            case Array("\u{1B}[2J".utf8):
                row = []
                clears += 1
            case Array("\u{1B}[H".utf8): column = 0
            default: bells = -1000
            }
            escape = []
            return
        }
        switch byte {
        case 0x1B: escape = [byte]
        case 0x07: bells += 1
        case 0x08: column = max(column - 1, 0)
        case 0x0D: column = 0
        case 0x0A:
            rows.append(String(decoding: row, as: UTF8.self))
            row = []
        default:
            if column < row.count { row[column] = byte } else { row.append(byte) }
            column += 1
        }
    }

    var text: String { String(decoding: row, as: UTF8.self) }
}
