/// What a CPU in software tells of its work.
package enum CPUTraceEvent: Hashable, Sendable {
    /// Is about to execute the instruction `word` at `pc`.
    case instruction(pc: UInt64, word: UInt32, level: UInt8)
    /// Took an exception at `pc` (ELR_EL1), which goes on at `vector`. ESR and FAR mean something for synchronous ones only.
    case exception(ExceptionKind, pc: UInt64, vector: UInt64, esr: UInt64, far: UInt64, fromLevel: UInt8)
    /// ERET: goes on at `pc`.
    case exceptionReturn(pc: UInt64, toLevel: UInt8)
    /// The guest called its firmware (PSCI, SMCCC) with x0 to x3; `result` is x0 after it.
    case firmwareCall(pc: UInt64, function: UInt32, arguments: FirmwareArguments, result: UInt64)

    package enum ExceptionKind: Hashable, Sendable {
        case synchronous, irq, fiq
    }
}

/// x1 to x3 of a firmware call.
package struct FirmwareArguments: Hashable, Sendable {
    package var x1: UInt64
    package var x2: UInt64
    package var x3: UInt64

    package init(x1: UInt64, x2: UInt64, x3: UInt64) {
        self.x1 = x1
        self.x2 = x2
        self.x3 = x3
    }
}

/// Who is told. Called on vCPU threads, on several at once.
package protocol CPUTracer: AnyObject, Sendable {
    /// Whether instructions are to be told, which has them executed one by one.
    var wantsInstructions: Bool { get }
    /// - Parameter count: the instructions that the CPU had executed before.
    func note(_ event: CPUTraceEvent, on cpu: VCPUIndex, count: UInt64)
}
