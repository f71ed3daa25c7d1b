internal import VMMCore

/// The registers and pins of a PL061. Bit n of each value is pin n.
struct PL061State {
    /// What the world drives onto the pins that are inputs.
    private var inputs: UInt8 = 0
    /// What the guest drives onto the pins that are outputs.
    private var driven: UInt8 = 0
    private var direction: UInt8 = 0
    private var sense: UInt8 = 0
    private var bothEdges: UInt8 = 0
    private var event: UInt8 = 0
    private var enabled: UInt8 = 0
    private var alternate: UInt8 = 0
    /// Edges that were seen and not cleared.
    private var edges: UInt8 = 0
    private var output = InterruptOutput()

    private var pins: UInt8 { (driven & direction) | (inputs & ~direction) }

    /// RIS: latched edges, and levels as long as they last.
    private var raw: UInt8 { (edges & ~sense) | (~(pins ^ event) & sense) }

    func read(_ register: PL061Register) -> UInt8 {
        switch register {
        case .DATA(let mask): pins & mask
        case .DIR: direction
        case .IS: sense
        case .IBE: bothEdges
        case .IEV: event
        case .IE: enabled
        case .RIS: raw
        case .MIS: raw & enabled
        case .IC: 0
        case .AFSEL: alternate
        case .identification(let index): PL061Register.identification(index)
        }
    }

    mutating func write(_ value: UInt8, to register: PL061Register) -> Bool? {
        let before = pins
        switch register {
        case .DATA(let mask): driven = (driven & ~mask) | (value & mask)
        case .DIR: direction = value
        case .IS: sense = value
        case .IBE: bothEdges = value
        case .IEV: event = value
        case .IE: enabled = value
        case .IC: edges &= ~value
        case .AFSEL: alternate = value
        case .RIS, .MIS, .identification: break
        }
        return update(from: before)
    }

    /// The world changes a pin, 0 to 7.
    mutating func setInput(_ pin: Int, _ level: Bool) -> Bool? {
        let before = pins
        inputs[bit: pin & 7] = level
        return update(from: before)
    }

    /// Notes the edges since `before`; gives the level to tell the line, if any.
    private mutating func update(from before: UInt8) -> Bool? {
        let changed = pins ^ before
        let wanted = bothEdges | ~(pins ^ event)
        edges |= changed & wanted & ~sense
        output.want(raw & enabled != 0)
        return output.beginDelivery()
    }

    mutating func lineDriven() -> Bool? { output.continueDelivery() }
}
