/// The arm64 registers that boot protocols set and reports print, by their architectural names.
/// Source: Arm DDI 0487, B1.2 (general), C5.2 (special-purpose), D23.2 (system).
package struct ARM64Registers: Hashable, Sendable {
    /// x0 to x30.
    package var x = InlineRegisters()
    package var sp_el0: UInt64 = 0
    package var sp_el1: UInt64 = 0
    package var pc: UInt64 = 0
    /// As in SPSR_EL1: NZCV 31:28, PAN 22, SS 21, IL 20, DAIF 9:6, M 4:0. After reset: EL1h, all masked.
    package var pstate: UInt64 = 0x3C5

    package var sctlr_el1: UInt64 = 0
    package var tcr_el1: UInt64 = 0
    package var ttbr0_el1: UInt64 = 0
    package var ttbr1_el1: UInt64 = 0
    package var mair_el1: UInt64 = 0
    package var vbar_el1: UInt64 = 0
    package var elr_el1: UInt64 = 0
    package var spsr_el1: UInt64 = 0
    package var esr_el1: UInt64 = 0
    package var far_el1: UInt64 = 0
    package var cpacr_el1: UInt64 = 0
    package var tpidr_el0: UInt64 = 0
    package var tpidrro_el0: UInt64 = 0
    package var tpidr_el1: UInt64 = 0

    /// v0 to v31.
    package var v = InlineVectors()
    package var fpsr: UInt32 = 0
    package var fpcr: UInt32 = 0

    package init() {}

    /// The stack pointer that PSTATE selects.
    package var sp: UInt64 { pstate & 1 == 0 ? sp_el0 : sp_el1 }
    /// The exception level, 0 or 1.
    package var exceptionLevel: UInt8 { UInt8(pstate >> 2 & 3) }

    /// The 31 general-purpose registers, held inline.
    package struct InlineRegisters: Hashable, Sendable {
        private var values = InlineArray<31, UInt64>(repeating: 0)

        package init() {}

        /// Register `index`; 31 and above read as zero and ignore writes.
        package subscript(_ index: Int) -> UInt64 {
            get { values.indices.contains(index) ? values[index] : 0 }
            set { if values.indices.contains(index) { values[index] = newValue } }
        }

        package static var count: Int { 31 }

        package static func == (left: Self, right: Self) -> Bool {
            left.values.indices.allSatisfy { left.values[$0] == right.values[$0] }
        }

        package func hash(into hasher: inout Hasher) {
            for index in values.indices { hasher.combine(values[index]) }
        }
    }

    /// The 32 vector registers, held inline.
    package struct InlineVectors: Hashable, Sendable {
        private var values = InlineArray<32, UInt128>(repeating: 0)

        package init() {}

        /// Register `index`; 32 and above read as zero and ignore writes.
        package subscript(_ index: Int) -> UInt128 {
            get { values.indices.contains(index) ? values[index] : 0 }
            set { if values.indices.contains(index) { values[index] = newValue } }
        }

        package static func == (left: Self, right: Self) -> Bool {
            left.values.indices.allSatisfy { left.values[$0] == right.values[$0] }
        }

        package func hash(into hasher: inout Hasher) {
            for index in values.indices { hasher.combine(values[index]) }
        }
    }
}
