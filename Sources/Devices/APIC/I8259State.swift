internal import VMMCore

/// One 8259A: eight inputs, in service, mask, priorities. Each method is one step.
///
/// Only the 8086's way of an interrupt is there: one vector. Buffered mode changes nothing.
/// Source: 8259A.
struct I8259State {
    /// The word that the second port takes next.
    private enum Expected {
        case icw2
        case icw3
        case icw4
        /// OCW1, the mask.
        case operation
    }

    /// ELCR: bit n is set when input n is level-triggered.
    private(set) var levelTriggered: UInt8 = 0
    /// The bits of ELCR that can be set.
    private let elcrWritable: UInt8
    /// Bit n: input n is asserted.
    private var levels: UInt8 = 0
    /// Bit n: input n has risen and was not acknowledged.
    private var edges: UInt8 = 0
    private(set) var inService: UInt8 = 0
    private(set) var mask: UInt8 = 0
    private var vectorBase: UInt8 = 0
    /// The input with the lowest priority; the next one has the highest.
    private var lowest = 7
    private var icw1 = ICW1(rawValue: 0)
    private var icw4 = ICW4(rawValue: 0)
    private var expected = Expected.operation
    private var isInitialized = false
    private var specialMask = false
    private var rotatesInAutomaticEOI = false
    private var readsISR = false
    private var polls = false
    /// Inputs where another 8259A is.
    private let cascades: UInt8

    init(elcrWritable: UInt8, cascades: UInt8 = 0) {
        self.elcrWritable = elcrWritable
        self.cascades = cascades
    }

    /// IRR. An edge is remembered while the input stays asserted.
    var requests: UInt8 { levels & (levelTriggered | edges) }

    mutating func setInput(_ asserted: Bool, _ input: Int) {
        if asserted && !levels[bit: input] { edges[bit: input] = true }
        levels[bit: input] = asserted
        if !asserted { edges[bit: input] = false }
    }

    // MARK: Priorities

    /// Rotated so that bit 0 is the input with the highest priority.
    private func byPriority(_ bits: UInt8) -> UInt8 {
        let shift = UInt8((lowest + 1) & 7)
        return bits &>> shift | bits &<< (8 &- shift)
    }

    private func input(ofPriority priority: Int) -> Int { (lowest + 1 + priority) & 7 }

    /// The input that INT is for; nil: none. Source: 8259A, "Fully Nested Mode", "Special Mask Mode".
    var winner: Int? {
        guard isInitialized else { return nil }
        let candidates = byPriority(requests & ~mask)
        guard candidates != 0 else { return nil }
        let priority = candidates.trailingZeroBitCount
        // In special mask mode an input in service that is masked blocks nobody.
        var blocking = specialMask ? inService & ~mask : inService
        // In special fully nested mode the other 8259A can interrupt itself.
        if icw4.isSpecialFullyNested, cascades[bit: input(ofPriority: priority)] { blocking &= ~cascades }
        let ceiling = byPriority(blocking).trailingZeroBitCount
        return priority < ceiling ? input(ofPriority: priority) : nil
    }

    // MARK: Acknowledge

    /// The INTA cycle: the input, nil when the request has gone.
    mutating func acknowledge() -> Int? {
        guard let input = winner else { return nil }
        edges[bit: input] = false
        if icw4.isAutomaticEOI {
            if rotatesInAutomaticEOI { lowest = input }
        } else {
            inService[bit: input] = true
        }
        return input
    }

    /// Source: 8259A, "Interrupt Sequence": input 7's when the request has gone.
    func vector(of input: Int?) -> UInt8 { vectorBase | UInt8(input ?? 7) }

    // MARK: Registers

    /// The first port: IRR, ISR, or a poll.
    mutating func readCommandPort() -> UInt8 {
        if polls { return poll() }
        return readsISR ? inService : requests
    }

    /// The second port: the mask, or a poll.
    mutating func readDataPort() -> UInt8 { polls ? poll() : mask }

    /// Source: 8259A, "Poll Command": bit 7 is set when there was a request, which is acknowledged.
    private mutating func poll() -> UInt8 {
        polls = false
        return acknowledge().map { 0x80 | UInt8($0) } ?? 0
    }

    mutating func writeCommandPort(_ value: UInt8) {
        switch I8259Command(value) {
        case .initialize(let word): initialize(word)
        case .operate(let word): operate(word)
        case .control(let word):
            if let mode = word.specialMask { specialMask = mode }
            if let choice = word.readsISR { readsISR = choice }
            polls = word.polls
        }
    }

    mutating func writeDataPort(_ value: UInt8) {
        switch expected {
        case .icw2:
            vectorBase = value & 0xF8
            expected = icw1.isSingle ? afterCascade : .icw3
        // What is wired to what is fixed.
        case .icw3: expected = afterCascade
        case .icw4:
            icw4 = ICW4(rawValue: value)
            expected = .operation
        case .operation: mask = value
        }
        if expected == .operation { isInitialized = true }
    }

    private var afterCascade: Expected { icw1.wantsICW4 ? .icw4 : .operation }

    var elcr: UInt8 {
        get { levelTriggered }
        set { levelTriggered = newValue & elcrWritable }
    }

    /// Source: 8259A, "Initialization Command Words 1 and 2": a to f.
    private mutating func initialize(_ word: ICW1) {
        icw1 = word
        edges = 0
        mask = 0
        inService = 0
        lowest = 7
        specialMask = false
        readsISR = false
        polls = false
        rotatesInAutomaticEOI = false
        icw4 = ICW4(rawValue: 0)
        isInitialized = false
        expected = .icw2
    }

    private mutating func operate(_ word: OCW2) {
        switch word {
        case .nonSpecificEOI: _ = endHighest()
        case .rotateOnNonSpecificEOI: if let ended = endHighest() { lowest = ended }
        case .specificEOI(let input): inService[bit: input] = false
        case .rotateOnSpecificEOI(let input):
            inService[bit: input] = false
            lowest = input
        case .setPriority(let input): lowest = input
        case .rotateInAutomaticEOI(let on): rotatesInAutomaticEOI = on
        case .noOperation: break
        }
    }

    /// Ends the interrupt in service with the highest priority: in special mask mode, of those that are not masked.
    private mutating func endHighest() -> Int? {
        let candidates = byPriority(specialMask ? inService & ~mask : inService)
        guard candidates != 0 else { return nil }
        let ended = input(ofPriority: candidates.trailingZeroBitCount)
        inService[bit: ended] = false
        return ended
    }
}
