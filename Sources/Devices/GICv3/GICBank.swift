internal import VMMCore

/// Thirty-two interrupts with consecutive INTIDs: a CPU's SGIs and PPIs, or a row of SPIs. Bit n is interrupt n of them.
struct GICBank {
    /// GICD_IPRIORITYR: five priority bits are implemented, bits 7:3.
    static let implementedPriority: UInt8 = 0xF8

    var group: UInt32 = 0
    var enabled: UInt32 = 0
    /// Bit set: edge-triggered; else level-sensitive.
    private(set) var edge: UInt32
    /// What an edge, an SGI or ISPENDR left pending.
    private(set) var latched: UInt32 = 0
    private(set) var active: UInt32 = 0
    /// The levels of the inputs.
    private(set) var input: UInt32 = 0
    private var priorities = InlineArray<32, UInt8>(repeating: 0)
    private let configurable: UInt32

    /// - Parameter sgis: the interrupts that are SGIs: always edge-triggered.
    init(sgis: UInt32) {
        edge = sgis
        configurable = ~sgis
    }

    /// ISPENDR: pending by latch or by the level of a level-sensitive input.
    var pending: UInt32 { latched | (input & ~edge) }

    /// Pending, enabled and not active: what may go to a CPU when its group is enabled.
    var forwardable: UInt32 { pending & enabled & ~active }

    /// - Parameter index: 0...31; bits above are ignored, here and below.
    func priority(_ index: Int) -> UInt8 { priorities[index & 31] }

    mutating func setPriority(_ priority: UInt8, _ index: Int) {
        priorities[index & 31] = priority & Self.implementedPriority
    }

    func group(_ index: Int) -> GICGroup { group[bit: index & 31] ? .group1 : .group0 }

    mutating func setEdge(_ isEdge: Bool, _ index: Int) {
        if configurable[bit: index & 31] { edge[bit: index & 31] = isEdge }
    }

    /// The latched state.
    func state(_ index: Int) -> GICInterruptState {
        switch (latched[bit: index & 31], active[bit: index & 31]) {
        case (false, false): .inactive
        case (true, false): .pending
        case (false, true): .active
        case (true, true): .activeAndPending
        }
    }

    mutating func apply(_ event: GICInterruptState.Event, to index: Int) {
        let after = state(index).after(event).rawValue
        latched[bit: index & 31] = after[bit: 0]
        active[bit: index & 31] = after[bit: 1]
    }

    mutating func apply(_ event: GICInterruptState.Event, toEach mask: UInt32) {
        var rest = mask
        while rest != 0 {
            apply(event, to: rest.trailingZeroBitCount)
            rest &= rest &- 1
        }
    }

    /// Takes an input's level; a rising one latches an edge-triggered interrupt. False when nothing changed.
    mutating func setInput(_ asserted: Bool, _ index: Int) -> Bool {
        guard input[bit: index & 31] != asserted else { return false }
        input[bit: index & 31] = asserted
        if asserted && edge[bit: index & 31] { apply(.makePending, to: index) }
        return true
    }

    /// The first of the most urgent interrupts in `mask`, or nil when none is more urgent than `limit` (255: idle).
    func mostUrgent(in mask: UInt32, below limit: UInt8) -> (index: Int, priority: UInt8)? {
        var found: (index: Int, priority: UInt8)?
        var bound = limit
        var rest = mask
        while rest != 0 {
            let index = rest.trailingZeroBitCount
            rest &= rest &- 1
            let priority = priority(index)
            guard priority < bound else { continue }
            bound = priority
            found = (index, priority)
        }
        return found
    }
}
