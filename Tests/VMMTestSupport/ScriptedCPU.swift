internal import Glibc
internal import Synchronization
package import VMMCore

/// A CPU that interprets `ScriptedInstruction`s from guest memory.
package final class ScriptedCPU: VCPU, SingleStepping {
    package typealias Registers = ScriptedRegisters
    package typealias Failure = ScriptedError

    private struct State {
        var registers = ScriptedRegisters()
        /// The value that the outstanding read takes, once answered; nil while no read is outstanding.
        var pendingRead: ScriptedInstruction?
        var answer: UInt64 = 0
        var singleStep = false
    }

    private let memory: GuestMemory
    private let noteWrite: @Sendable (GuestAddress, UInt64) -> Void
    private let startProcessor: @Sendable (VCPUIndex, GuestAddress) -> Void
    private let state = Mutex(State())
    private let kicked = Atomic<Bool>(false)
    private let isStarted: Atomic<Bool>

    init(
        memory: GuestMemory, startsAtOnce: Bool, noteWrite: @escaping @Sendable (GuestAddress, UInt64) -> Void,
        start: @escaping @Sendable (VCPUIndex, GuestAddress) -> Void
    ) {
        self.memory = memory
        self.noteWrite = noteWrite
        startProcessor = start
        isStarted = Atomic(startsAtOnce)
    }

    func start(at entry: GuestAddress) {
        state.withLock { $0.registers.programCounter = entry.rawValue }
        isStarted.store(true, ordering: .releasing)
    }

    package func kick() { kicked.store(true, ordering: .sequentiallyConsistent) }

    package func registers() throws(ScriptedError) -> ScriptedRegisters { state.withLock { $0.registers } }

    package func setRegisters(_ registers: ScriptedRegisters) throws(ScriptedError) {
        state.withLock {
            $0.registers = registers
            $0.pendingRead = nil
        }
    }

    package func setSingleStep(_ enabled: Bool) throws(ScriptedError) { state.withLock { $0.singleStep = enabled } }

    package func completeRead(_ value: UInt64) {
        state.withLock { if let read = $0.pendingRead { $0.answer = value & read.width.mask } }
    }

    package func run() throws(ScriptedError) -> VCPUExit {
        while true {
            if !isStarted.load(ordering: .acquiring) {
                if kicked.exchange(false, ordering: .sequentiallyConsistent) { return .interrupted }
                sched_yield()
                continue
            }
            let exit = state.withLock { state -> VCPUExit? in
                if let read = state.pendingRead { finish(read, &state) }
                guard !kicked.exchange(false, ordering: .sequentiallyConsistent) else { return .interrupted }
                if let exit = step(&state) { return exit }
                return state.singleStep ? .debug(address: .init(state.registers.programCounter)) : nil
            }
            if let exit { return exit }
        }
    }

    /// Stores what the host answered, and moves on.
    private func finish(_ read: ScriptedInstruction, _ state: inout State) {
        if read.operation == .stringRead {
            let target = GuestAddress(read.address.rawValue &+ state.registers.element &* UInt64(read.width.bytes))
            _ = writeRAM(target, read.width, state.answer)
        } else {
            state.registers.accumulator = state.answer
        }
        state.pendingRead = nil
        state.answer = 0
        advance(read, &state.registers)
    }

    /// To the next element of a string instruction, or the next instruction.
    private func advance(_ done: ScriptedInstruction, _ registers: inout ScriptedRegisters) {
        if done.operation == .stringRead || done.operation == .stringWrite {
            registers.element += 1
            if registers.element < UInt64(done.count) { return }
            registers.element = 0
        }
        registers.programCounter &+= ScriptedInstruction.size
    }

    /// Executes one instruction; an exit for what needs the host.
    private func step(_ state: inout State) -> VCPUExit? {
        let address = GuestAddress(state.registers.programCounter)
        guard let instruction = ScriptedInstruction(at: address, in: memory) else {
            return .failure(.internalError(suberror: 1, instruction: InstructionBytes()))
        }
        let width = instruction.width
        switch instruction.operation {
        case .write:
            advance(instruction, &state.registers)
            return write(instruction.address, width, instruction.value & width.mask)
        case .save:
            advance(instruction, &state.registers)
            return write(instruction.address, .doubleword, state.registers.accumulator)
        case .read:
            guard let value = readRAM(instruction.address, width) else {
                state.pendingRead = instruction
                return .mmioRead(address: instruction.address, width: width)
            }
            state.registers.accumulator = value
            advance(instruction, &state.registers)
        case .portWrite:
            advance(instruction, &state.registers)
            return .portWrite(port: instruction.port, width: width, value: UInt32(instruction.value & width.mask))
        case .portRead, .stringRead:
            state.pendingRead = instruction
            return .portRead(port: instruction.port, width: width)
        case .stringWrite:
            let source = instruction.address.rawValue &+ state.registers.element &* UInt64(width.bytes)
            let value = readRAM(GuestAddress(source), width) ?? 0
            advance(instruction, &state.registers)
            return .portWrite(port: instruction.port, width: width, value: UInt32(value & width.mask))
        case .setCounter:
            state.registers.counter = UInt64(instruction.count)
            advance(instruction, &state.registers)
        case .decrementAndJump:
            state.registers.counter &-= 1
            if state.registers.counter == 0 {
                advance(instruction, &state.registers)
            } else {
                state.registers.programCounter = instruction.address.rawValue
            }
        case .waitUntilSet:
            if readRAM(instruction.address, .byte) ?? 1 != 0 { advance(instruction, &state.registers) }
        case .startProcessor:
            startProcessor(VCPUIndex(Int(instruction.value & 0xFF)), instruction.address)
            advance(instruction, &state.registers)
        case .halt:
            advance(instruction, &state.registers)
            return .halted
        case .spin: break
        case .shutdown: return .shutdown
        }
        return nil
    }

    private func write(_ address: GuestAddress, _ width: AccessWidth, _ value: UInt64) -> VCPUExit? {
        writeRAM(address, width, value) ? nil : .mmioWrite(address: address, width: width, value: value)
    }

    private func writeRAM(_ address: GuestAddress, _ width: AccessWidth, _ value: UInt64) -> Bool {
        let bytes = (0..<width.bytes).map { UInt8(truncatingIfNeeded: value >> UInt64(8 * $0)) }
        guard (try? memory.copyIn(bytes, to: address)) != nil else { return false }
        noteWrite(address, UInt64(width.bytes))
        return true
    }

    private func readRAM(_ address: GuestAddress, _ width: AccessWidth) -> UInt64? {
        guard let bytes = try? memory.copyOut(address, count: width.bytes) else { return nil }
        return bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
}
