internal import VMMCore

/// The registers of a PL031 and its alarm. Time comes in with each step.
struct PL031State {
    /// Both clocks at one moment: the wall clock that the guest reads, the monotonic one that deadlines count in.
    struct Moment {
        var now: Nanoseconds
        var realTime: Nanoseconds

        var seconds: UInt64 { realTime.rawValue / 1_000_000_000 }
    }

    /// The guest's time less the host's, modulo 2^32 seconds.
    private var offset: UInt32 = 0
    private var match: UInt32 = 0
    private var load: UInt32 = 0
    private var mask: UInt32 = 0
    private var raw: UInt32 = 0
    /// The host's second at which the time will equal `match`.
    private var alarm: UInt64?
    var output = InterruptOutput()
    var deadline = DeadlineOutput()

    private func time(_ moment: Moment) -> UInt32 { UInt32(truncatingIfNeeded: moment.seconds) &+ offset }

    func read(_ register: PL031Register, _ moment: Moment) -> UInt32 {
        switch register {
        case .DR: time(moment)
        case .MR: match
        case .LR: load
        case .CR: 1
        case .IMSC: mask
        case .RIS: raw
        case .MIS: raw & mask
        case .ICR: 0
        case .identification(let index): PL031Register.identification(index)
        }
    }

    mutating func write(_ value: UInt32, to register: PL031Register, _ moment: Moment) {
        switch register {
        case .MR:
            match = value
            setAlarm(moment)
        case .LR:
            load = value
            offset = value &- UInt32(truncatingIfNeeded: moment.seconds)
            if alarm != nil { setAlarm(moment) }
        case .IMSC: mask = value & 1
        case .ICR: raw &= ~value
        case .DR, .CR, .RIS, .MIS, .identification: break
        }
    }

    /// The alarm comes when the time equals MR: at once if it does, up to 136 years from now if it has just passed.
    private mutating func setAlarm(_ moment: Moment) {
        alarm = moment.seconds + UInt64(match &- time(moment))
    }

    /// Brings line and deadline to what the moment makes of the alarm.
    mutating func update(_ moment: Moment) {
        if let alarm, moment.seconds >= alarm {
            raw = 1
            self.alarm = nil
        }
        output.want(raw & mask != 0)
        // Without the mask the alarm shows in RIS when somebody looks: each access comes here first.
        guard let alarm, mask != 0 else {
            deadline.want(nil)
            return
        }
        // A step of the host's wall clock since is noticed at the deadline, or at the next access.
        guard deadline.deadline == nil || deadlineIsFor != alarm else { return }
        deadlineIsFor = alarm
        deadline.want(moment.now + (Nanoseconds.seconds(alarm) - moment.realTime))
    }

    /// The alarm that the deadline was computed for.
    private var deadlineIsFor: UInt64?

    /// The deadline has come. If it came too early, the next update makes another one.
    mutating func deadlinePassed() {
        deadline.passed()
        deadline.want(nil)
    }
}
