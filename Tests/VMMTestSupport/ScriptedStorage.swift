internal import Synchronization
package import VMMCore

/// A disk's storage in memory that completes requests at once, or keeps them until a test completes them.
package final class ScriptedStorage: BlockBackend {
    private struct Held: Sendable {
        let request: BlockRequest
        let client: any BlockClient
    }

    private struct State {
        var bytes: [UInt8]
        var held: [Held] = []
        var keeps = false
        var result = BlockResult.done
        var commits = 0
    }

    package let properties: BlockProperties
    /// Operations with their positions, in the order of submission.
    package let seen = Recorder<BlockRequest>()
    private let state: Mutex<State>

    /// - Parameter claimed: the capacity in sectors, when the test does not use all of it.
    package init(
        sectors: Int = 64, claimed: Int? = nil, isReadOnly: Bool = false, logicalBlockSize: UInt32 = 512,
        physicalBlockSize: UInt32 = 4096
    ) {
        properties = BlockProperties(
            capacity: UInt64(claimed ?? sectors) * 512, logicalBlockSize: logicalBlockSize,
            physicalBlockSize: physicalBlockSize, isReadOnly: isReadOnly)
        state = Mutex(State(bytes: (0..<sectors * 512).map { UInt8(truncatingIfNeeded: $0 / 512 &+ $0) }))
    }

    package var bytes: [UInt8] { state.withLock { $0.bytes } }
    package var heldCount: Int { state.withLock { $0.held.count } }
    package var commits: Int { state.withLock { $0.commits } }

    /// From now on, what requests end with.
    package func answer(_ result: BlockResult) { state.withLock { $0.result = result } }

    /// From now on, requests wait for `completeHeld`.
    package func keep(_ keeps: Bool = true) { state.withLock { $0.keeps = keeps } }

    /// Completes what waits, the latest first. Gives how many.
    @discardableResult
    package func completeHeld(as result: BlockResult? = nil) -> Int {
        let held = state.withLock { state in
            defer { state.held = [] }
            return state.held
        }
        for one in held.reversed() { finish(one.request, one.client, result) }
        return held.count
    }

    package func submit(_ request: consuming BlockRequest, for client: any BlockClient) {
        let request = request
        seen.record(request)
        let isKept = state.withLock { state in
            if state.keeps { state.held.append(Held(request: request, client: client)) }
            return state.keeps
        }
        if !isKept { finish(request, client, nil) }
    }

    package func commit() { state.withLock { $0.commits += 1 } }

    package func drain(_ client: any BlockClient) {
        let held = state.withLock { state in
            defer { state.held.removeAll { $0.client === client } }
            return state.held.filter { $0.client === client }
        }
        for one in held { one.client.completed(one.request, .abandoned) }
    }

    private func finish(_ request: BlockRequest, _ client: any BlockClient, _ wanted: BlockResult?) {
        let result = state.withLock { state in
            let result = wanted ?? state.result
            if result == .done { Self.perform(request, client.memory, &state.bytes) }
            return result
        }
        client.completed(request, result)
    }

    private static func perform(_ request: BlockRequest, _ memory: GuestMemory, _ bytes: inout [UInt8]) {
        var position = Int(request.offset)
        switch request.operation {
        case .read:
            for buffer in request.buffers {
                try? memory.copyIn(bytes, at: position..<position + Int(buffer.length), to: buffer.address)
                position += Int(buffer.length)
            }
        case .write:
            for buffer in request.buffers {
                try? memory.copyOut(buffer.address, into: &bytes, at: position..<position + Int(buffer.length))
                position += Int(buffer.length)
            }
        case .discard, .writeZeroes:
            for index in position..<position + Int(request.length) { bytes[index] = 0 }
        case .flush: break
        }
    }
}
