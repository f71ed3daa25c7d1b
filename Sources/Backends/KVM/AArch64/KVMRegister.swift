#if arch(arm64)
    internal import KVMBridge
    internal import VMMCore

    /// A register by the identifier that KVM_GET_ONE_REG and KVM_SET_ONE_REG know it by. All of these have 64 bits.
    /// Source: Linux api.rst 4.68 "KVM_SET_ONE_REG", arm64.
    struct KVMRegister: Hashable, Sendable {
        let identifier: UInt64

        /// KVM_REG_ARM64 | KVM_REG_SIZE_U64.
        private static let base: UInt64 = 0x6030_0000_0000_0000

        /// A core register by its position in `struct kvm_regs`, which is counted in 32-bit words.
        private init(coreDoubleword index: UInt64) {
            identifier = Self.base | 0x0010 << 16 | index * 2
        }

        /// A system register by the fields of its MRS encoding.
        private init(_ op0: UInt64, _ op1: UInt64, _ crn: UInt64, _ crm: UInt64, _ op2: UInt64) {
            identifier = Self.base | 0x0013 << 16 | op0 << 14 | op1 << 11 | crn << 7 | crm << 3 | op2
        }

        static func x(_ index: Int) -> KVMRegister { KVMRegister(coreDoubleword: UInt64(index)) }
        static let sp_el0 = KVMRegister(coreDoubleword: 31)
        static let pc = KVMRegister(coreDoubleword: 32)
        static let pstate = KVMRegister(coreDoubleword: 33)
        static let sp_el1 = KVMRegister(coreDoubleword: 34)
        static let elr_el1 = KVMRegister(coreDoubleword: 35)
        static let spsr_el1 = KVMRegister(coreDoubleword: 36)

        // Source of the encodings: Arm DDI 0487, D23.2, each register's "Accessing".
        static let sctlr_el1 = KVMRegister(3, 0, 1, 0, 0)
        static let cpacr_el1 = KVMRegister(3, 0, 1, 0, 2)
        static let ttbr0_el1 = KVMRegister(3, 0, 2, 0, 0)
        static let ttbr1_el1 = KVMRegister(3, 0, 2, 0, 1)
        static let tcr_el1 = KVMRegister(3, 0, 2, 0, 2)
        static let esr_el1 = KVMRegister(3, 0, 5, 2, 0)
        static let far_el1 = KVMRegister(3, 0, 6, 0, 0)
        static let mair_el1 = KVMRegister(3, 0, 10, 2, 0)
        static let vbar_el1 = KVMRegister(3, 0, 12, 0, 0)
        static let tpidr_el1 = KVMRegister(3, 0, 13, 0, 4)
        static let tpidr_el0 = KVMRegister(3, 3, 13, 0, 2)
        /// Not by its encoding: KVM has CNTVCT_EL0 and CNTV_CVAL_EL0 the other way round. Source: Linux uapi/asm/kvm.h, KVM_REG_ARM_TIMER_CNT.
        static let cntvct_el0 = KVMRegister(3, 3, 14, 3, 2)
        static let pmcr_el0 = KVMRegister(3, 3, 9, 12, 0)
        static let tpidrro_el0 = KVMRegister(3, 3, 13, 0, 3)

        /// All but x0 to x30, with their place in `ARM64Registers`.
        static func named() -> [(KVMRegister, WritableKeyPath<ARM64Registers, UInt64>)] {
            [
                (.sp_el0, \.sp_el0), (.sp_el1, \.sp_el1), (.pc, \.pc), (.pstate, \.pstate),
                (.elr_el1, \.elr_el1), (.spsr_el1, \.spsr_el1),
                (.sctlr_el1, \.sctlr_el1), (.tcr_el1, \.tcr_el1), (.ttbr0_el1, \.ttbr0_el1), (.ttbr1_el1, \.ttbr1_el1),
                (.mair_el1, \.mair_el1), (.vbar_el1, \.vbar_el1), (.esr_el1, \.esr_el1), (.far_el1, \.far_el1),
                (.cpacr_el1, \.cpacr_el1), (.tpidr_el0, \.tpidr_el0), (.tpidrro_el0, \.tpidrro_el0),
                (.tpidr_el1, \.tpidr_el1),
            ]
        }
    }
#endif
