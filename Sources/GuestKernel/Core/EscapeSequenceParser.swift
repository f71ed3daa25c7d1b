/// What a byte from a terminal means, escape sequences taken together.
enum TerminalKey: Equatable {
    /// A byte that stands for itself, control characters included.
    case byte(UInt8)
    case up, down, left, right, home, end, delete
    /// Alt and this byte, or a control key variant that means the same.
    case alt(UInt8)
}

/// Recognises the VT100's and xterm's keys in a stream of bytes; unknown sequences are swallowed whole.
///
/// Source: ECMA-48 §5.4 (control sequences: parameters 0x30 to 0x3F, intermediates 0x20 to 0x2F, final 0x40 to 0x7E); the VT100
/// user guide, table 3-6 (cursor keys, `ESC O x` in application mode); xterm's "PC-style function keys".
struct EscapeSequenceParser {
    private enum State {
        case ground, escape
        /// After `ESC [`: the first parameter so far (saturating), the last one, and whether an intermediate came.
        case control(first: UInt8, last: UInt8, separators: UInt8)
        /// After `ESC O`: one byte follows. After `ESC [ [` (the Linux console's F1 to F5) too.
        case single(isCursor: Bool)
    }

    private var state = State.ground

    /// Takes a byte; nil while a sequence is not complete, or when it was an unknown one.
    mutating func key(_ byte: UInt8) -> TerminalKey? {
        switch state {
        case .ground:
            guard byte == 0x1B else { return .byte(byte) }
            state = .escape
            return nil
        case .escape:
            switch byte {
            case 0x5B: state = .control(first: 0, last: 0, separators: 0)
            case 0x4F: state = .single(isCursor: true)
            case 0x1B: break
            default:
                state = .ground
                // Control characters act even after a lone ESC: Enter must not get lost.
                return byte < 0x20 ? .byte(byte) : .alt(byte)
            }
            return nil
        case .single(let isCursor):
            state = .ground
            if byte < 0x20 { return key(byte) }
            return isCursor ? Self.cursorKey(byte, modifier: 0) : nil
        case .control(let first, let last, let separators):
            return control(byte, first: first, last: last, separators: separators)
        }
    }

    private mutating func control(_ byte: UInt8, first: UInt8, last: UInt8, separators: UInt8) -> TerminalKey? {
        switch byte {
        case 0x30...0x39:
            let (product, overflow) = last.multipliedReportingOverflow(by: 10)
            let (sum, carry) = product.addingReportingOverflow(byte - 0x30)
            let value: UInt8 = overflow || carry ? .max : sum
            state = .control(first: separators == 0 ? value : first, last: value, separators: separators)
        case 0x3B:
            state = .control(first: first, last: 0, separators: separators | 1)
        case 0x20...0x2F, 0x3A, 0x3C...0x3F:
            // Private or intermediate bytes: no key of ours has them.
            state = .control(first: .max, last: .max, separators: 1)
        case 0x5B where first == 0 && separators == 0:
            state = .single(isCursor: false)
        case 0x40...0x7E:
            state = .ground
            if byte == 0x7E { return Self.editingKey(first) }
            return first <= 1 ? Self.cursorKey(byte, modifier: separators == 0 ? 0 : last) : nil
        default:
            // Not part of a control sequence: it is broken off.
            state = .ground
            return key(byte)
        }
        return nil
    }

    private static func cursorKey(_ final: UInt8, modifier: UInt8) -> TerminalKey? {
        // Modifiers 3 (Alt) and 5 (Ctrl) make the arrows go by words.
        let byWord = modifier == 3 || modifier == 5
        switch final {
        case 0x41: return .up
        case 0x42: return .down
        case 0x43: return byWord ? .alt(0x66) : .right
        case 0x44: return byWord ? .alt(0x62) : .left
        case 0x46: return .end
        case 0x48: return .home
        default: return nil
        }
    }

    private static func editingKey(_ number: UInt8) -> TerminalKey? {
        switch number {
        case 1, 7: .home
        case 3: .delete
        case 4, 8: .end
        default: nil
        }
    }
}
