internal import Synchronization
internal import VMMCore

/// The registers and receiver of a UART, without the world around it: each method is one step, takes no lock and calls nobody.
protocol UARTState: Sendable {
    /// The next effect after a step.
    mutating func nextEffect() -> UARTEffect
    mutating func transmitted()
    /// Ends a `receive` claim with what the channel gave.
    mutating func received(_ character: UInt8?)
    /// Ends one `drive`; gives the next, or `none` when the line is right.
    mutating func lineDriven() -> UARTEffect

    /// The channel has input.
    mutating func inputArrived()
    /// The peer sends a break.
    mutating func breakArrived()
}

/// What must happen outside the lock now. A caller that gets a claim (`receive`, `drive`) reports back when done.
enum UARTEffect: Hashable {
    case none
    /// Give this character to the channel, then call `transmitted()`.
    case transmit(UInt8)
    /// Read the channel, then call `received(_:)`. One caller at a time has this claim, so that order is kept.
    case receive
    /// Set the interrupt line, then call `lineDriven()`. One caller at a time.
    case drive(Bool)
}

/// A UART's state between a channel and an interrupt line, which are called without its lock held.
struct WiredUART<State: UARTState>: ~Copyable {
    let channel: any CharacterChannel
    private let line: any InterruptLine
    private let state: Mutex<State>

    init(_ state: State, _ channel: any CharacterChannel, interrupt line: any InterruptLine) {
        self.state = Mutex(state)
        self.channel = channel
        self.line = line
    }

    /// Takes a step, and does what comes of it.
    func step<Result: Sendable>(_ body: (inout State) -> Result) -> Result {
        let (result, effect) = state.withLock { state in
            let result = body(&state)
            return (result, state.nextEffect())
        }
        perform(effect)
        return result
    }

    /// Takes a step that may give a character to transmit, and does what comes of it.
    func write(_ body: (inout State) -> UInt8?) {
        perform(
            state.withLock { state in
                if let character = body(&state) { return .transmit(character) }
                return state.nextEffect()
            })
    }

    /// Performs effects until the state has no more for this thread. At most a FIFO full of input and a few edges.
    private func perform(_ first: UARTEffect) {
        var effect = first
        while true {
            switch effect {
            case .none:
                return
            case .transmit(let character):
                channel.write(character)
                effect = state.withLock { state in
                    state.transmitted()
                    return state.nextEffect()
                }
            case .receive:
                let character = channel.read()
                effect = state.withLock { state in
                    state.received(character)
                    return state.nextEffect()
                }
            case .drive(let level):
                line.setLevel(level)
                effect = state.withLock { $0.lineDriven() }
            }
        }
    }
}
