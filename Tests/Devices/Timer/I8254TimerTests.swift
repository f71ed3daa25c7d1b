import Testing
import TimerDevices
import VMMCore
import VMMTestSupport

@Suite struct I8254TimerTests {
    let clock = ManualClock(now: .seconds(1000))
    let line = RecordingInterruptLine()
    let deadline = RecordingDeadline()
    let timer: I8254Timer

    init() { timer = I8254Timer(clock: clock, interrupt: line, scheduler: deadline) }

    // MARK: A guest

    func control(_ value: UInt32) { timer.counterPorts.write(value, at: 3, width: .byte) }
    func write(_ count: UInt32, _ counter: UInt16 = 2) {
        timer.counterPorts.write(count & 0xFF, at: counter, width: .byte)
        timer.counterPorts.write(count >> 8, at: counter, width: .byte)
    }
    func readByte(_ counter: UInt16 = 2) -> UInt32 { timer.counterPorts.read(at: counter, width: .byte) }
    func read(_ counter: UInt16 = 2) -> UInt32 {
        let low = readByte(counter)
        return readByte(counter) << 8 | low
    }
    func latched(_ counter: UInt32 = 2) -> UInt32 {
        control(counter << 6)
        return read(UInt16(counter))
    }
    /// The status byte by the read-back command.
    func status(_ counter: UInt32 = 2) -> UInt32 {
        control(0xE0 | 2 << counter)
        return readByte(UInt16(counter))
    }
    func gate(_ level: Bool) { timer.systemControlPort.write(level ? 1 : 0, at: 0, width: .byte) }
    var out: Bool { timer.systemControlPort.read(at: 0, width: .byte) & 0x20 != 0 }

    /// Lets so many clocks pass: time stands in the middle of one.
    func clocks(_ count: UInt64) {
        let tenths = clock.now - .seconds(1000)
        let now = tenths.rawValue * 1_193_182 / 1_000_000_000
        let target = Nanoseconds(((now + count) * 2 + 1) * 500_000_000 / 1_193_182)
        clock.advance(by: target - tenths)
        while deadline.take(at: clock.now) { timer.deadlinePassed() }
    }

    // MARK: Modes, on counter 2, whose gate is at port 0x61

    @Test("Mode 0: OUT is low until N + 1 clocks after the write, and the count goes on below zero")
    func mode0() {
        gate(true)
        control(0xB0)
        #expect(!out && status() == 0x70)
        write(4)
        #expect(!out && status() == 0x70)
        clocks(1)
        #expect(status() == 0x30 && latched() == 4)
        clocks(3)
        #expect(!out && latched() == 1)
        clocks(1)
        #expect(out && latched() == 0 && status() == 0xB0)
        clocks(2)
        #expect(out && latched() == 0xFFFE)
    }

    @Test("Mode 0: GATE low stops counting; the first byte of a new count does, too; a new count starts anew")
    func mode0Gate() {
        gate(true)
        control(0xB0)
        write(10)
        clocks(4)
        gate(false)
        #expect(latched() == 7)
        clocks(50)
        #expect(latched() == 7 && !out)
        gate(true)
        clocks(7)
        #expect(out)
        timer.counterPorts.write(3, at: 2, width: .byte)
        #expect(!out)
        clocks(50)
        #expect(!out)
        timer.counterPorts.write(0, at: 2, width: .byte)
        clocks(4)
        #expect(out)
    }

    @Test("Mode 0: a count written with GATE low is counted from GATE's rise on")
    func mode0WrittenWithoutGate() {
        control(0xB0)
        write(4)
        clocks(9)
        #expect(!out && latched() == 4)
        gate(true)
        clocks(4)
        #expect(out)
    }

    @Test("Mode 1: GATE's rise starts N clocks of OUT low, and starts them again; a new count waits for the next")
    func mode1() {
        control(0xB2)
        #expect(out)
        write(3)
        clocks(5)
        #expect(out)
        gate(true)
        #expect(out)
        clocks(1)
        #expect(!out)
        clocks(2)
        gate(false)
        gate(true)
        write(2)
        clocks(3)
        #expect(!out)
        clocks(1)
        #expect(out)
        gate(false)
        gate(true)
        clocks(1)
        #expect(!out)
        clocks(2)
        #expect(out)
    }

    @Test("Mode 2: OUT is low for one clock of N; GATE low sets it and its rise loads again")
    func mode2() {
        gate(true)
        control(0xB4)
        write(3)
        clocks(1)
        let pattern = (0..<6).map { _ in
            defer { clocks(1) }
            return (out, latched())
        }
        #expect(pattern.map(\.0) == [true, true, false, true, true, false])
        #expect(pattern.map(\.1) == [3, 2, 1, 3, 2, 1])
        clocks(2)
        #expect(!out)
        gate(false)
        #expect(out && latched() == 1)
        clocks(10)
        #expect(out)
        gate(true)
        clocks(1)
        #expect(out && latched() == 3)
    }

    @Test("Mode 2: a new count is counted after the present cycle, or from GATE's rise on")
    func mode2NewCount() {
        gate(true)
        control(0xB4)
        write(4)
        clocks(2)
        write(6)
        #expect(latched() == 3 && status() & 0x40 != 0)
        clocks(3)
        #expect(latched() == 6 && status() & 0x40 == 0)
        write(9)
        gate(false)
        clocks(20)
        gate(true)
        clocks(1)
        #expect(latched() == 9)
    }

    @Test(
        "Mode 3: OUT is high for (N + 1) / 2 clocks, then low; the count goes by twos from an even number",
        arguments: [
            (4, "1100", [4, 2, 4, 2]), (5, "11100", [4, 2, 0, 4, 2]), (2, "10", [2, 2]), (3, "110", [2, 0, 2]),
        ] as [(UInt32, String, [UInt32])])
    func mode3(_ count: UInt32, _ levels: String, _ counts: [UInt32]) {
        gate(true)
        control(0xB6)
        write(count)
        clocks(1)
        for _ in 0..<2 {
            for (level, value) in zip(levels, counts) {
                #expect(out == (level == "1") && latched() == value)
                clocks(1)
            }
        }
    }

    @Test("Mode 3: a new count is counted after the present half cycle")
    func mode3NewCount() {
        gate(true)
        control(0xB6)
        write(8)
        clocks(2)
        write(4)
        clocks(2)
        #expect(out)
        clocks(1)
        #expect(!out && latched() == 4)
        clocks(2)
        #expect(out)
        clocks(2)
        #expect(!out)
    }

    @Test("Mode 4: OUT is low for one clock, N + 1 after the write; GATE low stops counting")
    func mode4() {
        gate(true)
        control(0xB8)
        write(3)
        #expect(out)
        clocks(3)
        gate(false)
        clocks(9)
        #expect(out && latched() == 1)
        gate(true)
        clocks(1)
        #expect(!out)
        clocks(1)
        #expect(out)
        clocks(0x1_0000)
        #expect(out)
    }

    @Test("Mode 5: as mode 4 from GATE's rise on, again with each")
    func mode5() {
        control(0xBA)
        write(3)
        clocks(9)
        #expect(out)
        for _ in 0..<2 {
            gate(false)
            gate(true)
            clocks(3)
            #expect(out)
            clocks(1)
            #expect(!out)
            clocks(1)
            #expect(out)
        }
    }

    // MARK: Programming

    @Test("Control Word Format: a count of 0 is 2^16, in BCD 10^4; BCD digits")
    func largestCount() {
        gate(true)
        control(0xB0)
        write(0)
        clocks(2)
        #expect(latched() == 0xFFFF)
        control(0xB1)
        write(0)
        clocks(2)
        #expect(latched() == 0x9999 && status() & 0x3F == 0x31)
        write(0x1000)
        clocks(2)
        #expect(latched() == 0x0999)
    }

    @Test("Control Word Format: the low byte only, the high byte only; modes 6 and 7 are 2 and 3")
    func access() {
        gate(true)
        control(0x90)
        timer.counterPorts.write(0x12, at: 2, width: .byte)
        clocks(1)
        #expect(readByte() == 0x12 && readByte() == 0x12)
        control(0xA0)
        timer.counterPorts.write(0x12, at: 2, width: .byte)
        clocks(1)
        #expect(readByte() == 0x12)
        clocks(1)
        #expect(readByte() == 0x11)
        control(0xBC)
        #expect(status() & 0x0F == 0x04)
        control(0xBE)
        #expect(status() & 0x0F == 0x06)
    }

    @Test("Counter Latch Command: the count stands until it is read; a second latch before changes nothing")
    func latch() {
        gate(true)
        control(0xB0)
        write(0x1234)
        clocks(5)
        control(0x80)
        clocks(100)
        control(0x80)
        #expect(read() == 0x1230)
        #expect(read() == 0x11CC)
    }

    @Test("Read-Back Command: status first, then the count, of each counter that is selected")
    func readBack() {
        gate(true)
        control(0x30)
        write(0x1000, 0)
        control(0xB0)
        write(0x2000)
        clocks(1)
        control(0xCA)
        clocks(50)
        #expect(readByte(0) == 0x30 && read(0) == 0x1000)
        #expect(readByte() == 0x30 && read() == 0x2000)
        #expect(read() == 0x2000 - 50)
    }

    @Test("the control word register cannot be read")
    func controlReads() { #expect(readByte(3) == 0xFF) }

    @Test("port 0x61: bits 3:0 are kept, refresh toggles every 18 clocks, the rest reads as zero")
    func systemControl() {
        timer.systemControlPort.write(0xFE, at: 0, width: .byte)
        let first = timer.systemControlPort.read(at: 0, width: .byte)
        #expect(first & 0xCF == 0x0E)
        clocks(18)
        #expect(timer.systemControlPort.read(at: 0, width: .byte) ^ first == 0x10)
    }

    // MARK: IRQ 0

    @Test("IRQ 0, mode 0: one rise, by deadline")
    func oneInterrupt() {
        control(0x30)
        write(11_932, 0)
        line.clear()
        clocks(11_932)
        #expect(line.risingEdges == 0)
        clocks(1)
        #expect(line.risingEdges == 1 && deadline.deadline == nil)
        clocks(100_000)
        #expect(line.risingEdges == 1)
    }

    @Test("IRQ 0, mode 2 and 3: a rise each cycle", arguments: [0x34, 0x36] as [UInt32])
    func periodic(_ word: UInt32) {
        control(word)
        write(1000, 0)
        line.clear()
        for cycle in 1...5 {
            clocks(1001 - (cycle == 1 ? 0 : 1))
            #expect(line.risingEdges == cycle)
        }
    }

    @Test("IRQ 0: a new control word ends the interrupts")
    func stopped() {
        control(0x34)
        write(1000, 0)
        clocks(5000)
        control(0x30)
        line.clear()
        #expect(deadline.deadline == nil && !line.isAsserted)
        clocks(100_000)
        #expect(line.calls == 0)
    }

    @Test("IRQ 0: a count of 2 holds the event loop at most once in 100 µs")
    func storm() {
        control(0x34)
        write(2, 0)
        clocks(10)
        let before = deadline.calls
        for _ in 0..<100 {
            clock.advance(by: .microseconds(10))
            while deadline.take(at: clock.now) { timer.deadlinePassed() }
        }
        #expect(deadline.calls - before <= 11)
    }

    @Test("random accesses at random times: no trap, and the deadline is for IRQ 0's next rise", arguments: 1...8)
    func soak(_ seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<5000 {
            let width = AccessWidth.allCases[Int(random.next() % 4)]
            let value = UInt32(truncatingIfNeeded: random.next())
            switch random.next() % 8 {
            case 0: timer.systemControlPort.write(value, at: 0, width: width)
            case 1: _ = timer.systemControlPort.read(at: 0, width: width)
            case 2, 3: timer.counterPorts.write(value, at: UInt16(random.next() % 4), width: width)
            case 4: _ = timer.counterPorts.read(at: UInt16(random.next() % 4), width: width)
            case 5: control(value & 0xFF)
            case 6: clocks(random.next() % 100)
            default:
                clock.advance(by: Nanoseconds(random.next() >> (random.next() % 30 + 34)))
                while deadline.take(at: clock.now) { timer.deadlinePassed() }
            }
            #expect(deadline.deadline.map { $0 > clock.now - .microseconds(1) } ?? true)
        }
        // The end of time.
        clock.advance(by: Nanoseconds(.max))
        timer.deadlinePassed()
        for value in UInt32(0)..<256 {
            control(value)
            write(value, UInt16(value & 3))
            _ = read(UInt16(value & 3))
        }
    }
}
