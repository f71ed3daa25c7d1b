/// The receive FIFO of a PL011 r1p5: up to 32 characters with their errors. Held inline: no allocation.
struct PL011ReceiveFIFO {
    static let size = 32

    private var characters = InlineArray<32, UInt16>(repeating: 0)
    private var head = 0
    private(set) var count = 0

    var isEmpty: Bool { count == 0 }

    /// Adds a character; nothing changes when all slots are taken.
    mutating func push(_ character: PL011Character) {
        guard count < Self.size else { return }
        characters[(head + count) % Self.size] = character.rawValue
        count += 1
    }

    /// Removes and gives the oldest character.
    mutating func pop() -> PL011Character? {
        guard count > 0 else { return nil }
        let character = characters[head]
        head = (head + 1) % Self.size
        count -= 1
        return PL011Character(rawValue: character)
    }
}
