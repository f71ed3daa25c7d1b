internal import Synchronization
package import VMMCore

/// Arm semihosting for AArch64: a console, the time, the command line, and an end with an exit code.
///
/// The guest's parameter blocks are read once, into values. There are no host files: the names that open are `:tt`, the
/// console, and `:semihosting-features`; opening, removing and renaming others fails with EACCES. Output is limited to what
/// one call may print (a guest can map one page many times, and ask for 2^64 bytes).
/// Threading: any thread. Source: ARM-software/abi-aa, "Semihosting for AArch32 and AArch64", release 2024Q3.
package final class Semihosting: SemihostingHandler {
    /// What the guest may be told.
    package struct Facts: Sendable {
        /// For SYS_GET_CMDLINE.
        package var commandLine = ""
        /// For SYS_HEAPINFO: RAM that nothing was loaded into; its end is the stack's base.
        package var heap: GuestRange?

        package init() {}
    }

    /// Handles in use at once: keeps a guest that opens for ever from taking the host's memory.
    private static let handleLimit = 64
    /// Bytes of one call: keeps a call from lasting for ever.
    private static let transferLimit: UInt64 = 1 << 20
    /// Bytes copied at a time.
    private static let chunk = 4096

    private struct State {
        var files = SemihostingFiles(limit: Semihosting.handleLimit)
        var errno: SemihostingErrno = .none
        var hasExited = false
    }

    private let channel: any CharacterChannel
    private let machine: any MachineControl
    private let clock: any Clock
    private let start: Nanoseconds
    private let facts: Facts
    private let state = Mutex(State())

    package init(channel: any CharacterChannel, machine: any MachineControl, clock: any Clock, facts: Facts) {
        self.channel = channel
        self.machine = machine
        self.clock = clock
        self.facts = facts
        start = clock.now
    }

    package func call(_ number: UInt32, parameter: UInt64, memory: any GuestVirtualMemory) -> SemihostingResult {
        // What comes after the end does not happen.
        if state.withLock({ $0.hasExited }) { return .wait }
        guard let operation = SemihostingOperation(rawValue: number) else { return fail(.notImplemented) }
        var words: [UInt64] = []
        for index in 0..<operation.parameterCount {
            guard let word = memory.readWord(parameter &+ UInt64(index) * 8) else { return fail(.badAddress) }
            words.append(word)
        }
        return perform(operation, SemihostingParameters(words), parameter, memory)
    }

    private func perform(
        _ operation: SemihostingOperation, _ block: SemihostingParameters, _ parameter: UInt64,
        _ memory: any GuestVirtualMemory
    ) -> SemihostingResult {
        switch operation {
        case .open: return open(block, memory)
        case .close: return answer(state.withLock { $0.files.close(block[0]) })
        case .writeCharacter:
            guard let byte = memory.read(parameter, count: 1) else { return fail(.badAddress) }
            channel.write(byte[0])
            return .done(0)
        case .writeString: return writeString(parameter, memory)
        case .write: return write(block, memory)
        case .read: return read(block, memory)
        case .readCharacter:
            guard let byte = channel.read() else { return .wait }
            return .done(UInt64(byte))
        case .isError: return .done(block[0] >> 63)
        case .isTerminal:
            return answer(state.withLock { $0.files.file(block[0]) }.map { $0.isConsole ? 1 : 0 })
        case .seek: return answer(state.withLock { $0.files.seek(block[0], to: block[1]) })
        case .length: return answer(state.withLock { $0.files.length(block[0]) })
        case .temporaryName, .remove, .rename, .system: return fail(.notPermitted)
        case .clock: return .done((clock.now - start).rawValue / 10_000_000)
        case .time: return .done(clock.realTime.rawValue / 1_000_000_000)
        case .errno: return .done(state.withLock { $0.errno.rawValue })
        case .commandLine: return commandLine(block, parameter, memory)
        case .heapInformation: return heapInformation(block, memory)
        case .exit, .exitExtended: return exit(block)
        case .elapsed:
            guard memory.writeWord((clock.now - start).rawValue, at: parameter) else { return fail(.badAddress) }
            return .done(0)
        case .tickFrequency: return .done(1_000_000_000)
        }
    }

    // MARK: Results

    private func fail(_ errno: SemihostingErrno) -> SemihostingResult {
        state.withLock { $0.errno = errno }
        return .done(~0)
    }

    private func answer(_ result: Result<UInt64, SemihostingErrno>) -> SemihostingResult {
        switch result {
        case .success(let value): .done(value)
        case .failure(let errno): fail(errno)
        }
    }

    // MARK: Files and the console

    private func open(_ block: SemihostingParameters, _ memory: any GuestVirtualMemory) -> SemihostingResult {
        guard block[1] < 12 else { return fail(.invalid) }
        guard block[2] <= UInt64(Self.chunk) else { return fail(.nameTooLong) }
        guard let name = memory.read(block[0], count: Int(block[2])) else { return fail(.badAddress) }
        return answer(state.withLock { $0.files.open(name, mode: block[1]) })
    }

    private func writeString(_ start: UInt64, _ memory: any GuestVirtualMemory) -> SemihostingResult {
        for offset in 0..<Self.transferLimit {
            guard let byte = memory.read(start &+ offset, count: 1) else { return fail(.badAddress) }
            guard byte[0] != 0 else { break }
            channel.write(byte[0])
        }
        return .done(0)
    }

    /// Gives the number of bytes that were not written.
    private func write(_ block: SemihostingParameters, _ memory: any GuestVirtualMemory) -> SemihostingResult {
        let size = block[2]
        switch state.withLock({ $0.files.file(block[0]) }) {
        case .failure(let errno): return notTransferred(size, errno)
        case .success(let file) where !file.isWritable: return notTransferred(size, .badHandle)
        case .success: break
        }
        var done: UInt64 = 0
        while done < min(size, Self.transferLimit) {
            let count = min(min(size, Self.transferLimit) - done, UInt64(Self.chunk))
            guard let bytes = memory.read(block[1] &+ done, count: Int(count)) else {
                return notTransferred(size - done, .badAddress)
            }
            for byte in bytes { channel.write(byte) }
            done += count
        }
        return .done(size - done)
    }

    /// Gives the number of bytes that were not read: all of them at the end. From the console what there is, at least a byte.
    private func read(_ block: SemihostingParameters, _ memory: any GuestVirtualMemory) -> SemihostingResult {
        let size = block[2]
        let bytes: [UInt8]
        switch state.withLock({ $0.files.file(block[0]) }) {
        case .failure(let errno): return notTransferred(size, errno)
        case .success(.features):
            bytes = state.withLock { $0.files.readFeatures(block[0], size) }
        case .success(let file):
            guard file.isReadable else { return notTransferred(size, .badHandle) }
            guard size > 0 else { return .done(0) }
            // Nothing is taken from the console that the guest has no room for.
            guard let room = memory.read(block[1], count: 1), memory.write(room, at: block[1]) else {
                return notTransferred(size, .badAddress)
            }
            var taken: [UInt8] = []
            while taken.count < min(size, UInt64(Self.chunk)), let byte = channel.read() { taken.append(byte) }
            if taken.isEmpty { return .wait }
            bytes = taken
        }
        guard memory.write(bytes, at: block[1]) else { return notTransferred(size, .badAddress) }
        return .done(size - UInt64(bytes.count))
    }

    private func notTransferred(_ size: UInt64, _ errno: SemihostingErrno) -> SemihostingResult {
        state.withLock { $0.errno = errno }
        return .done(size)
    }

    // MARK: About the program

    private func commandLine(
        _ block: SemihostingParameters, _ parameter: UInt64, _ memory: any GuestVirtualMemory
    ) -> SemihostingResult {
        let text = Array(facts.commandLine.utf8)
        guard UInt64(text.count) < block[1] else { return fail(.nameTooLong) }
        guard memory.write(text + [0], at: block[0]), memory.writeWord(UInt64(text.count), at: parameter &+ 8) else {
            return fail(.badAddress)
        }
        return .done(0)
    }

    /// Heap base and limit, stack base and limit; zero means unknown.
    private func heapInformation(_ block: SemihostingParameters, _ memory: any GuestVirtualMemory) -> SemihostingResult
    {
        let (start, end) = (facts.heap?.start.rawValue ?? 0, facts.heap?.end.rawValue ?? 0)
        for (index, value) in [start, end, end, start].enumerated() {
            guard memory.writeWord(value, at: block[0] &+ UInt64(index) * 8) else { return fail(.badAddress) }
        }
        return .done(0)
    }

    /// ADP_Stopped_ApplicationExit with a status; other reasons are failures.
    private func exit(_ block: SemihostingParameters) -> SemihostingResult {
        let applicationExit: UInt64 = 0x20026
        let code = block[0] == applicationExit ? UInt8(truncatingIfNeeded: block[1]) : 1
        let isFirst = state.withLock { state in
            defer { state.hasExited = true }
            return !state.hasExited
        }
        if isFirst { machine.request(.debugExit(code: code)) }
        return .wait
    }
}
