import Testing
import TimerDevices
import VMMCore
import VMMTestSupport

@Suite struct GenericTimerTests {
    static let start = Nanoseconds(1_000_000_007)
    let clock = ManualClock(now: start)
    let physical = RecordingInterruptLine()
    let virtual = RecordingInterruptLine()
    let deadline = RecordingDeadline()
    let timer: GenericTimer

    init() {
        timer = GenericTimer(
            clock: clock, start: Self.start, physical: physical, virtual: virtual, scheduler: deadline)
    }

    /// Moves the clock to each deadline on the way, and calls back.
    func advance(ticks: UInt64) {
        clock.advance(by: Nanoseconds(ticks * 16))
        while deadline.take(at: clock.now) { timer.deadlinePassed() }
    }

    func time(_ ticks: UInt64) -> Nanoseconds { Self.start + Nanoseconds(ticks * 16) }

    @Test("the counter starts at zero and runs at CNTFRQ's 62.5 MHz")
    func counter() {
        #expect(timer.read(.CNTFRQ_EL0) == 62_500_000)
        #expect(timer.read(.CNTPCT_EL0) == 0)
        clock.advance(by: Nanoseconds(15))
        #expect(timer.read(.CNTPCT_EL0) == 0)
        clock.advance(by: Nanoseconds(1))
        #expect(timer.read(.CNTPCT_EL0) == 1)
        clock.advance(by: .seconds(2))
        #expect(timer.read(.CNTPCT_EL0) == 125_000_001)
        #expect(timer.read(.CNTVCT_EL0) == 125_000_001)
    }

    @Test(
        "reset values and writable bits",
        arguments: [
            (.CNTFRQ_EL0, 62_500_000, 0xFFFF_FFFF), (.CNTPCT_EL0, 0, 0), (.CNTVCT_EL0, 0, 0),
            (.CNTKCTL_EL1, 0, 0x3FF), (.CNTP_CTL_EL0, 0, 0b011), (.CNTV_CTL_EL0, 0, 0b011),
            (.CNTP_CVAL_EL0, 0, .max), (.CNTV_CVAL_EL0, 0, .max), (.CNTP_TVAL_EL0, 0, 0xFFFF_FFFF),
            (.CNTV_TVAL_EL0, 0, 0xFFFF_FFFF),
        ] as [(GenericTimerRegister, UInt64, UInt64)])
    func registers(_ register: GenericTimerRegister, _ reset: UInt64, _ allOnes: UInt64) {
        #expect(timer.read(register) == reset)
        // The condition is not met at the time of the write.
        timer.write(.max, to: .CNTP_CVAL_EL0)
        timer.write(.max, to: .CNTV_CVAL_EL0)
        timer.write(.max, to: register)
        #expect(timer.read(register) == allOnes)
    }

    @Test("every register has one encoding")
    func encodings() {
        var seen: Set<GenericTimerRegister> = []
        for op1 in UInt8(0)...7 {
            for crm in UInt8(0)...15 {
                for op2 in UInt8(0)...7 {
                    guard let register = GenericTimerRegister(op1: op1, crm: crm, op2: op2) else { continue }
                    #expect(seen.insert(register).inserted)
                }
            }
        }
        #expect(seen.count == GenericTimerRegister.allCases.count)
        #expect(GenericTimerRegister(op1: 3, crm: 3, op2: 1) == .CNTV_CTL_EL0)
        #expect(GenericTimerRegister(op1: 0, crm: 1, op2: 0) == .CNTKCTL_EL1)
    }

    @Test(
        "CompareValue view: the interrupt comes with the tick that reaches CVAL, by deadline", arguments: [true, false])
    func compareValue(_ isVirtual: Bool) {
        let cval: GenericTimerRegister = isVirtual ? .CNTV_CVAL_EL0 : .CNTP_CVAL_EL0
        let ctl: GenericTimerRegister = isVirtual ? .CNTV_CTL_EL0 : .CNTP_CTL_EL0
        let (line, other) = isVirtual ? (virtual, physical) : (physical, virtual)
        timer.write(1000, to: cval)
        #expect(deadline.deadline == nil && timer.nextDeadline == nil)
        timer.write(1, to: ctl)
        #expect(deadline.deadline == time(1000) && timer.nextDeadline == time(1000))
        advance(ticks: 999)
        #expect(!line.isAsserted && timer.read(ctl) == 0b001)
        advance(ticks: 1)
        #expect(line.isAsserted && !other.isAsserted)
        #expect(timer.read(ctl) == 0b101)
        #expect(deadline.deadline == nil)
        // The condition lasts until CVAL is moved.
        advance(ticks: 5000)
        #expect(line.isAsserted)
        timer.write(7000, to: cval)
        #expect(!line.isAsserted && timer.read(ctl) == 0b001)
        #expect(deadline.deadline == time(7000))
    }

    @Test("a compare value in the past asserts at once, without a deadline")
    func past() {
        advance(ticks: 100)
        timer.write(50, to: .CNTV_CVAL_EL0)
        timer.write(1, to: .CNTV_CTL_EL0)
        #expect(virtual.isAsserted && deadline.calls == 0)
        timer.write(100, to: .CNTP_CVAL_EL0)
        timer.write(1, to: .CNTP_CTL_EL0)
        #expect(physical.isAsserted)
    }

    @Test("IMASK takes the line down, keeps ISTATUS and the deadline goes")
    func masked() {
        timer.write(10, to: .CNTV_CVAL_EL0)
        timer.write(0b011, to: .CNTV_CTL_EL0)
        #expect(deadline.deadline == nil)
        advance(ticks: 10)
        #expect(timer.read(.CNTV_CTL_EL0) == 0b111 && !virtual.isAsserted)
        timer.write(0b001, to: .CNTV_CTL_EL0)
        #expect(virtual.isAsserted)
        timer.write(0b011, to: .CNTV_CTL_EL0)
        #expect(!virtual.isAsserted)
    }

    @Test("ENABLE 0: no interrupt, ISTATUS reads zero, the pending deadline is given up")
    func disabled() {
        timer.write(10, to: .CNTV_CVAL_EL0)
        timer.write(1, to: .CNTV_CTL_EL0)
        #expect(deadline.deadline != nil)
        timer.write(0, to: .CNTV_CTL_EL0)
        #expect(deadline.deadline == nil)
        advance(ticks: 20)
        #expect(timer.read(.CNTV_CTL_EL0) == 0 && !virtual.isAsserted)
    }

    @Test("TimerValue view: writing sets CVAL relative to the count, reading gives what is left, both signed 32 bits")
    func timerValue() {
        advance(ticks: 500)
        timer.write(100, to: .CNTV_TVAL_EL0)
        #expect(timer.read(.CNTV_CVAL_EL0) == 600)
        advance(ticks: 30)
        #expect(timer.read(.CNTV_TVAL_EL0) == 70)
        advance(ticks: 100)
        #expect(timer.read(.CNTV_TVAL_EL0) == 0xFFFF_FFE2)
        // Bits 63:32 are ignored; bit 31 is the sign.
        timer.write(0xABCD_EF01_FFFF_FFFF, to: .CNTV_TVAL_EL0)
        #expect(timer.read(.CNTV_CVAL_EL0) == 629)
        timer.write(0x8000_0000, to: .CNTP_TVAL_EL0)
        #expect(timer.read(.CNTP_CVAL_EL0) == 630 &- 0x8000_0000)
        timer.write(0x7FFF_FFFF, to: .CNTP_TVAL_EL0)
        #expect(timer.read(.CNTP_CVAL_EL0) == 630 + 0x7FFF_FFFF)
    }

    @Test("the counter is unsigned: a compare value near 2^64 is never reached, and sets no deadline that overflows")
    func farFuture() {
        for cval in [.max, .max / 16, 1 << 63] as [UInt64] {
            timer.write(cval, to: .CNTV_CVAL_EL0)
            timer.write(1, to: .CNTV_CTL_EL0)
            #expect(!virtual.isAsserted && deadline.deadline == nil && timer.nextDeadline == nil)
        }
        timer.write(1 << 40, to: .CNTV_CVAL_EL0)
        #expect(deadline.deadline == time(1 << 40))
    }

    @Test("CNTVOFF: the virtual counter lags the physical one, and wraps at 2^64")
    func offset() {
        advance(ticks: 100)
        timer.virtualOffset = 30
        #expect(timer.read(.CNTVCT_EL0) == 70 && timer.read(.CNTPCT_EL0) == 100)
        timer.write(80, to: .CNTV_CVAL_EL0)
        timer.write(1, to: .CNTV_CTL_EL0)
        #expect(deadline.deadline == time(110))
        // Ten ticks before the wrap.
        timer.virtualOffset = 110
        #expect(timer.read(.CNTVCT_EL0) == UInt64.max - 9)
        #expect(virtual.isAsserted)
        timer.write(.max, to: .CNTV_CVAL_EL0)
        #expect(!virtual.isAsserted && deadline.deadline == time(109))
        advance(ticks: 9)
        #expect(virtual.isAsserted)
        timer.write(20, to: .CNTV_TVAL_EL0)
        #expect(timer.read(.CNTV_CVAL_EL0) == 19)
        // The comparison is unsigned: the condition is met until the count wraps.
        #expect(virtual.isAsserted)
        advance(ticks: 1)
        #expect(timer.read(.CNTVCT_EL0) == 0 && !virtual.isAsserted && deadline.deadline == time(129))
        advance(ticks: 19)
        #expect(virtual.isAsserted)
    }

    @Test("of two timers the nearer one is the deadline, then the other")
    func twoTimers() {
        timer.write(200, to: .CNTP_CVAL_EL0)
        timer.write(1, to: .CNTP_CTL_EL0)
        timer.write(100, to: .CNTV_CVAL_EL0)
        timer.write(1, to: .CNTV_CTL_EL0)
        #expect(deadline.deadline == time(100))
        advance(ticks: 100)
        #expect(virtual.isAsserted && !physical.isAsserted && deadline.deadline == time(200))
        advance(ticks: 100)
        #expect(physical.isAsserted)
    }

    @Test("a call back that comes too early is followed by another deadline; one too many does nothing")
    func earlyCallBack() {
        timer.write(100, to: .CNTV_CVAL_EL0)
        timer.write(1, to: .CNTV_CTL_EL0)
        timer.deadlinePassed()
        #expect(!virtual.isAsserted && deadline.deadline == time(100) && deadline.calls == 2)
        advance(ticks: 100)
        timer.deadlinePassed()
        #expect(virtual.isAsserted && virtual.risingEdges == 1)
    }

    @Test(
        "D12.2.4: who reads ISTATUS as one finds the interrupt asserted, though the call back is late",
        arguments: [true, false])
    func lateCallBack(_ isVirtual: Bool) {
        let ctl: GenericTimerRegister = isVirtual ? .CNTV_CTL_EL0 : .CNTP_CTL_EL0
        timer.write(100, to: isVirtual ? .CNTV_CVAL_EL0 : .CNTP_CVAL_EL0)
        timer.write(1, to: ctl)
        clock.advance(by: Nanoseconds(100 * 16))
        #expect(timer.read(ctl) == 0b101)
        #expect((isVirtual ? virtual : physical).isAsserted)
    }

    @Test("writing what changes no deadline tells the scheduler nothing")
    func economy() {
        timer.write(100, to: .CNTV_CVAL_EL0)
        timer.write(1, to: .CNTV_CTL_EL0)
        timer.write(1, to: .CNTV_CTL_EL0)
        timer.write(3, to: .CNTKCTL_EL1)
        #expect(deadline.calls == 1)
    }

    @Test(
        "CNTKCTL: what EL0 may access",
        arguments: [
            (0, []), (1, [.CNTFRQ_EL0, .CNTPCT_EL0]), (2, [.CNTFRQ_EL0, .CNTVCT_EL0]),
            (1 << 8, [.CNTV_TVAL_EL0, .CNTV_CTL_EL0, .CNTV_CVAL_EL0]),
            (1 << 9, [.CNTP_TVAL_EL0, .CNTP_CTL_EL0, .CNTP_CVAL_EL0]),
        ] as [(UInt64, Set<GenericTimerRegister>)])
    func el0(_ value: UInt64, _ allowed: Set<GenericTimerRegister>) {
        timer.write(value, to: .CNTKCTL_EL1)
        #expect(Set(GenericTimerRegister.allCases.filter(timer.allowsEL0)) == allowed)
    }

    @Test("random writes and times: no trap, and the lines are what the definition says", arguments: 1...4)
    func soak(_ seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<4000 {
            let register = GenericTimerRegister.allCases[Int(random.next() % 10)]
            let values = [random.next(), random.next() % 4, random.next() % 5000, timer.read(.CNTPCT_EL0) &+ 100]
            timer.write(values[Int(random.next() % 4)], to: register)
            if random.next() % 50 == 0 { timer.virtualOffset = random.next() >> (random.next() % 64) }
            advance(ticks: random.next() % 400)
            for (line, ctl, cval, count) in [
                (physical, .CNTP_CTL_EL0, .CNTP_CVAL_EL0, .CNTPCT_EL0),
                (virtual, .CNTV_CTL_EL0, .CNTV_CVAL_EL0, .CNTVCT_EL0),
            ] as [(RecordingInterruptLine, GenericTimerRegister, GenericTimerRegister, GenericTimerRegister)] {
                let isMet = timer.read(count) >= timer.read(cval)
                #expect(line.isAsserted == (timer.read(ctl) & 3 == 1 && isMet))
            }
        }
    }
}
