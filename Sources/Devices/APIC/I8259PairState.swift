internal import VMMCore

/// A PC's two 8259As: the second one's INT is the first one's input 2.
struct I8259PairState {
    /// The first one's input where the second one is.
    static let cascade = 2

    /// Inputs 0, 1 and 2 are always edge-triggered. Source: Intel 82801, "ELCR1".
    private var first = I8259State(elcrWritable: 0xF8, cascades: 1 << UInt8(cascade))
    /// Inputs 8 and 13 are always edge-triggered. Source: Intel 82801, "ELCR2".
    private var second = I8259State(elcrWritable: 0xDE)
    var output = InterruptOutput()

    /// - Parameter input: 0 to 15; 2 is the second one's.
    mutating func setInput(_ asserted: Bool, _ input: Int) {
        if input >= 8 { second.setInput(asserted, input - 8) } else { first.setInput(asserted, input) }
    }

    /// The INTA cycle. Nil: INT is not asserted (any more).
    mutating func acknowledge() -> UInt8? {
        guard output.level else { return nil }
        let input = first.acknowledge()
        guard input == Self.cascade else { return first.vector(of: input) }
        return second.vector(of: second.acknowledge())
    }

    mutating func read(_ register: I8259Register) -> UInt8 {
        switch register {
        case .command(isSecond: false): first.readCommandPort()
        case .command(isSecond: true): second.readCommandPort()
        case .data(isSecond: false): first.readDataPort()
        case .data(isSecond: true): second.readDataPort()
        case .elcr(isSecond: false): first.elcr
        case .elcr(isSecond: true): second.elcr
        }
    }

    mutating func write(_ value: UInt8, to register: I8259Register) {
        switch register {
        case .command(isSecond: false): first.writeCommandPort(value)
        case .command(isSecond: true): second.writeCommandPort(value)
        case .data(isSecond: false): first.writeDataPort(value)
        case .data(isSecond: true): second.writeDataPort(value)
        case .elcr(isSecond: false): first.elcr = value
        case .elcr(isSecond: true): second.elcr = value
        }
    }

    /// Brings the wires between them, and INT, to what the last step made of them.
    ///
    /// The second one's INT falls with each acknowledge: the first one's input, edge-triggered, sees the next request.
    mutating func update(afterAcknowledge: Bool = false) {
        if afterAcknowledge { first.setInput(false, Self.cascade) }
        first.setInput(second.winner != nil, Self.cascade)
        if afterAcknowledge { output.want(false) }
        output.want(first.winner != nil)
    }
}

enum I8259Register: Hashable {
    case command(isSecond: Bool)
    case data(isSecond: Bool)
    case elcr(isSecond: Bool)
}
