internal import VMMCore

/// What a queue of a network device has done, in all its lives.
struct NetworkQueueCounts: Hashable {
    var frames: UInt64 = 0
    /// Of frames, without their offload headers.
    var bytes: UInt64 = 0
    /// Frames that nobody got.
    var drops: UInt64 = 0
    /// How often a frame had to wait for the other side.
    var waits: UInt64 = 0

    mutating func add(_ other: NetworkQueueCounts) {
        frames &+= other.frames
        bytes &+= other.bytes
        drops &+= other.drops
        waits &+= other.waits
    }

    /// `direction`: what the counters of frames have in their names.
    func counters(_ direction: String) -> [DeviceCounter] {
        [
            DeviceCounter("frames\(direction)", frames), DeviceCounter("bytes\(direction)", bytes),
            DeviceCounter("drops\(direction)", drops), DeviceCounter("waits\(direction)", waits),
        ]
    }
}
