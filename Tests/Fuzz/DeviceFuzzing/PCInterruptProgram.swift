internal import APICDevices
internal import TimerDevices
internal import VMMCore
internal import VMMTestSupport

/// A guest's program for a PC's own interrupt controllers and timers: registers of any width, wires, acknowledges, EOIs, and time.
enum PCInterruptProgram {
    static func run(_ bytes: [UInt8]) {
        let clock = ManualClock(now: .seconds(1), realTime: .seconds(1 << 30))
        let (deadline, alarm, line) = (RecordingDeadline(), RecordingDeadline(), NoInterruptLine())
        let ioAPIC = IOAPIC(output: NoLocalAPICs())
        let pair = I8259Pair(interrupt: line)
        let timer = I8254Timer(clock: clock, interrupt: pair.interruptLine(0), scheduler: deadline)
        let rtc = MC146818RTC(clock: clock, interrupt: pair.interruptLine(8), scheduler: alarm)
        let ports: [any PortDevice] = [
            rtc, pair.firstPorts, pair.secondPorts, pair.triggerPorts, timer.counterPorts, timer.systemControlPort,
        ]
        var input = FuzzInput(bytes)
        while !input.isAtEnd {
            let width = FuzzWorld.width(&input)
            switch input.byte() % 10 {
            case 0: ioAPIC.write(input.doubleword(), at: UInt64(input.halfword()) & 0xFFF, width: width)
            case 1:
                ioAPIC.write(UInt64(input.byte()), at: 0, width: .word)
                ioAPIC.write(UInt64(input.word()), at: 0x10, width: .word)
            case 2: _ = ioAPIC.read(at: UInt64(input.halfword()) & 0xFFF, width: width)
            case 3: ioAPIC.interruptLine(input.number(below: IOAPIC.inputCount)).setLevel(input.byte() & 1 == 1)
            case 4: ioAPIC.endOfInterrupt(vector: input.byte())
            case 5:
                let number = input.number(below: I8259Pair.inputCount)
                if number != 2 { pair.interruptLine(number).setLevel(input.byte() & 1 == 1) }
            case 6: _ = pair.acknowledge()
            case 7:
                clock.advance(by: Nanoseconds(input.doubleword() >> UInt64(input.byte() & 63)))
                if deadline.take(at: clock.now) { timer.deadlinePassed() }
                if alarm.take(at: clock.now) { rtc.deadlinePassed() }
            case 8:
                let port = ports[input.number(below: ports.count)]
                _ = port.read(at: UInt16(input.number(below: Int(port.portCount))), width: width)
            default:
                let port = ports[input.number(below: ports.count)]
                port.write(input.word(), at: UInt16(input.number(below: Int(port.portCount))), width: width)
            }
        }
    }
}

/// Local APICs that nobody hears of again.
private final class NoLocalAPICs: IOAPICOutput {
    func send(_ message: MSI) {}
    func announce(_ message: MSI, ofInput input: Int) {}
}
