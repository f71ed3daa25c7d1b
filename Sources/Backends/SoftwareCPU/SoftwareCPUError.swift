package import VMMCore

/// What can go wrong on the host's side, or in the use of the backend.
package enum SoftwareCPUError: Error, Hashable, Sendable {
    case hostRefusedMemory(byteCount: Int, errno: Int32)
    case memoryMappedTwice
    /// A vCPU was asked for before `map(_:)`.
    case memoryNotMapped
    case tooManyVCPUs(limit: Int)
    case vcpuOutOfOrder(VCPUIndex, expected: VCPUIndex)
}
