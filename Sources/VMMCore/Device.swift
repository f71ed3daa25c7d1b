/// A device behind a window of memory-mapped registers. It sees offsets into its window, never its base address.
///
/// Called on vCPU threads, on several at once: an implementation keeps its state behind a `Mutex` and applies effects
/// (interrupt lines, output) outside the lock. A guest can send any offset, width and value: nothing may trap.
@usableFromInline
package protocol MMIODevice: AnyObject, Sendable {
    /// Size of the register window, in bytes.
    var windowSize: UInt64 { get }

    /// Reads `width` bytes at `offset` (below `windowSize`); the value's upper bits are ignored.
    func read(at offset: UInt64, width: AccessWidth) -> UInt64

    /// Writes the low `width` bytes of `value` at `offset` (below `windowSize`); the upper bits are zero.
    func write(_ value: UInt64, at offset: UInt64, width: AccessWidth)
}

/// A device behind a range of x86 I/O ports. The same rules as for `MMIODevice`; offsets count from its first port.
@usableFromInline
package protocol PortDevice: AnyObject, Sendable {
    /// The number of consecutive ports, at least 1.
    var portCount: UInt16 { get }

    /// Reads `width` (byte, halfword or word) at `offset` (below `portCount`).
    func read(at offset: UInt16, width: AccessWidth) -> UInt32

    /// Writes `width` (byte, halfword or word) at `offset` (below `portCount`); the upper bits of `value` are zero.
    func write(_ value: UInt32, at offset: UInt16, width: AccessWidth)
}
