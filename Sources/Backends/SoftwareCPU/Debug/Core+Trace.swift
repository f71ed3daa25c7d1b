internal import VMMCore

// What a tracer is told. Each caller looks first whether there is one.

extension Core {
    func trace(_ event: CPUTraceEvent) { tracer?.note(event, on: index, count: executedCount) }

    /// Tells the next instruction, once also when attention sends the engine back before it.
    @inline(never)
    func traceInstruction() {
        let (pc, count) = (state.pc, executedCount)
        guard lastTraced?.pc != pc || lastTraced?.count != count else { return }
        lastTraced = (pc, count)
        // A fetch that faults is told as an exception.
        guard pc & 3 == 0, let translation = try? translate(pc, .fetch, currentRegime),
            let place = ram.place(of: translation.physical)
        else { return }
        trace(
            .instruction(
                pc: pc, word: place.host.load(UInt32.self, at: 0),
                level: UInt8(truncatingIfNeeded: state.exceptionLevel)))
    }

    @inline(never)
    func traceException(vector offset: UInt64, pc: UInt64, fromLevel: UInt64) {
        let s = state
        let kind: CPUTraceEvent.ExceptionKind =
            switch offset {
            case 0x80: .irq
            case 0x100: .fiq
            default: .synchronous
            }
        trace(
            .exception(
                kind, pc: pc, vector: s.pc, esr: s.system(.esr), far: s.system(.far),
                fromLevel: UInt8(truncatingIfNeeded: fromLevel)))
    }

    /// Calls the firmware, and tells it.
    @inline(never)
    func callFirmwareTraced(_ pc: UInt64) -> Bool {
        let s = state
        let function = UInt32(truncatingIfNeeded: s.x(0))
        let arguments = FirmwareArguments(x1: s.x(1), x2: s.x(2), x3: s.x(3))
        let isDone = callFirmware()
        trace(.firmwareCall(pc: pc, function: function, arguments: arguments, result: s.x(0)))
        return isDone
    }
}
