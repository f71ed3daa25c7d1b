internal import ARM64Vector
internal import VMMCore

extension Core {
    /// The registers by their architectural names.
    var registers: ARM64Registers {
        get {
            let s = state
            var result = ARM64Registers()
            for number in 0..<31 { result.x[number] = s.x(UInt8(number)) }
            let current = s.x(StateLayout.spSlot)
            result.sp_el0 = s.spsel == 0 ? current : s.word(StateLayout.bankedSP0)
            result.sp_el1 = s.spsel != 0 ? current : s.word(StateLayout.bankedSP1)
            result.pc = s.pc
            result.pstate = processState
            result.sctlr_el1 = s.system(.sctlr)
            result.tcr_el1 = s.system(.tcr)
            result.ttbr0_el1 = s.system(.ttbr0)
            result.ttbr1_el1 = s.system(.ttbr1)
            result.mair_el1 = s.system(.mair)
            result.vbar_el1 = s.system(.vbar)
            result.elr_el1 = s.system(.elr)
            result.spsr_el1 = s.system(.spsr)
            result.esr_el1 = s.system(.esr)
            result.far_el1 = s.system(.far)
            result.cpacr_el1 = s.system(.cpacr)
            result.tpidr_el0 = s.system(.tpidrEL0)
            result.tpidrro_el0 = s.system(.tpidrroEL0)
            result.tpidr_el1 = s.system(.tpidrEL1)
            for number in UInt8(0)..<32 {
                result.v[Int(number)] = UInt128(s.vectorHigh(number)) << 64 | UInt128(s.vectorLow(number))
            }
            result.fpsr = UInt32(truncatingIfNeeded: s.system(.fpsr))
            result.fpcr = UInt32(truncatingIfNeeded: s.system(.fpcr))
            return result
        }
        set {
            let s = state
            for number in 0..<31 { s.setX(UInt8(number), newValue.x[number]) }
            s.setWord(StateLayout.bankedSP0, newValue.sp_el0)
            s.setWord(StateLayout.bankedSP1, newValue.sp_el1)
            s.setX(StateLayout.spSlot, s.spsel != 0 ? newValue.sp_el1 : newValue.sp_el0)
            s.pc = newValue.pc
            s.setSystem(.sctlr, newValue.sctlr_el1 & SCTLR.writable | SCTLR.res1)
            s.setSystem(.tcr, newValue.tcr_el1)
            s.setSystem(.ttbr0, newValue.ttbr0_el1)
            s.setSystem(.ttbr1, newValue.ttbr1_el1)
            s.setSystem(.mair, newValue.mair_el1)
            s.setSystem(.vbar, newValue.vbar_el1 & ~0x7FF)
            s.setSystem(.elr, newValue.elr_el1)
            s.setSystem(.spsr, newValue.spsr_el1)
            s.setSystem(.esr, newValue.esr_el1)
            s.setSystem(.far, newValue.far_el1)
            s.setSystem(.cpacr, newValue.cpacr_el1 & 3 << 20)
            s.setSystem(.tpidrEL0, newValue.tpidr_el0)
            s.setSystem(.tpidrroEL0, newValue.tpidrro_el0)
            s.setSystem(.tpidrEL1, newValue.tpidr_el1)
            for number in UInt8(0)..<32 {
                let value = newValue.v[Int(number)]
                s.setVector(number, UInt64(truncatingIfNeeded: value), UInt64(truncatingIfNeeded: value >> 64))
            }
            s.setSystem(.fpsr, UInt64(newValue.fpsr & FPSR.writable))
            s.setSystem(.fpcr, UInt64(newValue.fpcr & FPCR.writable))
            flushTranslations()
            processState = newValue.pstate
            noticeInterrupts()
        }
    }
}
