/// A port device whose registers are all 8 bits wide, as ISA devices are.
///
/// A wider access becomes one byte access a port, ascending, as the ISA bus makes it of a 16- or 32-bit cycle to an
/// 8-bit card. Ports behind the last read as 0xFF and ignore writes.
package protocol ByteRegisterPortDevice: PortDevice {
    /// Reads the register at `offset` (below `portCount`).
    func readByte(at offset: UInt16) -> UInt8

    /// Writes the register at `offset` (below `portCount`).
    func writeByte(_ value: UInt8, at offset: UInt16)
}

extension ByteRegisterPortDevice {
    package func read(at offset: UInt16, width: AccessWidth) -> UInt32 {
        var value: UInt32 = 0
        for lane in 0..<UInt16(min(width.bytes, 4)) {
            value |= UInt32(port(offset, lane).map(readByte(at:)) ?? 0xFF) << UInt32(lane * 8)
        }
        return value
    }

    package func write(_ value: UInt32, at offset: UInt16, width: AccessWidth) {
        for lane in 0..<UInt16(min(width.bytes, 4)) {
            guard let port = port(offset, lane) else { return }
            writeByte(UInt8(truncatingIfNeeded: value >> UInt32(lane * 8)), at: port)
        }
    }

    /// The offset of a byte lane, or nil when it is behind the last port.
    private func port(_ offset: UInt16, _ lane: UInt16) -> UInt16? {
        let (port, overflow) = offset.addingReportingOverflow(lane)
        return !overflow && port < portCount ? port : nil
    }
}
