internal import VMMCore

/// The registers of `ACPIPowerManagement`.
struct ACPIPMState {
    private var status = PM1_STS()
    private var enable = PM1_EN()
    private var control = PM1_CNT()
    /// Bit 31 of the timer when it was last looked at, with the carries before it: ticks / 2^31.
    private var timerHalves: UInt64 = 0
    /// The SCI.
    var output = InterruptOutput()

    /// Bytes past the block read as ones.
    mutating func read(at offset: UInt16, width: AccessWidth, now: Nanoseconds) -> UInt32 {
        let ticks = noticeTimerCarry(now)
        var value: UInt32 = 0
        for lane in 0..<UInt16(min(width.bytes, 4)) {
            value |= UInt32(byte(at: offset &+ lane, ticks: ticks)) << UInt32(lane * 8)
        }
        return value
    }

    private func byte(at offset: UInt16, ticks: UInt64) -> UInt8 {
        let word: UInt32
        switch offset {
        case ACPIPMRegister.status...ACPIPMRegister.status + 1: word = UInt32(status.rawValue)
        case ACPIPMRegister.enable...ACPIPMRegister.enable + 1: word = UInt32(enable.rawValue)
        case ACPIPMRegister.control...ACPIPMRegister.control + 1: word = UInt32(control.rawValue)
        case ACPIPMRegister.timer...ACPIPMRegister.timer + 3:
            return UInt8(truncatingIfNeeded: ticks >> UInt64(8 * (offset - ACPIPMRegister.timer)))
        case ..<ACPIPMRegister.blockSize: return 0
        default: return 0xFF
        }
        return UInt8(truncatingIfNeeded: word >> UInt32(8 * (offset % 2)))
    }

    /// Writes the bytes that fall on a register. Gives the sleep type when SLP_EN was written.
    mutating func write(_ value: UInt32, at offset: UInt16, width: AccessWidth, now: Nanoseconds) -> UInt16? {
        noticeTimerCarry(now)
        let wide = UInt64(value) & width.mask
        /// The part of the access that falls on a 16-bit register: its value, and which bits were written.
        func overlap(_ register: UInt16) -> (value: UInt16, mask: UInt16) {
            let shift = (Int(register) - Int(offset)) * 8
            return (UInt16(truncatingIfNeeded: wide >> shift), UInt16(truncatingIfNeeded: width.mask >> shift))
        }
        let toStatus = overlap(ACPIPMRegister.status)
        status.rawValue &= ~toStatus.value

        let toEnable = overlap(ACPIPMRegister.enable)
        enable.rawValue = merge(enable.rawValue, toEnable.value, toEnable.mask & PM1_EN.writable)

        let toControl = overlap(ACPIPMRegister.control)
        control.rawValue = merge(control.rawValue, toControl.value, toControl.mask & PM1_CNT.writable)

        output.want(sciLevel)
        return PM1_CNT.sleepEnable(toControl.value) ? control.sleepType : nil
    }

    mutating func pressPowerButton() {
        status.powerButton = true
        output.want(sciLevel)
    }

    private var sciLevel: Bool { status.rawValue & enable.rawValue != 0 }

    @discardableResult
    private mutating func noticeTimerCarry(_ now: Nanoseconds) -> UInt64 {
        let ticks = PMTimer.ticks(at: now)
        if ticks >> 31 != timerHalves {
            timerHalves = ticks >> 31
            status.timer = true
            output.want(sciLevel)
        }
        return ticks
    }

    private func merge(_ old: UInt16, _ new: UInt16, _ mask: UInt16) -> UInt16 { (old & ~mask) | (new & mask) }
}
