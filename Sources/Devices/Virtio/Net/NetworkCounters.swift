/// What one queue has moved. `bytes`: of frames, without their offload headers.
struct NetworkCounters: Hashable, Sendable {
    var frames: UInt64 = 0
    var bytes: UInt64 = 0
    var drops: UInt64 = 0
}
