/// A date and time of the proleptic Gregorian calendar, in UTC, as a real-time clock counts it.
struct CivilTime: Hashable, Sendable {
    /// 0 to 9999: what two BCD bytes hold.
    var year: Int
    /// 1 to 12.
    var month: Int
    /// 1 to 31.
    var day: Int
    var hour: Int
    var minute: Int
    var second: Int

    /// Seconds since 1970-01-01 00:00:00 of the first and the last second of the years 0 to 9999.
    static let representable: ClosedRange<Int64> = -62_167_219_200...253_402_300_799

    private static let secondsPerDay: Int64 = 86_400
    /// Days of a 400-year cycle of the calendar.
    private static let daysPerEra = 146_097
    /// Days from 0000-03-01 to 1970-01-01: eras are counted from the first of March, so that a leap day ends a year.
    private static let epochDay = 719_468

    /// The time `seconds` after 1970-01-01 00:00:00; outside the years 0 to 9999, the nearest end of them.
    init(secondsSinceEpoch seconds: Int64) {
        let seconds = min(max(seconds, Self.representable.lowerBound), Self.representable.upperBound)
        let secondOfDay = Int(Self.floorModulo(seconds, Self.secondsPerDay))
        hour = secondOfDay / 3600
        minute = secondOfDay / 60 % 60
        second = secondOfDay % 60

        let dayNumber = Int((seconds - Int64(secondOfDay)) / Self.secondsPerDay) + Self.epochDay
        let era = (dayNumber >= 0 ? dayNumber : dayNumber - (Self.daysPerEra - 1)) / Self.daysPerEra
        let dayOfEra = dayNumber - era * Self.daysPerEra
        // Take the leap days out: one in 1460 days, none in 36524, one again in 146096.
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        // Months from March have 31, 30, 31, 30, 31 days, over and over: 153 days in five of them.
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        year = era * 400 + yearOfEra + (month <= 2 ? 1 : 0)
    }

    /// Nil when a field is out of its range; a day past the end of its month is refused too.
    init?(year: Int, month: Int, day: Int, hour: Int, minute: Int, second: Int) {
        guard (0...9999).contains(year), (1...12).contains(month),
            (1...Self.days(inMonth: month, year: year)).contains(day),
            (0...23).contains(hour), (0...59).contains(minute), (0...59).contains(second)
        else { return nil }
        self.year = year
        self.month = month
        self.day = day
        self.hour = hour
        self.minute = minute
        self.second = second
    }

    var secondsSinceEpoch: Int64 {
        let marchYear = month <= 2 ? year - 1 : year
        let era = (marchYear >= 0 ? marchYear : marchYear - 399) / 400
        let yearOfEra = marchYear - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        let days = Int64(era * Self.daysPerEra + dayOfEra - Self.epochDay)
        return days * Self.secondsPerDay + Int64(hour * 3600 + minute * 60 + second)
    }

    /// 1 is Sunday, 7 Saturday, as the MC146818 counts.
    var dayOfWeek: Int {
        let days = (secondsSinceEpoch - Self.floorModulo(secondsSinceEpoch, Self.secondsPerDay)) / Self.secondsPerDay
        // 1970-01-01 was a Thursday.
        return Int(Self.floorModulo(days + 4, 7)) + 1
    }

    private static func days(inMonth month: Int, year: Int) -> Int {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    private static func floorModulo(_ value: Int64, _ divisor: Int64) -> Int64 {
        let remainder = value % divisor
        return remainder < 0 ? remainder + divisor : remainder
    }
}
