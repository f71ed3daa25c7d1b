internal import VMMCore

/// The receiver FIFO of a 16550: up to 16 characters, each with its break flag. Held inline: no allocation.
struct UARTReceiveFIFO {
    static let size = 16

    private var characters = InlineArray<16, UInt8>(repeating: 0)
    /// Bit n: slot n is a break.
    private var breaks: UInt16 = 0
    private var head = 0
    private(set) var count = 0

    var isEmpty: Bool { count == 0 }
    /// A character in the FIFO is a break that was not taken yet.
    var holdsBreak: Bool { breaks != 0 }

    /// Adds a character; false, and nothing changes, when all 16 slots are taken.
    mutating func push(_ character: UInt8, isBreak: Bool) -> Bool {
        guard count < Self.size else { return false }
        let slot = (head + count) % Self.size
        characters[slot] = character
        breaks[bit: slot] = isBreak
        count += 1
        return true
    }

    /// Removes and gives the oldest character.
    mutating func pop() -> UInt8? {
        guard count > 0 else { return nil }
        let character = characters[head]
        breaks[bit: head] = false
        head = (head + 1) % Self.size
        count -= 1
        return character
    }

    /// True once when the oldest character is a break.
    mutating func takeBreakAtTop() -> Bool {
        defer { breaks[bit: head] = false }
        return count > 0 && breaks[bit: head]
    }

    mutating func removeAll() {
        breaks = 0
        head = 0
        count = 0
    }
}
