import VMMCore

/// What arm64 backends have in common: the MMU is off, addresses are physical.
enum ARM64Contract {
    static func bootRegisters(entry: GuestAddress, reset: ARM64Registers) -> ARM64Registers {
        var registers = reset
        registers.pc = entry.rawValue
        return registers
    }

    static func changed(_ registers: ARM64Registers) -> ARM64Registers {
        var changed = registers
        for number in 0..<31 { changed.x[number] = 0x1111_0000_0000_0000 | UInt64(number) }
        changed.sp_el0 = 0x7000
        changed.sp_el1 = 0xFFFF_0000_0000_6000
        changed.pc = 0xFFFF_8000_0000_0004
        // EL0, N and C, everything unmasked, PAN.
        changed.pstate = 0xA040_0000
        changed.sctlr_el1 |= 0x1005
        changed.tcr_el1 = 25 | 1 << 8 | 2 << 32
        changed.ttbr0_el1 = 0x1_0000
        changed.ttbr1_el1 = 0x2_0000
        changed.mair_el1 = 0xFF04
        changed.vbar_el1 = 0xFFFF_8000_0000_0800
        changed.elr_el1 = 0x1234
        changed.spsr_el1 = 0x3C5
        changed.esr_el1 = 0x5600_0000
        changed.far_el1 = 0xDEAD_BEEF
        changed.cpacr_el1 = 3 << 20
        changed.tpidr_el0 = 1
        changed.tpidrro_el0 = 2
        changed.tpidr_el1 = 3
        return changed
    }
}
