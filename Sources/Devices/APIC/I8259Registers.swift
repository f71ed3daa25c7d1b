internal import VMMCore

/// What a write to an 8259A's first port is. Source: 8259A, "Initialization Command Words", "Operation Command Words".
enum I8259Command: Hashable {
    /// ICW1.
    case initialize(ICW1)
    /// OCW2.
    case operate(OCW2)
    /// OCW3.
    case control(OCW3)

    init(_ value: UInt8) {
        if value[bit: 4] {
            self = .initialize(ICW1(rawValue: value))
        } else if value[bit: 3] {
            self = .control(OCW3(rawValue: value))
        } else {
            self = .operate(OCW2(value))
        }
    }
}

/// ICW1. Bits 7:5 are for an 8080's call addresses, bit 2 for them too.
struct ICW1: RawRepresentable, Hashable {
    var rawValue: UInt8
    /// Bit 0, IC4: an ICW4 follows.
    var wantsICW4: Bool { rawValue[bit: 0] }
    /// Bit 1, SNGL. 1: no cascade, and no ICW3.
    var isSingle: Bool { rawValue[bit: 1] }
}

/// ICW4.
struct ICW4: RawRepresentable, Hashable {
    var rawValue: UInt8
    /// Bit 1, AEOI.
    var isAutomaticEOI: Bool { rawValue[bit: 1] }
    /// Bit 4, SFNM: special fully nested mode.
    var isSpecialFullyNested: Bool { rawValue[bit: 4] }
}

/// OCW2: R, SL, EOI (bits 7:5) and a level (bits 2:0).
enum OCW2: Hashable {
    case nonSpecificEOI
    case specificEOI(Int)
    case rotateOnNonSpecificEOI
    case rotateOnSpecificEOI(Int)
    case rotateInAutomaticEOI(Bool)
    case setPriority(Int)
    case noOperation

    init(_ value: UInt8) {
        let level = Int(value & 7)
        switch value >> 5 {
        case 0b000: self = .rotateInAutomaticEOI(false)
        case 0b001: self = .nonSpecificEOI
        case 0b011: self = .specificEOI(level)
        case 0b100: self = .rotateInAutomaticEOI(true)
        case 0b101: self = .rotateOnNonSpecificEOI
        case 0b110: self = .setPriority(level)
        case 0b111: self = .rotateOnSpecificEOI(level)
        default: self = .noOperation
        }
    }
}

/// OCW3.
struct OCW3: RawRepresentable, Hashable {
    var rawValue: UInt8
    /// Bits 1:0, RR and RIS. Nil: what is read stays what it was.
    var readsISR: Bool? { rawValue[bit: 1] ? rawValue[bit: 0] : nil }
    /// Bit 2, P.
    var polls: Bool { rawValue[bit: 2] }
    /// Bits 6:5, ESMM and SMM. Nil: special mask mode stays what it was.
    var specialMask: Bool? { rawValue[bit: 6] ? rawValue[bit: 5] : nil }
}
