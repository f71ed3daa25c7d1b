import Testing
import TimerDevices
import VMMCore
import VMMTestSupport

@Suite struct MC146818RTCTests {
    /// 2024-02-29 23:59:58 UTC, a Thursday.
    static let leapDay = Nanoseconds.seconds(1_709_251_198)
    let clock = ManualClock(realTime: leapDay)
    let line = RecordingInterruptLine()
    let deadline = RecordingDeadline()
    let rtc: MC146818RTC

    init() { rtc = MC146818RTC(clock: clock, interrupt: line, scheduler: deadline) }

    func advance(by duration: Nanoseconds) {
        clock.advance(by: duration)
        while deadline.take(at: clock.now) { rtc.deadlinePassed() }
    }

    func read(_ index: UInt8) -> UInt8 {
        rtc.writeByte(index, at: 0)
        return rtc.readByte(at: 1)
    }

    func write(_ value: UInt8, _ index: UInt8) {
        rtc.writeByte(index, at: 0)
        rtc.writeByte(value, at: 1)
    }

    /// Century, year, month, day, day of week, hours, minutes, seconds.
    var time: [UInt8] { [0x32, 0x09, 0x08, 0x07, 0x06, 0x04, 0x02, 0x00].map(read) }

    func set(_ bytes: [UInt8]) {
        for (index, value) in zip([0x32, 0x09, 0x08, 0x07, 0x06, 0x04, 0x02, 0x00] as [UInt8], bytes) {
            write(value, index)
        }
    }

    @Test("the registers start as firmware leaves them")
    func reset() {
        #expect(rtc.portCount == 2)
        #expect(read(0x0A) == 0x26)
        #expect(read(0x0B) == 0x02)
        #expect(read(0x0C) == 0x00)
        #expect(read(0x0D) == 0x80)
        #expect(read(0x0E) == 0x00)
        #expect(rtc.readByte(at: 0) == 0xFF)
    }

    @Test("the time is the host's, in BCD and 24 hours, and counts over the end of a leap day")
    func bcd24() {
        #expect(time == [0x20, 0x24, 0x02, 0x29, 0x05, 0x23, 0x59, 0x58])
        clock.advance(by: .seconds(2))
        #expect(time == [0x20, 0x24, 0x03, 0x01, 0x06, 0x00, 0x00, 0x00])
    }

    @Test("register B, DM: binary")
    func binary() {
        write(0x06, 0x0B)
        #expect(time == [20, 24, 2, 29, 5, 23, 59, 58])
    }

    @Test(
        "register B, 24/12: 12 hours with PM in bit 7",
        arguments: [(0, 0x12), (1, 0x01), (11, 0x11), (12, 0x92), (13, 0x81), (23, 0x91)] as [(UInt64, UInt8)])
    func twelveHours(_ hour: UInt64, _ byte: UInt8) {
        clock.setRealTime(.seconds(hour * 3600))
        write(0x00, 0x0B)
        #expect(read(0x04) == byte)
        clock.setRealTime(.seconds((hour + 5) % 24 * 3600))
        write(0x80, 0x0B)
        write(byte, 0x04)
        write(0x00, 0x0B)
        write(0x02, 0x0B)
        #expect(read(0x04) == UInt8(hour / 10 * 16 + hour % 10))
    }

    @Test("register B, SET: the time stands still, takes what is written, and counts on from there")
    func setTime() {
        write(0x82, 0x0B)
        clock.advance(by: .seconds(100))
        #expect(read(0x00) == 0x58)
        set([0x19, 0x99, 0x12, 0x31, 0x06, 0x23, 0x59, 0x59])
        #expect(time == [0x19, 0x99, 0x12, 0x31, 0x06, 0x23, 0x59, 0x59])
        write(0x02, 0x0B)
        clock.advance(by: .seconds(1))
        #expect(time == [0x20, 0x00, 0x01, 0x01, 0x07, 0x00, 0x00, 0x00])
    }

    @Test("a time that is none is not taken: the clock goes on from where it was held")
    func invalidTime() {
        write(0x82, 0x0B)
        set([0x20, 0x24, 0x13, 0x32, 0x01, 0x2A, 0x61, 0xFF])
        write(0x02, 0x0B)
        #expect(time == [0x20, 0x24, 0x02, 0x29, 0x05, 0x23, 0x59, 0x58])
    }

    @Test("a byte written without SET counts on from now; nonsense is not taken")
    func writeWithoutSet() {
        write(0x30, 0x02)
        #expect(read(0x02) == 0x30)
        #expect(read(0x00) == 0x58)
        write(0x60, 0x02)
        #expect(read(0x02) == 0x30)
        clock.advance(by: .seconds(2))
        #expect(read(0x02) == 0x31)
    }

    @Test("register A, UIP: set from 244 µs before an update of 1984 µs to its end, clear under SET")
    func updateInProgress() {
        clock.advance(by: .microseconds(1_000_000 - 2228 - 1))
        #expect(read(0x0A) == 0x26)
        clock.advance(by: .microseconds(1))
        #expect(read(0x0A) == 0xA6)
        write(0x82, 0x0B)
        #expect(read(0x0A) == 0x26)
        write(0x02, 0x0B)
        #expect(read(0x0A) == 0xA6)
        clock.advance(by: .microseconds(2228))
        #expect(read(0x0A) == 0x26)
        #expect(read(0x00) == 0x59)
    }

    @Test("register A, DV: the first update comes half a second after the divider is released")
    func dividerReset() {
        write(0x82, 0x0B)
        write(0x70, 0x0A)
        set([0x20, 0x30, 0x06, 0x15, 0x07, 0x12, 0x00, 0x00])
        write(0x02, 0x0B)
        clock.advance(by: .seconds(10))
        #expect(read(0x00) == 0x00)
        write(0x26, 0x0A)
        clock.advance(by: .milliseconds(499))
        #expect(read(0x00) == 0x00)
        clock.advance(by: .milliseconds(1))
        #expect(read(0x00) == 0x01)
    }

    @Test("register C: UF and IRQF tell of an update, and reading clears them; SET clears UIE")
    func updateEnded() {
        clock.advance(by: .seconds(1))
        #expect(read(0x0C) == 0x50)
        #expect(read(0x0C) == 0x00)
        write(0x12, 0x0B)
        advance(by: .seconds(1))
        #expect(line.isAsserted && read(0x0C) & 0xB0 == 0xB0 && !line.isAsserted)
        write(0x92, 0x0B)
        #expect(read(0x0B) == 0x82)
    }

    @Test("UIE: an interrupt at each update, by deadline, when the last one was read")
    func updateInterrupt() {
        write(0x12, 0x0B)
        #expect(deadline.deadline == .seconds(1))
        advance(by: .seconds(3))
        #expect(line.risingEdges == 1 && deadline.deadline == nil)
        #expect(read(0x0C) & 0x90 == 0x90 && !line.isAsserted)
        #expect(deadline.deadline == .seconds(4))
    }

    @Test(
        "AIE: the alarm, with bytes from 0xC0 on for any",
        arguments: [
            // Hours, minutes, seconds; seconds from 23:59:58.
            ([0x23, 0x59, 0x59], 1), ([0x00, 0x00, 0x00], 2), ([0xFF, 0xFF, 0x30], 32), ([0xC0, 0x10, 0x05], 607),
            ([0x08, 0xC0, 0xC0], 28802), ([0xFF, 0xFF, 0xFF], 1), ([0x23, 0x59, 0x58], 86_400),
            ([0x12, 0x34, 0x56], 45_298),
        ] as [([UInt8], UInt64)])
    func alarm(_ bytes: [UInt8], _ wait: UInt64) {
        for (index, byte) in zip([0x05, 0x03, 0x01] as [UInt8], bytes) { write(byte, index) }
        write(0x22, 0x0B)
        #expect(deadline.deadline == .seconds(wait))
        advance(by: .seconds(wait) - Nanoseconds(1))
        #expect(!line.isAsserted)
        advance(by: Nanoseconds(1))
        #expect(line.isAsserted && read(0x0C) & 0xA0 == 0xA0)
    }

    @Test("an alarm that is no time never comes; one in the other formats does")
    func alarmFormats() {
        write(0x7F, 0x05)
        write(0x22, 0x0B)
        #expect(deadline.deadline == nil)
        // 12 hours, binary: 12:30:00 AM.
        for (index, byte) in [(0x05, 12), (0x03, 30), (0x01, 0)] as [(UInt8, UInt8)] { write(byte, index) }
        write(0x24, 0x0B)
        #expect(deadline.deadline == .seconds(1802))
    }

    @Test(
        "PF and PIE: the rates of register A, one interrupt a read",
        arguments: [(3, 8192), (6, 1024), (15, 2), (1, 256)])
    func periodic(_ selection: UInt8, _ rate: UInt64) {
        write(0x20 | selection, 0x0A)
        write(0x42, 0x0B)
        for tick in 1...UInt64(8) {
            let due = (tick * 1_000_000_000 + rate - 1) / rate
            #expect(deadline.deadline == Nanoseconds(due))
            advance(by: Nanoseconds(due) - clock.now)
            #expect(line.risingEdges == Int(tick) && read(0x0C) & 0xC0 == 0xC0)
        }
        write(0x20, 0x0A)
        #expect(deadline.deadline == nil)
    }

    @Test("SET and the divider's reset hold the interrupts")
    func held() {
        write(0x72, 0x0B)
        write(0xF2, 0x0B)
        #expect(read(0x0B) == 0xE2)
        write(0x70, 0x0A)
        advance(by: .seconds(100_000))
        #expect(line.calls == 0 && deadline.deadline == nil)
    }

    @Test("a wall clock that is set back: the alarm's deadline comes too early, and another follows")
    func clockSetBack() {
        write(0x22, 0x0B)
        clock.setRealTime(Self.leapDay - .seconds(10))
        advance(by: .seconds(2))
        #expect(!line.isAsserted && deadline.deadline == .seconds(12))
        advance(by: .seconds(10))
        #expect(line.isAsserted)
    }

    @Test("registers C and D are read-only, UIP cannot be written")
    func readOnly() {
        write(0xFF, 0x0C)
        write(0x00, 0x0D)
        #expect(read(0x0C) == 0x00)
        #expect(read(0x0D) == 0x80)
        write(0xA6, 0x0A)
        #expect(read(0x0A) == 0x26)
    }

    @Test("all other locations are RAM, the alarm's too; the index port's bit 7 masks NMI and is no address")
    func ram() {
        let control: [UInt8] = [0x00, 0x02, 0x04, 0x06, 0x07, 0x08, 0x09, 0x0A, 0x0B, 0x0C, 0x0D, 0x32]
        let locations = (UInt8(0)..<128).filter { !control.contains($0) }
        for location in locations { write(location ^ 0x5A, location) }
        for location in locations { #expect(read(location) == location ^ 0x5A) }
        #expect(!rtc.masksNMI)
        #expect(read(0x80 | 0x7F) == 0x7F ^ 0x5A)
        #expect(rtc.masksNMI)
    }

    @Test("one 16-bit OUT writes index and data")
    func wideWrite() {
        rtc.write(0x7740, at: 0, width: .halfword)
        #expect(read(0x40) == 0x77)
    }

    @Test("random accesses at random times: no trap, and the format of the time holds", arguments: 1...8)
    func soak(_ seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<4000 {
            if random.next() % 8 == 0 { advance(by: .milliseconds(random.next() % 2000)) }
            if random.next() % 8 == 0 { clock.setRealTime(Nanoseconds(random.next())) }
            if random.next() % 64 == 0 { clock.setRealTime(random.next() % 2 == 0 ? .zero : Nanoseconds(.max)) }
            let offset = UInt16(truncatingIfNeeded: random.next() % 3)
            let width = AccessWidth.allCases[Int(random.next() % 4)]
            let index = UInt32(random.next() % 2 == 0 ? random.next() % 0x10 : random.next() % 0x100)
            rtc.write(UInt32(truncatingIfNeeded: random.next() << 8) | index, at: offset, width: width)
            _ = rtc.read(at: offset, width: width)
            rtc.writeByte(0x0C, at: 0)
            let flags = rtc.readByte(at: 1)
            #expect(flags & 0x0F == 0 && !line.isAsserted)
        }
        write(0x26, 0x0A)
        write(0x06, 0x0B)
        #expect(read(0x00) < 60)
        #expect((1...12).contains(read(0x08)))
    }
}
