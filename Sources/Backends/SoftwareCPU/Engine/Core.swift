internal import Synchronization
internal import VMMCore

/// One CPU: its state block, MMU, decoded code and engine. Belongs to the CPU's thread, but for `signals`.
final class Core {
    let index: VCPUIndex
    let state: StateBlock
    private let storage: HostArray
    let ram: RAMMap
    let blocks: BlockCache
    let table = DecodeTable.shared
    let signals: CPUSignals
    let power: CPUPower
    let group: CPUGroup
    let ids: IDRegisters
    let counter: SystemCounter
    let semihosting: (any SemihostingHandler)?
    /// Fetched from the group at the first run.
    var devices: [any SystemRegisterDevice] = []
    /// CNTKCTL_EL1, as the timer device last showed it.
    var counterControl: UInt64 = 0

    /// What stopped the instruction that is not complete, if one did.
    var pending = PendingStop.none
    /// The pieces of device access of the current instruction that are done.
    var transaction = DeviceTransaction()
    var largeMappings: LargeMappings?
    /// Generations of the jump cache's entries, of EL1's and of EL0's.
    var kernelGeneration: UInt64 = 0
    var userGeneration: UInt64 = 0
    /// EL1 executed from a mapping that is not global: see `changeAddressSpace()`.
    var kernelCodeIsNotGlobal = false
    /// Requests to other CPUs were made since the last DSB.
    var needsSynchronization = false
    /// Waits in a row that WFE cut short.
    var fruitlessWaits = 0
    var statistics = Statistics()
    /// Where the next block is to be linked from, if a branch just left one.
    var linkSource: Block?
    var linkIndex = 0
    /// Instructions in all earlier runs; with the spent part of the budget, all that were executed.
    var executedBefore: UInt64 = 0
    var grantedBudget: Int64 = 0
    var isSingleStepping = false
    /// Told of instructions, exceptions and firmware calls; nil costs a look at each exception.
    let tracer: (any CPUTracer)?
    /// Instructions are executed one by one, to be told.
    let tracesInstructions: Bool
    var lastTraced: (pc: UInt64, count: UInt64)?
    /// An instruction whose device access was answered is being completed.
    var isCompleting = false
    /// Breakpoints and watchpoints.
    var points = DebugPoints()
    var passedPoints = PassedPoints.none
    /// PSTATE.SS.
    var isStepArmed = false
    /// Of the next software step exception: ISV and EX.
    var stepSyndrome: UInt64 = 0
    /// All decoded code is to be dropped before the next block.
    var hasToClearCode = false
    /// In `run(instructions:)`, which does not sleep.
    var isBudgeted = false
    var rest = Rest.none
    /// An exit that leaves the guest state complete: the machine is to stop.
    var finalExit: VCPUExit?
    /// An exit that came up while registers were looked at: for the next `run()`.
    var heldExit: VCPUExit?
    /// The last exit was a device write, which is done when `run()` is called again.
    var lastExitWasWrite = false
    /// The last exit was a device read that has no answer yet.
    var isReadOutstanding = false

    init(_ index: VCPUIndex, _ environment: CoreEnvironment) throws(SoftwareCPUError) {
        self.index = index
        storage = try HostArray(byteCount: StateLayout.size)
        // SAFETY: StateLayout.size zeroed bytes, page-aligned; `storage` lives as long as this object.
        state = unsafe StateBlock(base: storage.base)
        ram = environment.ram
        blocks = try BlockCache(pageCount: environment.ram.pageCount)
        signals = CPUSignals(state, storage)
        power = CPUPower(isOn: index.rawValue == 0)
        group = environment.group
        tracer = environment.tracer
        tracesInstructions = environment.tracer?.wantsInstructions ?? false
        ids = IDRegisters(hasGICSystemRegisters: environment.hasGICSystemRegisters, index: index)
        counter = environment.counter
        semihosting = environment.semihosting
        reset()
        group.join(signals: signals, power: power)
    }

    /// The architecture's reset state: EL1h, everything masked, MMU off. Source: Arm DDI 0487, D1.3.5 "Reset".
    func reset() {
        let s = state
        for register in UInt8(0)...30 { s.setX(register, 0) }
        for slot in SystemSlot.allCases { s.setSystem(slot, 0) }
        s.setSystem(.sctlr, SCTLR.res1)
        s.setSystem(.oslsr, 1 << 3 | 1 << 1)
        s.nzcv = 0
        s.pan = 0
        s.il = 0
        s.daif = ProcessState.daif
        s.pc = 0
        rest = .none
        clearMonitor()
        isStepArmed = false
        stepSyndrome = 0
        refreshDebug()
        setMode(level: 1, spsel: 1)
        for regime in AccessRegime.allCases { s.tlb(of: regime).flush() }
        s.jumpCache.clear()
        nextJumpGenerations()
    }

    /// Derives what the engine keeps of exception level, CPACR_EL1 and PSTATE: block flags, TLB, jump key.
    func updateContext() {
        let s = state
        // FPEN: 1 traps EL0, 3 nothing, 0 and 2 both.
        let fpen = s.system(.cpacr) >> 20 & 3
        let isEL1 = s.exceptionLevel != 0
        var flags: UInt64 = isEL1 ? BlockFlags.el1 : 0
        if fpen != 3 && !(fpen == 1 && isEL1) { flags |= BlockFlags.vectorsTrapped }
        if isStepping {
            flags |= BlockFlags.single
            s.raiseAttention(Attention.debug)
        }
        if s.spsel != 0 { flags |= BlockFlags.spsel }
        if s.il != 0 { flags |= BlockFlags.illegal }
        if isStackMisaligned { flags |= BlockFlags.stackMisaligned }
        s.blockFlags = flags
        s.selectRegime(currentRegime)
        updateJumpKey()
    }

    func clearMonitor() { state.setWord(StateLayout.monitorAddress, 0) }

    /// Instructions executed since reset, also as virtual time.
    var executedCount: UInt64 { executedBefore &+ UInt64(bitPattern: grantedBudget &- state.budget) }

    struct Statistics {
        var exceptions: UInt64 = 0
        var blocksDecoded: UInt64 = 0
    }
}

/// What the cores of one machine share.
struct CoreEnvironment {
    let ram: RAMMap
    let group: CPUGroup
    let counter: SystemCounter
    let hasGICSystemRegisters: Bool
    let semihosting: (any SemihostingHandler)?
    let tracer: (any CPUTracer)?
}

/// Why the current instruction is not complete.
enum PendingStop {
    case none
    /// A data abort: the low bits of its syndrome, and the address.
    case dataAbort(status: UInt64, UInt64)
    /// Another synchronous exception, returning to this instruction.
    case exception(ExceptionClass, iss: UInt64)
    /// Something that the caller of `run()` must do.
    case exit(VCPUExit)
}

/// The device accesses of one instruction, which may be several pieces. The instruction is executed again after each exit,
/// and passes over the pieces that are done.
struct DeviceTransaction {
    private var replies: [UInt64] = []
    private var position = 0

    /// An instruction waits to be completed.
    var isOpen: Bool { !replies.isEmpty }

    mutating func nextReply() -> UInt64? {
        guard position < replies.count else { return nil }
        defer { position += 1 }
        return replies[position]
    }

    /// The piece that made the last exit is done; the instruction starts over.
    mutating func reply(_ value: UInt64) { replies.append(value) }

    mutating func rewind() { position = 0 }

    mutating func close() {
        replies.removeAll(keepingCapacity: true)
        position = 0
    }
}

/// The counter of the generic timer. Source: Arm DDI 0487, D12.1.2.
struct SystemCounter: Sendable {
    /// Hz, as CNTFRQ_EL0 says.
    let frequency: UInt64
    /// When it was zero.
    let start: Nanoseconds
    /// Read directly where it is the host's: each CNTVCT_EL0 read comes here.
    private let host: HostClock?
    private let clock: any Clock

    init(clock: any Clock, start: Nanoseconds, frequency: UInt64) {
        self.clock = clock
        self.start = start
        self.frequency = frequency
        host = clock as? HostClock
    }

    var value: UInt64 {
        let now = if let host { host.now } else { clock.now }
        let product = (now - start).rawValue.multipliedFullWidth(by: frequency)
        return product.high >= 1_000_000_000 ? .max : (1_000_000_000 as UInt64).dividingFullWidth(product).quotient
    }
}
