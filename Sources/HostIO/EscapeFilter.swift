/// Takes swvmm's own commands out of what a user types: Ctrl-a and a letter.
///
/// For terminals only: input from a pipe or a file may hold any byte and passes unchanged.
package struct EscapeFilter: Sendable {
    package enum Command: Hashable, Sendable {
        /// Ctrl-a x
        case leave
        /// Ctrl-a h
        case help
        /// Ctrl-a i
        case showState
    }

    package enum Step: Hashable, Sendable {
        case nothing
        /// For the guest.
        case byte(UInt8)
        /// For the guest.
        case bytes(UInt8, UInt8)
        case command(Command)
    }

    /// Ctrl-a.
    package static let prefix: UInt8 = 0x01

    private var sawPrefix = false

    package init() {}

    /// Takes one byte of input. Ctrl-a twice, or Ctrl-a a, is one Ctrl-a for the guest; before any other byte Ctrl-a
    /// passes with it, so that a guest's line editor still knows its "start of line".
    package mutating func consume(_ byte: UInt8) -> Step {
        guard sawPrefix else {
            sawPrefix = byte == Self.prefix
            return sawPrefix ? .nothing : .byte(byte)
        }
        sawPrefix = false
        switch byte {
        case UInt8(ascii: "x"): return .command(.leave)
        case UInt8(ascii: "h"): return .command(.help)
        case UInt8(ascii: "i"): return .command(.showState)
        case UInt8(ascii: "a"), Self.prefix: return .byte(Self.prefix)
        default: return .bytes(Self.prefix, byte)
        }
    }
}
