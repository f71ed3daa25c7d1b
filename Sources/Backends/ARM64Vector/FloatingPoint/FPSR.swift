/// FPSR: Floating-point Status Register. 64-bit register with RES0 upper half, RW. All bits are cumulative.
///
/// N, Z, C, V (bits 31:28) belong to AArch32 and are RES0.
/// Source: DDI 0487 §C5.2.8.
package struct FPSR: RawRepresentable, Equatable, Hashable, Sendable {
    package var rawValue: UInt32
    @inlinable package init(rawValue: UInt32) { self.rawValue = rawValue }

    /// The bits a write keeps.
    package static let writable: UInt32 = 0x0800_009F

    /// Bit 27. An Advanced SIMD integer operation saturated.
    package var QC: Bool {
        get { self[27] }
        set { self[27] = newValue }
    }
    /// Bit 7. Input denormal: an input was flushed to zero.
    package var IDC: Bool {
        get { self[7] }
        set { self[7] = newValue }
    }
    /// Bit 4. Inexact.
    package var IXC: Bool {
        get { self[4] }
        set { self[4] = newValue }
    }
    /// Bit 3. Underflow.
    package var UFC: Bool {
        get { self[3] }
        set { self[3] = newValue }
    }
    /// Bit 2. Overflow.
    package var OFC: Bool {
        get { self[2] }
        set { self[2] = newValue }
    }
    /// Bit 1. Division by zero.
    package var DZC: Bool {
        get { self[1] }
        set { self[1] = newValue }
    }
    /// Bit 0. Invalid operation.
    package var IOC: Bool {
        get { self[0] }
        set { self[0] = newValue }
    }

    @inline(__always) private subscript(bit: UInt32) -> Bool {
        get { rawValue & 1 << bit != 0 }
        set { if newValue { rawValue |= 1 << bit } else { rawValue &= ~(1 << bit) } }
    }
}
