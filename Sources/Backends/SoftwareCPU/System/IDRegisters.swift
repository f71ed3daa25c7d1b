internal import VMMCore

/// What this CPU says that it is: exactly what is there, so that no guest uses more. Source: Arm DDI 0487, D23.2.
struct IDRegisters: Sendable {
    /// GICv3's system registers are there: a device answers for them.
    var hasGICSystemRegisters: Bool
    let index: VCPUIndex

    /// Affinity of a CPU: 16 CPUs a cluster, as GICv3's SGIs reach with one target list.
    static func affinity(of index: VCPUIndex) -> UInt64 {
        let number = UInt64(index.rawValue)
        return (number >> 4 & 0xFF) << 8 | number & 15
    }

    /// Bits 31 (RES1) and the affinity.
    var mpidr: UInt64 { 1 << 31 | Self.affinity(of: index) }

    /// Implementer 0 (reserved for software), architecture by ID registers, part 0x537.
    static let midr: UInt64 = 0x000F_5370
    /// 64-byte lines, PIPT; IDC: no clean to the point of unification is needed; DIC not: IC IVAU is.
    static let ctr: UInt64 = 1 << 31 | 1 << 28 | 4 << 24 | 4 << 20 | 4 << 16 | 3 << 14 | 4
    /// DC ZVA zeroes 64 bytes.
    static let dczid: UInt64 = 4
    static let zeroBlockSize: UInt64 = 64
    /// PARange 2: 40 bits.
    static let physicalAddressBits: UInt64 = 40

    /// The registers of op0 3, op1 0, CRn 0. The whole space CRm 1 to 7 is there; what has no name reads as zero.
    func value(_ register: SystemRegister) -> UInt64? {
        guard register.op0 == 3, register.op1 == 0, register.crn == 0 else { return nil }
        switch (register.crm, register.op2) {
        case (0, 0): return Self.midr
        case (0, 5): return mpidr
        case (0, 6): return 0
        case (0, _): return nil
        // ID_AA64PFR0_EL1: EL0 and EL1 in AArch64 only, FP and Advanced SIMD, GIC; CSV2, CSV3: no speculation leaks.
        case (4, 0): return 1 << 60 | 1 << 56 | (hasGICSystemRegisters ? 1 << 24 : 0) | 1 << 4 | 1
        // ID_AA64DFR0_EL1: Armv8 debug, 2 breakpoints, 2 watchpoints, no PMU.
        case (5, 0): return 1 << 20 | 1 << 12 | 6
        // ID_AA64ISAR0_EL1: Atomic (LSE), CRC32, SHA2, SHA1, AES with PMULL.
        case (6, 0): return 2 << 20 | 1 << 16 | 1 << 12 | 1 << 8 | 2 << 4
        // ID_AA64MMFR0_EL1: 40 bits, 16-bit ASIDs, granules of 4, 16 and 64 KiB.
        case (7, 0): return 1 << 20 | 2 << 4 | 2
        // ID_AA64MMFR1_EL1: PAN.
        case (7, 1): return 1 << 20
        case (1...7, _): return 0
        default: return nil
        }
    }
}
