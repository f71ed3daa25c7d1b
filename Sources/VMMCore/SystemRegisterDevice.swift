/// An A64 system register by its encoding. Source: Arm DDI 0487, C5.1.2.
///
/// The raw value is op0:op1:CRn:CRm:op2 (2, 3, 4, 4 and 3 bits): bits 20:5 of the MRS and MSR instructions.
package struct SystemRegister: RawRepresentable, Hashable, Sendable {
    package let rawValue: UInt16

    @inlinable
    package init(rawValue: UInt16) { self.rawValue = rawValue }

    /// By its numbers, as in the generic name `S<op0>_<op1>_C<crn>_C<crm>_<op2>`.
    @inlinable
    package init(_ op0: UInt16, _ op1: UInt16, _ crn: UInt16, _ crm: UInt16, _ op2: UInt16) {
        rawValue = (op0 & 3) << 14 | (op1 & 7) << 11 | (crn & 15) << 7 | (crm & 15) << 3 | op2 & 7
    }
}

/// A device that a CPU reaches by MRS and MSR: GICv3's CPU interface, the generic timer's compare registers.
///
/// Called on vCPU threads, on several at once, without a lock held; it may set interrupt lines of the calling CPU. A guest
/// can send any value: nothing may trap.
package protocol SystemRegisterDevice: AnyObject, Sendable {
    /// Reads `register` as seen by CPU `cpu` at exception level `level` (0 or 1). Nil: the CPU takes an Undefined exception.
    func readSystemRegister(_ register: SystemRegister, on cpu: VCPUIndex, level: UInt8) -> UInt64?

    /// Writes `register`. False: the CPU takes an Undefined exception.
    func writeSystemRegister(_ value: UInt64, to register: SystemRegister, on cpu: VCPUIndex, level: UInt8) -> Bool
}
