import Testing

@testable import TimerDevices

@Suite struct CivilTimeTests {
    @Test("known days of the calendar")
    func knownDays() throws {
        let days: [(seconds: Int64, year: Int, month: Int, day: Int, weekday: Int)] = [
            (0, 1970, 1, 1, 5), (951_782_400, 2000, 2, 29, 3), (4_107_542_400, 2100, 3, 1, 2),
            (-86_400, 1969, 12, 31, 4), (253_402_214_400, 9999, 12, 31, 6),
        ]
        for day in days {
            let time = CivilTime(secondsSinceEpoch: day.seconds)
            #expect([time.year, time.month, time.day, time.dayOfWeek] == [day.year, day.month, day.day, day.weekday])
            #expect(time.secondsSinceEpoch == day.seconds)
        }
    }

    @Test("every day of 400 years follows the one before it, and converts back")
    func everyDay() {
        var before = CivilTime(secondsSinceEpoch: -86_400)
        for day in 0..<Int64(146_097) {
            let time = CivilTime(secondsSinceEpoch: day * 86_400)
            let follows =
                (time.year == before.year && time.month == before.month && time.day == before.day + 1)
                || (time.day == 1 && time.month == before.month % 12 + 1)
            guard follows, time.secondsSinceEpoch == day * 86_400, time.dayOfWeek == before.dayOfWeek % 7 + 1 else {
                Issue.record("day \(day): \(time) after \(before)")
                return
            }
            before = time
        }
    }

    @Test("times outside the years 0 to 9999 become the nearest inside", arguments: [Int64.min, .max])
    func extremes(_ seconds: Int64) {
        let time = CivilTime(secondsSinceEpoch: seconds)
        #expect(time.year == (seconds < 0 ? 0 : 9999))
        #expect(CivilTime.representable.contains(time.secondsSinceEpoch))
    }

    @Test("a day past the end of its month is refused")
    func endOfMonth() {
        func exists(_ year: Int, _ month: Int, _ day: Int) -> Bool {
            CivilTime(year: year, month: month, day: day, hour: 0, minute: 0, second: 0) != nil
        }
        #expect(exists(2024, 2, 29))
        #expect(exists(2000, 2, 29))
        #expect(!exists(2023, 2, 29))
        #expect(!exists(2100, 2, 29))
        #expect(!exists(2024, 4, 31))
        #expect(!exists(2024, 0, 1))
        #expect(!exists(2024, 1, 0))
    }
}
