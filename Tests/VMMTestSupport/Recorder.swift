internal import Synchronization

/// Collects values from handlers, in the order of their arrival. Threading: any thread.
package final class Recorder<Value: Sendable>: Sendable {
    private let state = Mutex<[Value]>([])

    package init() {}

    package func record(_ value: Value) { state.withLock { $0.append(value) } }

    package var values: [Value] { state.withLock { $0 } }
    package var count: Int { state.withLock { $0.count } }
}
