internal import VMMCore

/// The RAM locations of an MC146818 that mean something, and the PC's century byte.
///
/// Source: Motorola MC146818A data sheet, "Address Map"; century: ACPI 6.4 §5.2.9 (FADT, CENTURY), 0x32 by custom.
enum RTCRegister: UInt8, CaseIterable {
    case seconds = 0x00
    case minutes = 0x02
    case hours = 0x04
    case dayOfWeek = 0x06
    case dayOfMonth = 0x07
    case month = 0x08
    case year = 0x09
    case a = 0x0A
    case b = 0x0B
    case c = 0x0C
    case d = 0x0D
    case century = 0x32
}

/// Register A. UIP (bit 7) is computed, not kept. Source: MC146818A, "Register A ($0A)".
struct RTC_A: RawRepresentable {
    var rawValue: UInt8
    static let writable: UInt8 = 0x7F
    /// The 32.768 kHz time base and the 1024 Hz rate: what PC firmware sets.
    static let firmwareValue = RTC_A(rawValue: 0x26)
    /// Bits 3:0, RS: the periodic interrupt's rate in Hz; nil: there is none. Source: MC146818A, table 5, with the 32.768 kHz time base.
    var rate: Int64? {
        switch rawValue[0...3] {
        case 0: nil
        case 1: 256
        case 2: 128
        case let selection: 32768 >> Int64(selection - 1)
        }
    }
    /// Bits 6:4, DV. 11x holds the divider chain in reset: no updates.
    var dividerIsReset: Bool { rawValue[5...6] == 0b11 }
    /// Bit 7. An update is in progress, or begins within 244 µs.
    var uip: Bool {
        get { rawValue[bit: 7] }
        set { rawValue[bit: 7] = newValue }
    }
}

/// Register B. Source: MC146818A, "Register B ($0B)".
struct RTC_B: RawRepresentable {
    var rawValue: UInt8
    /// 24 hours, BCD: what PC firmware sets.
    static let firmwareValue = RTC_B(rawValue: 0x02)
    /// Bit 7. 1: no updates, the program is setting the time.
    var set: Bool { rawValue[bit: 7] }
    /// Bits 6, 5 and 4: PIE, AIE and UIE, where register C has their flags.
    var enabledInterrupts: UInt8 { rawValue & RTC_C.flags }
    /// Bit 4, UIE. Cleared when SET goes high.
    var updateEndedInterruptEnable: Bool {
        get { rawValue[bit: 4] }
        set { rawValue[bit: 4] = newValue }
    }
    /// Bit 2, DM. 1: binary, 0: BCD.
    var isBinary: Bool { rawValue[bit: 2] }
    /// Bit 1. 1: 24 hours, 0: 12 hours with PM in bit 7 of the hours.
    var is24Hour: Bool { rawValue[bit: 1] }
}

extension RTC_B {
    /// What a byte says in this format; nil: nothing.
    func number(_ byte: UInt8) -> Int? {
        if isBinary { return byte < 100 ? Int(byte) : nil }
        let (tens, ones) = (Int(byte[4...7]), Int(byte[0...3]))
        return tens < 10 && ones < 10 ? tens * 10 + ones : nil
    }

    /// An hour, 0 to 23 when it is one.
    func hour(_ byte: UInt8) -> Int? {
        guard !is24Hour else { return number(byte) }
        guard let hour = number(byte & 0x7F), (1...12).contains(hour) else { return nil }
        return hour % 12 + (byte[bit: 7] ? 12 : 0)
    }
}

/// Register C: flags, cleared by reading. Source: MC146818A, "Register C ($0C)".
struct RTC_C: RawRepresentable {
    var rawValue: UInt8 = 0
    static let flags: UInt8 = 0x70
    /// Bit 4, UF. An update has ended since the last read.
    var updateEnded: Bool {
        get { rawValue[bit: 4] }
        set { rawValue[bit: 4] = newValue }
    }
    /// Bit 5, AF. The time was the alarm's.
    var alarm: Bool {
        get { rawValue[bit: 5] }
        set { rawValue[bit: 5] = newValue }
    }
    /// Bit 6, PF. A period has ended.
    var periodic: Bool {
        get { rawValue[bit: 6] }
        set { rawValue[bit: 6] = newValue }
    }
    /// Bit 7, IRQF. A flag and its enable are both set.
    var interruptRequest: Bool {
        get { rawValue[bit: 7] }
        set { rawValue[bit: 7] = newValue }
    }
}

/// The clock registers' bytes, and what they mean in the format that register B selects.
struct RTCTimeBytes: Hashable {
    var seconds: UInt8 = 0
    var minutes: UInt8 = 0
    var hours: UInt8 = 0
    var dayOfWeek: UInt8 = 0
    var dayOfMonth: UInt8 = 0
    var month: UInt8 = 0
    var year: UInt8 = 0
    var century: UInt8 = 0

    init(_ time: CivilTime, format: RTC_B) {
        func encode(_ value: Int) -> UInt8 {
            UInt8(truncatingIfNeeded: format.isBinary ? value : value / 10 * 16 + value % 10)
        }
        seconds = encode(time.second)
        minutes = encode(time.minute)
        if format.is24Hour {
            hours = encode(time.hour)
        } else {
            hours = encode((time.hour + 11) % 12 + 1)
            hours[bit: 7] = time.hour >= 12
        }
        dayOfWeek = encode(time.dayOfWeek)
        dayOfMonth = encode(time.day)
        month = encode(time.month)
        year = encode(time.year % 100)
        century = encode(time.year / 100)
    }

    /// The time that the bytes say, or nil when they say none. The day of the week is not looked at.
    func time(format: RTC_B) -> CivilTime? {
        guard let second = format.number(seconds), let minute = format.number(minutes), let hour = format.hour(hours),
            let day = format.number(dayOfMonth), let month = format.number(month), let year = format.number(year),
            let century = format.number(century)
        else { return nil }
        return CivilTime(
            year: century * 100 + year, month: month, day: day, hour: hour, minute: minute, second: second)
    }

    /// The byte of a clock register; nil for registers A to D.
    subscript(register: RTCRegister) -> UInt8? {
        get {
            switch register {
            case .seconds: seconds
            case .minutes: minutes
            case .hours: hours
            case .dayOfWeek: dayOfWeek
            case .dayOfMonth: dayOfMonth
            case .month: month
            case .year: year
            case .century: century
            case .a, .b, .c, .d: nil
            }
        }
        set {
            guard let newValue else { return }
            switch register {
            case .seconds: seconds = newValue
            case .minutes: minutes = newValue
            case .hours: hours = newValue
            case .dayOfWeek: dayOfWeek = newValue
            case .dayOfMonth: dayOfMonth = newValue
            case .month: month = newValue
            case .year: year = newValue
            case .century: century = newValue
            case .a, .b, .c, .d: break
            }
        }
    }
}
