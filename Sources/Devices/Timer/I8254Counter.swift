internal import VMMCore

/// One counter of an 8254. Times are in its clocks, of an origin of the caller's; each step settles what has happened up to its time.
///
/// The counting element is never stepped: its count and OUT follow from the time when it was loaded.
/// Source: 8254, "Mode Definitions".
struct I8254Counter {
    /// What the counting element does.
    private enum Element: Hashable {
        /// Nothing has been written since the control word.
        case idle
        /// Modes 1 and 5: written, and waiting for GATE to rise.
        case armed
        /// The clock that loaded it was at this time.
        case loaded(at: Int64)
        /// Modes 0 and 4 with GATE low: so many clocks after its loading.
        case paused(elapsed: Int64)
        /// Modes 2 and 3 with GATE low: OUT is high, and GATE's rise loads anew.
        case stopped(count: UInt16)
    }

    private(set) var format = I8254Format()
    private var element = Element.idle
    /// The clocks of the count that is counted.
    private var period: Int64 = 0x1_0000
    /// The count register, in clocks, when it has a count that is not loaded; in modes 2 and 3 with the time when it will be.
    private var next: (clocks: Int64, at: Int64?)?
    private(set) var gate: Bool
    private var lowByte: UInt8?
    private var readsHighByte = false
    private var latchedCount: UInt16?
    private var latchedStatus: UInt8?

    init(gate: Bool) { self.gate = gate }

    // MARK: OUT

    /// OUT at `time`, not before the last step's.
    func out(at time: Int64) -> Bool {
        switch (format.mode, element) {
        case (.interruptOnTerminalCount, .loaded(let start)): time - start >= period
        case (.interruptOnTerminalCount, .paused(let elapsed)): elapsed >= period
        case (.interruptOnTerminalCount, _): false
        case (.hardwareOneShot, .loaded(let start)): !(0..<period).contains(time - start)
        case (.rateGenerator, .loaded(let start)): time < start || (time - start) % period != period - 1
        case (.squareWave, .loaded(let start)): time < start || (time - start) % period < highHalf
        case (.softwareStrobe, .loaded(let start)), (.hardwareStrobe, .loaded(let start)): time - start != period
        case (.softwareStrobe, .paused(let elapsed)): elapsed != period
        case (_, _): true
        }
    }

    /// Mode 3: clocks with OUT high.
    private var highHalf: Int64 { (period + 1) / 2 }

    /// When OUT rises for the first time after `time`; nil: never, if nothing is written.
    func nextRise(after time: Int64) -> Int64? {
        let rise = riseOfPresentCount(after: time)
        guard let at = next?.at, at > time, let rise, rise > at else { return rise }
        var later = self
        later.settle(at: at)
        return later.riseOfPresentCount(after: at)
    }

    private func riseOfPresentCount(after time: Int64) -> Int64? {
        guard case .loaded(let start) = element else { return nil }
        let rise: Int64
        switch format.mode {
        case .interruptOnTerminalCount, .hardwareOneShot: rise = start + period
        case .softwareStrobe, .hardwareStrobe: rise = start + period + 1
        case .rateGenerator, .squareWave:
            let first = start + period
            guard time >= first else { return first }
            return first + ((time - first) / period + 1) * period
        }
        return rise > time ? rise : nil
    }

    // MARK: Time

    /// Loads the count that was written for a time that has come. Call it first in each step.
    mutating func settle(at time: Int64) {
        guard let next, let at = next.at, time >= at else { return }
        // Mode 3: the half cycle that begins then is the other one.
        var start = at
        if format.mode == .squareWave, case .loaded(let old) = element, (at - old) % period == highHalf {
            start = at - (next.clocks + 1) / 2
        }
        period = next.clocks
        element = .loaded(at: start)
        self.next = nil
    }

    // MARK: GATE

    mutating func setGate(_ level: Bool, at time: Int64) {
        guard level != gate else { return }
        gate = level
        switch (format.mode, level) {
        case (.interruptOnTerminalCount, false), (.softwareStrobe, false):
            // A count whose loading clock comes yet is loaded all the same.
            if case .loaded(let start) = element { element = .paused(elapsed: max(0, time - start)) }
        case (.interruptOnTerminalCount, true), (.softwareStrobe, true):
            if case .paused(let elapsed) = element { element = .loaded(at: time - elapsed) }
        case (.hardwareOneShot, true), (.hardwareStrobe, true):
            guard element != .idle else { return }
            load(at: time + 1)
        case (.rateGenerator, false), (.squareWave, false):
            guard case .loaded = element else { return }
            element = .stopped(count: count(at: time))
            next?.at = nil
        case (.rateGenerator, true), (.squareWave, true):
            if case .stopped = element { load(at: time + 1) }
        case (.hardwareOneShot, false), (.hardwareStrobe, false):
            break
        }
    }

    private mutating func load(at time: Int64) {
        if let next { period = next.clocks }
        next = nil
        element = .loaded(at: time)
    }

    // MARK: Writes

    /// A control word: OUT goes to its initial state, and the count is to be written.
    mutating func program(_ format: I8254Format) {
        self.format = format
        element = .idle
        next = nil
        lowByte = nil
        readsHighByte = false
        latchedCount = nil
        latchedStatus = nil
    }

    mutating func write(_ byte: UInt8, at time: Int64) {
        switch format.access {
        case .low: write(count: UInt16(byte), at: time)
        case .high: write(count: UInt16(byte) << 8, at: time)
        case .both:
            guard let low = lowByte else {
                lowByte = byte
                // Mode 0: writing the first byte stops counting, and OUT is low.
                if format.mode == .interruptOnTerminalCount { element = .idle }
                return
            }
            lowByte = nil
            write(count: UInt16(byte) << 8 | UInt16(low), at: time)
        }
    }

    private mutating func write(count: UInt16, at time: Int64) {
        var clocks = format.clocks(count)
        switch format.mode {
        case .interruptOnTerminalCount, .softwareStrobe:
            next = (clocks, nil)
            load(at: time + 1)
            if !gate { element = .paused(elapsed: 0) }
        case .hardwareOneShot, .hardwareStrobe:
            next = (clocks, nil)
            if element == .idle { element = .armed }
        case .rateGenerator, .squareWave:
            // 1 is no count for them: 2 is the least.
            clocks = max(clocks, 2)
            switch element {
            case .loaded(let start) where time >= start: next = (clocks, cycleEnd(after: time, from: start))
            case .stopped: next = (clocks, nil)
            case .idle, .armed, .paused, .loaded:
                next = (clocks, nil)
                load(at: time + 1)
                if !gate { element = .stopped(count: format.value(clocks)) }
            }
        }
    }

    /// When the cycle, in mode 3 the half cycle, is over that `time` is in.
    private func cycleEnd(after time: Int64, from start: Int64) -> Int64 {
        let position = (time - start) % period
        let begin = time - position
        return format.mode == .squareWave && position < highHalf ? begin + highHalf : begin + period
    }

    // MARK: Reads

    /// The counting element.
    private func count(at time: Int64) -> UInt16 {
        switch element {
        case .idle, .armed: return format.value(period)
        case .stopped(let count): return count
        case .paused(let elapsed): return format.value(period - elapsed)
        case .loaded(let start):
            let elapsed = max(0, time - start)
            switch format.mode {
            case .interruptOnTerminalCount, .hardwareOneShot, .softwareStrobe, .hardwareStrobe:
                return format.value(period - elapsed)
            case .rateGenerator: return format.value(period - elapsed % period)
            case .squareWave:
                // By twos, in each half from the same even number.
                let position = elapsed % period
                return format.value(period / 2 * 2 - 2 * (position < highHalf ? position : position - highHalf))
            }
        }
    }

    mutating func latchCount(at time: Int64) { if latchedCount == nil { latchedCount = count(at: time) } }

    mutating func latchStatus(at time: Int64) {
        guard latchedStatus == nil else { return }
        var status = format.bits
        status[bit: 6] = hasNullCount(at: time)
        status[bit: 7] = out(at: time)
        latchedStatus = status
    }

    /// Status bit 6: what was written is not in the counting element.
    private func hasNullCount(at time: Int64) -> Bool {
        if next != nil || element == .idle { return true }
        if case .loaded(let start) = element { return time < start }
        return false
    }

    /// Source: 8254, "Read-Back Command": a latched status comes first, then a latched count.
    mutating func read(at time: Int64) -> UInt8 {
        if let status = latchedStatus {
            latchedStatus = nil
            return status
        }
        let count = latchedCount ?? count(at: time)
        let isHigh: Bool
        switch format.access {
        case .low: isHigh = false
        case .high: isHigh = true
        case .both:
            isHigh = readsHighByte
            readsHighByte.toggle()
        }
        if format.access != .both || isHigh { latchedCount = nil }
        return UInt8(truncatingIfNeeded: isHigh ? count >> 8 : count)
    }
}
