import PlatformDevices
import Testing
import VMMCore
import VMMTestSupport

@Suite struct ACPIPowerManagementTests {
    let clock = ManualClock()
    let line = RecordingInterruptLine()
    let machine = RecordingMachineControl()
    let faults = RecordingFaults()
    let device: ACPIPowerManagement

    init() {
        device = ACPIPowerManagement(clock: clock, interrupt: line, machine: machine, faults: faults.log)
    }

    func read(_ offset: UInt16) -> UInt32 { device.read(at: offset, width: .halfword) }
    func write(_ value: UInt32, _ offset: UInt16) { device.write(value, at: offset, width: .halfword) }
    var timer: UInt32 { device.read(at: 8, width: .word) }

    @Test(
        "reset values and writable bits of the block",
        arguments: [(0, 0, 0), (2, 0, 0x0521), (4, 0x0001, 0x1C02), (6, 0, 0), (12, 0, 0), (14, 0, 0)]
            as [(UInt16, UInt32, UInt32)])
    func registers(_ offset: UInt16, _ reset: UInt32, _ writable: UInt32) {
        #expect(device.portCount == 16)
        #expect(read(offset) == reset)
        write(0xFFFF & ~0x2000, offset)
        #expect(read(offset) == reset | writable)
        write(0, offset)
        #expect(read(offset) == reset)
        #expect(machine.requests.isEmpty)
    }

    @Test("§4.8.3.2.1: SLP_EN with the S5 type switches off, by 16 bits, 32 bits or the high byte alone")
    func softOff() {
        write(5 << 10, 4)
        #expect(machine.requests.isEmpty)
        write(5 << 10 | 1 << 13, 4)
        #expect(machine.requests == [.powerOff])
        #expect(read(4) == 5 << 10 | 1)
        device.write(5 << 10 | 1 << 13, at: 4, width: .word)
        device.write(0x34, at: 5, width: .byte)
        device.write(0x3400_0000, at: 2, width: .word)
        #expect(machine.requests == Array(repeating: .powerOff, count: 4))
        #expect(faults.count == 0)
    }

    @Test(
        "§4.8.3.2.1: SLP_EN with another type does nothing and is reported",
        arguments: [0, 1, 2, 3, 4, 6, 7] as [UInt32])
    func otherSleepTypes(_ type: UInt32) {
        write(type << 10 | 1 << 13, 4)
        #expect(machine.requests.isEmpty)
        #expect(faults.count == 1)
    }

    @Test("§4.8.2.2.1: the power button sets PWRBTN_STS; with PWRBTN_EN it raises the SCI; writing 1 clears both")
    func powerButton() {
        device.pressPowerButton()
        #expect(read(0) == 0x0100)
        #expect(!line.isAsserted)
        write(0x0100, 2)
        #expect(line.isAsserted)
        // A 0 clears nothing, and another bit's 1 does not either.
        write(0x0001, 0)
        #expect(line.isAsserted)
        write(0x0100, 0)
        #expect(!line.isAsserted)
        #expect(read(0) == 0)
        device.pressPowerButton()
        #expect(line.risingEdges == 2)
        // The high byte of the status alone.
        device.write(0x01, at: 1, width: .byte)
        #expect(!line.isAsserted)
    }

    @Test("one 32-bit access covers status and enable")
    func wideAccess() {
        device.pressPowerButton()
        device.write(0x0100_0000, at: 0, width: .word)
        #expect(line.isAsserted)
        #expect(device.read(at: 0, width: .word) == 0x0100_0100)
        device.write(0x0100_0100, at: 0, width: .word)
        #expect(!line.isAsserted)
        #expect(device.read(at: 14, width: .word) == 0xFFFF_0000)
    }

    @Test("§4.8.3.3: the timer counts 3.579545 MHz in 32 bits, and ignores writes")
    func pmTimer() {
        #expect(timer == 0)
        clock.advance(by: .seconds(1))
        #expect(timer == 3_579_545)
        device.write(0, at: 8, width: .word)
        #expect(timer == 3_579_545)
        #expect(device.read(at: 9, width: .byte) == 3_579_545 >> 8 & 0xFF)
        clock.advance(by: .seconds(1199))
        #expect(timer == UInt32(truncatingIfNeeded: UInt64(3_579_545) * 1200))
        clock.advance(by: Nanoseconds(.max))
        _ = timer
    }

    @Test("§4.8.3.1.1: TMR_STS is set when bit 31 of the timer changes, either way")
    func timerCarry() {
        clock.advance(by: .seconds(599))
        #expect(read(0) == 0)
        clock.advance(by: .seconds(1))
        #expect(read(0) == 0x0001)
        write(0x0001, 2)
        #expect(line.isAsserted)
        write(0x0001, 0)
        #expect(read(0) == 0)
        #expect(!line.isAsserted)
        clock.advance(by: .seconds(600))
        #expect(read(0) == 0x0001)
        #expect(line.isAsserted)
    }

    @Test("random accesses: no trap, and the SCI agrees with status and enable", arguments: 1...8)
    func soak(_ seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<4000 {
            let far = random.next() % 16 == 0
            let offset = far ? UInt16.random(in: 0 ... .max, using: &random) : UInt16(random.next() % 16)
            let width = AccessWidth.allCases[Int(random.next() % 4)]
            switch random.next() % 4 {
            case 0: device.pressPowerButton()
            case 1: clock.advance(by: Nanoseconds(random.next() >> 24))
            case 2: _ = device.read(at: offset, width: width)
            default: device.write(UInt32(truncatingIfNeeded: random.next()), at: offset, width: width)
            }
            #expect((read(0) & read(2) != 0) == line.isAsserted)
            #expect(read(4) & ~0x1C02 == 1)
        }
    }
}
