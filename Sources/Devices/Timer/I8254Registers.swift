internal import VMMCore

/// What a write to an 8254's control word register asks for. Source: 8254, "Control Word Format", "Read Operations".
enum I8254Control: Hashable {
    /// Programs a counter.
    case program(counter: Int, I8254Format)
    /// The counter latch command.
    case latch(counter: Int)
    /// The read-back command; bit n of `counters` is for counter n.
    case readBack(counters: UInt8, latchesCount: Bool, latchesStatus: Bool)

    init(_ value: UInt8) {
        let counter = Int(value[6...7])
        if counter == 3 {
            self = .readBack(
                counters: value[1...3], latchesCount: !value[bit: 5], latchesStatus: !value[bit: 4])
        } else if let access = I8254Access(rawValue: value[4...5]) {
            self = .program(
                counter: counter,
                I8254Format(access: access, mode: I8254Mode(field: value[1...3]), isBCD: value[bit: 0]))
        } else {
            self = .latch(counter: counter)
        }
    }
}

/// RW1 and RW0: which bytes of a count are read and written.
enum I8254Access: UInt8, CaseIterable {
    case low = 1
    case high = 2
    /// The low byte first.
    case both = 3
}

enum I8254Mode: UInt8, CaseIterable {
    case interruptOnTerminalCount = 0
    case hardwareOneShot = 1
    case rateGenerator = 2
    case squareWave = 3
    case softwareStrobe = 4
    case hardwareStrobe = 5

    /// From M2, M1 and M0: M2 does not count in modes 2 and 3.
    init(field: UInt8) { self = Self(rawValue: field & 7) ?? (field & 1 == 0 ? .rateGenerator : .squareWave) }
}

/// The lower six bits of a control word, and of the status byte.
struct I8254Format: Hashable {
    var access = I8254Access.both
    var mode = I8254Mode.interruptOnTerminalCount
    var isBCD = false

    var bits: UInt8 { access.rawValue << 4 | mode.rawValue << 1 | (isBCD ? 1 : 0) }

    /// How many counts there are: what a count of 0 stands for.
    var modulus: Int64 { isBCD ? 10_000 : 0x1_0000 }

    /// The clocks that a count written as `value` takes. A BCD digit above 9 counts as what it says: 8254 leaves it open.
    func clocks(_ value: UInt16) -> Int64 {
        guard value != 0 else { return modulus }
        guard isBCD else { return Int64(value) }
        var (clocks, weight) = (Int64(0), Int64(1))
        for digit in 0..<4 {
            clocks += Int64(value >> UInt16(digit * 4) & 0xF) * weight
            weight *= 10
        }
        return clocks
    }

    /// A count as a program reads it; any number of clocks.
    func value(_ clocks: Int64) -> UInt16 {
        let rest = (clocks % modulus + modulus) % modulus
        guard isBCD else { return UInt16(truncatingIfNeeded: rest) }
        var (value, left) = (UInt16(0), rest)
        for digit in 0..<4 {
            value |= UInt16(truncatingIfNeeded: left % 10) << UInt16(digit * 4)
            left /= 10
        }
        return value
    }
}
