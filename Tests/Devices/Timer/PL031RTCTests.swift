import Testing
import TimerDevices
import VMMCore
import VMMTestSupport

@Suite struct PL031RTCTests {
    /// 2024-02-29 23:59:58.25 UTC.
    static let start = Nanoseconds(1_709_251_198_250_000_000)
    let clock = ManualClock(now: .seconds(7), realTime: start)
    let line = RecordingInterruptLine()
    let deadline = RecordingDeadline()
    let rtc: PL031RTC

    init() { rtc = PL031RTC(clock: clock, interrupt: line, scheduler: deadline) }

    func read(_ offset: UInt64) -> UInt64 { rtc.read(at: offset, width: .word) }
    func write(_ value: UInt64, _ offset: UInt64) { rtc.write(value, at: offset, width: .word) }

    func advance(by duration: Nanoseconds) {
        clock.advance(by: duration)
        while deadline.take(at: clock.now) { rtc.deadlinePassed() }
    }

    @Test(
        "§3.2: reset values, writable bits",
        arguments: [
            (0x004, 0, 0xFFFF_FFFF), (0x008, 0, 0xFFFF_FFFF), (0x00C, 1, 1), (0x010, 0, 1), (0x014, 0, 0),
            (0x018, 0, 0), (0x01C, 0, 0), (0x020, 0, 0), (0xFE0, 0x31, 0x31), (0xFE4, 0x10, 0x10), (0xFE8, 0x04, 0x04),
            (0xFEC, 0, 0), (0xFF0, 0x0D, 0x0D), (0xFF4, 0xF0, 0xF0), (0xFF8, 0x05, 0x05), (0xFFC, 0xB1, 0xB1),
        ] as [(UInt64, UInt64, UInt64)])
    func registers(_ offset: UInt64, _ reset: UInt64, _ allOnes: UInt64) {
        #expect(read(offset) == reset)
        write(.max, offset)
        #expect(read(offset) == allOnes)
        #expect(rtc.read(at: offset, width: .byte) == 0 && rtc.read(at: offset + 1, width: .word) == 0)
    }

    @Test("DR is the host's wall-clock time, modulo 2^32, and follows its steps")
    func time() {
        #expect(read(0x000) == 1_709_251_198)
        clock.advance(by: .milliseconds(750))
        #expect(read(0x000) == 1_709_251_199)
        write(5, 0x000)
        #expect(read(0x000) == 1_709_251_199)
        clock.setRealTime(.seconds(1 << 32 | 77))
        #expect(read(0x000) == 77)
    }

    @Test("LR sets the time, from which it counts on")
    func load() {
        write(100, 0x008)
        #expect(read(0x000) == 100 && read(0x008) == 100)
        clock.advance(by: .seconds(10))
        #expect(read(0x000) == 110 && read(0x008) == 100)
        write(0xFFFF_FFFF, 0x008)
        clock.advance(by: .seconds(2))
        #expect(read(0x000) == 1)
    }

    @Test("the alarm: interrupts when the time equals MR, by deadline, until ICR")
    func alarm() {
        write(1_709_251_200, 0x004)
        #expect(deadline.deadline == nil)
        write(1, 0x010)
        // 1.75 s away, by the monotonic clock.
        #expect(deadline.deadline == .milliseconds(8750))
        advance(by: .milliseconds(1749))
        #expect(!line.isAsserted)
        advance(by: .milliseconds(1))
        #expect(line.isAsserted && read(0x014) == 1 && read(0x018) == 1)
        #expect(deadline.deadline == nil)
        write(1, 0x01C)
        #expect(!line.isAsserted && read(0x014) == 0)
        advance(by: .seconds(100))
        #expect(!line.isAsserted)
    }

    @Test("an alarm that is masked shows in RIS; unmasking it asserts the line")
    func masked() {
        write(1_709_251_199, 0x004)
        advance(by: .seconds(5))
        #expect(read(0x014) == 1 && read(0x018) == 0 && !line.isAsserted)
        write(1, 0x010)
        #expect(line.isAsserted)
        write(0, 0x010)
        #expect(!line.isAsserted)
    }

    @Test("MR equal to the time matches at once; one that has just passed comes after the counter's wrap")
    func matchNow() {
        write(1, 0x010)
        write(1_709_251_198, 0x004)
        #expect(line.isAsserted)
        write(1, 0x01C)
        write(1_709_251_197, 0x004)
        #expect(!line.isAsserted)
        #expect(deadline.deadline == .milliseconds(5750) + .seconds(1 << 32))
    }

    @Test("LR moves the alarm; what was due before stays due")
    func loadMovesAlarm() {
        write(1, 0x010)
        write(1000, 0x008)
        write(1010, 0x004)
        write(1005, 0x008)
        advance(by: .milliseconds(4749))
        #expect(!line.isAsserted)
        advance(by: .milliseconds(1))
        #expect(line.isAsserted)
        write(1, 0x01C)
        write(1020, 0x004)
        clock.advance(by: .seconds(60))
        write(0, 0x008)
        #expect(line.isAsserted)
    }

    @Test("a wall clock that is set back: the deadline comes too early, and another one follows")
    func clockSetBack() {
        write(1, 0x010)
        write(1_709_251_202, 0x004)
        clock.setRealTime(.seconds(1_709_251_190))
        advance(by: .seconds(4))
        #expect(!line.isAsserted && deadline.deadline != nil)
        advance(by: .seconds(8))
        #expect(line.isAsserted)
    }

    @Test("random accesses: no trap, and the line is RIS and IMSC", arguments: 1...4)
    func soak(_ seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<3000 {
            let offset = random.next() % 8 == 0 ? random.next() : random.next() % 9 * 4
            let width = AccessWidth.allCases[Int(random.next() % 4)]
            let values = [random.next(), read(0x000) &+ random.next() % 4, 1]
            rtc.write(values[Int(random.next() % 3)] & width.mask, at: offset, width: width)
            _ = rtc.read(at: offset, width: width)
            advance(by: .milliseconds(random.next() % 1500))
            if random.next() % 64 == 0 { clock.setRealTime(Nanoseconds(random.next())) }
            // A step of the wall clock is noticed by the access.
            let masked = read(0x018)
            #expect(line.isAsserted == (masked == 1) && masked == read(0x014) & read(0x010))
        }
    }
}
