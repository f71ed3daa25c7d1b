internal import Synchronization
package import VMMCore

/// A backend whose CPUs interpret `ScriptedInstruction`s: the contract's second user, without hardware and without time.
package final class ScriptedMachine: VirtualMachine, DirtyLogging {
    package typealias CPU = ScriptedCPU
    package typealias Failure = ScriptedError

    private struct State {
        var memory: GuestMemory?
        var cpus: [ScriptedCPU] = []
        var logsWrites = false
        var dirty: Set<UInt64> = []
    }

    private let state = Mutex(State())

    package init() {}

    package func map(_ memory: GuestMemory) throws(ScriptedError) {
        let isFirst = state.withLock { state in
            guard state.memory == nil else { return false }
            state.memory = memory
            return true
        }
        guard isFirst else { throw .memoryMappedTwice }
    }

    package func makeVCPU(_ index: VCPUIndex) throws(ScriptedError) -> ScriptedCPU {
        let cpu: ScriptedCPU? = state.withLock { state in
            guard let memory = state.memory, index.rawValue == state.cpus.count else { return nil }
            let cpu = ScriptedCPU(
                memory: memory, startsAtOnce: index.rawValue == 0,
                noteWrite: { [weak self] in self?.noteWrite($0, $1) },
                start: { [weak self] in self?.startProcessor($0, at: $1) })
            state.cpus.append(cpu)
            return cpu
        }
        guard let cpu else { throw .vcpuOutOfOrder }
        return cpu
    }

    private func startProcessor(_ index: VCPUIndex, at entry: GuestAddress) {
        let cpu = state.withLock { state in
            state.cpus.indices.contains(index.rawValue) ? state.cpus[index.rawValue] : nil
        }
        cpu?.start(at: entry)
    }

    private func noteWrite(_ address: GuestAddress, _ count: UInt64) {
        state.withLock { state in
            guard state.logsWrites, count > 0, let last = address.advanced(by: count - 1) else { return }
            for page in (address.rawValue / 4096)...(last.rawValue / 4096) { state.dirty.insert(page * 4096) }
        }
    }

    package func startDirtyLog() throws(ScriptedError) {
        state.withLock {
            $0.logsWrites = true
            $0.dirty = []
        }
    }

    package func collectDirtyPages() throws(ScriptedError) -> [GuestAddress] {
        state.withLock { state in
            defer { state.dirty = [] }
            return state.dirty.sorted().map { GuestAddress($0) }
        }
    }

    package func stopDirtyLog() throws(ScriptedError) { state.withLock { $0.logsWrites = false } }
}

package enum ScriptedError: Error, Hashable, Sendable {
    case memoryMappedTwice
    case vcpuOutOfOrder
}
