import PlatformDevices
import Testing
import VMMCore
import VMMTestSupport

@Suite struct PL061GPIOTests {
    let line = RecordingInterruptLine()
    let gpio: PL061GPIO

    init() { gpio = PL061GPIO(interrupt: line) }

    func read(_ offset: UInt64) -> UInt64 { gpio.read(at: offset, width: .word) }
    func write(_ value: UInt64, _ offset: UInt64) { gpio.write(value, at: offset, width: .word) }

    @Test(
        "§3.2: reset values, writable bits",
        arguments: [
            (0x3FC, 0, 0), (0x400, 0, 0xFF), (0x404, 0, 0xFF), (0x408, 0, 0xFF), (0x40C, 0, 0xFF), (0x410, 0, 0xFF),
            (0x414, 0, 0), (0x418, 0, 0), (0x41C, 0, 0), (0x420, 0, 0xFF), (0x424, 0, 0), (0xFE0, 0x61, 0x61),
            (0xFE4, 0x10, 0x10), (0xFE8, 0x04, 0x04), (0xFEC, 0, 0), (0xFF0, 0x0D, 0x0D), (0xFF4, 0xF0, 0xF0),
            (0xFF8, 0x05, 0x05), (0xFFC, 0xB1, 0xB1),
        ] as [(UInt64, UInt64, UInt64)])
    func registers(_ offset: UInt64, _ reset: UInt64, _ allOnes: UInt64) {
        #expect(read(offset) == reset)
        write(.max, offset)
        #expect(read(offset) == allOnes)
        #expect(gpio.read(at: offset, width: .doubleword) == 0 && gpio.read(at: offset + 2, width: .byte) == 0)
    }

    @Test("§3.3.1: bits 9:2 of the offset mask reads and writes of the data")
    func maskedData() {
        write(0xFF, 0x400)
        write(0xFF, 0x3FC)
        write(0x00, 0x0F << 2)
        #expect(read(0x3FC) == 0xF0)
        #expect(read(0x30 << 2) == 0x30)
        #expect(read(0x000) == 0)
    }

    @Test("an output pin shows what was written, an input pin what the world drives")
    func direction() {
        gpio.setInput(1, true)
        write(0x01, 0x400)
        write(0x01, 0x3FC)
        #expect(read(0x3FC) == 0x03)
        write(0x03, 0x400)
        #expect(read(0x3FC) == 0x01)
    }

    @Test(
        "edges: rising with IEV, falling without, both with IBE; IC clears",
        arguments: [(0x08, 0x00, [true, false]), (0x00, 0x00, [false, true]), (0x00, 0x08, [true, true])]
            as [(UInt64, UInt64, [Bool])])
    func edges(_ event: UInt64, _ both: UInt64, _ expected: [Bool]) {
        write(event, 0x40C)
        write(both, 0x408)
        write(0x08, 0x410)
        for (level, interrupts) in zip([true, false], expected) {
            gpio.setInput(PL061GPIO.powerKeyPin, level)
            #expect(line.isAsserted == interrupts)
            #expect(read(0x414) == (interrupts ? 0x08 : 0) && read(0x418) == read(0x414))
            write(0x08, 0x41C)
            #expect(!line.isAsserted)
        }
    }

    @Test("levels: as long as they last, and IC does not clear them")
    func levels() {
        write(0x80, 0x404)
        write(0x80, 0x40C)
        write(0x80, 0x410)
        gpio.setInput(7, true)
        write(0x80, 0x41C)
        #expect(line.isAsserted)
        gpio.setInput(7, false)
        #expect(!line.isAsserted)
        write(0x00, 0x40C)
        #expect(line.isAsserted)
    }

    @Test("a masked edge is remembered")
    func masked() {
        write(0x01, 0x40C)
        gpio.setInput(0, true)
        gpio.setInput(0, false)
        #expect(!line.isAsserted && read(0x414) == 1 && read(0x418) == 0)
        write(0x01, 0x410)
        #expect(line.isAsserted)
    }

    @Test("random accesses: no trap, and the line is MIS", arguments: 1...3)
    func soak(_ seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<4000 {
            let offset = random.next() % 8 == 0 ? random.next() : 0x3FC + random.next() % 10 * 4
            let width = AccessWidth.allCases[Int(random.next() % 4)]
            switch random.next() % 3 {
            case 0: gpio.setInput(Int(random.next() % 8), random.next() & 1 == 0)
            case 1: gpio.write(random.next() & width.mask, at: offset, width: width)
            default: _ = gpio.read(at: offset, width: width)
            }
            #expect(line.isAsserted == (read(0x418) != 0))
            #expect(read(0x418) == read(0x414) & read(0x410))
        }
    }
}
