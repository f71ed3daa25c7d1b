import SoftwareCPU
import Testing
import VMMCore

/// SP alignment checking, which QEMU does not do. Source: Arm DDI 0487, D1.3.10.3.
@Suite struct StackAlignmentTests {
    private static let sa: UInt64 = 1 << 3
    private static let sa0: UInt64 = 1 << 4
    private static let ldr: UInt32 = 0xF940_03E0  // ldr x0, [sp]
    private static let accesses: [UInt32] = [
        ldr, 0xF900_03E0, 0xA940_0BE0, 0xA9BF_0BE0, 0xF840_87E0, 0xFD40_03E0, 0x4C00_73E0, 0xC85F_7FE0, 0xC8DF_FFE0,
        0xF820_03E0, 0xF861_6BE0, 0x3DC0_03E0,
    ]

    private func ends(_ code: [UInt32], sp: UInt64, control: UInt64, pstate: UInt64 = 0x3C5) throws -> (UInt64, UInt64)
    {
        let guest = try BareGuest(code + [0xD400_0001])
        guest.registers.sctlr_el1 |= control
        guest.registers.sp_el1 = sp
        guest.registers.sp_el0 = sp
        guest.registers.x[1] = 16
        guest.registers.pstate = pstate
        let end = try guest.runToException()
        return (end.esr_el1 >> 26, (end.elr_el1 - BareGuest.code) / 4)
    }

    @Test("each access by SP faults when it is misaligned and SA is set", arguments: accesses)
    func access(word: UInt32) throws {
        #expect(try ends([word], sp: 0x4003_0008, control: Self.sa) == (0x26, 0))
        #expect(try ends([word], sp: 0x4003_0010, control: Self.sa) == (0x15, 2))
        #expect(try ends([Self.ldr], sp: 0x4003_0008, control: Self.sa0) == (0x15, 2))
    }

    /// Code, SP, where it faults; nil: it does not.
    private static let sequences: [([UInt32], UInt64, UInt64?)] = [
        ([0xD100_23FF, ldr], 0, 1),  // sub sp, sp, #8
        ([0xD100_23FF, 0x9100_23FF, ldr], 0, nil),  // and back
        ([0xD100_43FF, ldr], 0, nil),  // sub sp, sp, #16
        ([0xD100_43FF, ldr], 8, 1),
        ([0x9100_03E9, 0x9100_2129, 0x9100_013F, ldr], 0, 3),  // mov x9, sp; add x9, x9, #8; mov sp, x9
        ([0x927C_EFFF, ldr], 8, nil),  // and sp, xzr, #~15
        ([0x8B21_63FF, ldr], 0, nil),  // add sp, sp, x1
        ([0x8B21_63FF, ldr], 8, 1),
        ([0xF81F_8FE0, ldr], 0, 1),  // str x0, [sp, #-8]!
        ([0xA9BF_0BE0, ldr], 0, nil),  // stp x0, x2, [sp, #-16]!
        ([0x29BF_0BE0, ldr], 0, 1),  // stp w0, w2, [sp, #-8]!
        ([0xF85F_83E0], 8, 0),  // ldur x0, [sp, #-8]: the base counts, not the address
        ([0xF980_03E0], 8, nil),  // prfm pldl1keep, [sp]
        ([0xD503_201F, 0x9100_03E0], 8, nil),  // mov x0, sp
        ([0x1400_0001, ldr], 8, 1),  // in another block
    ]

    @Test("what moves SP", arguments: sequences)
    func moves(code: [UInt32], low: UInt64, faultsAt: UInt64?) throws {
        var code = code
        if code.first == 0x927C_EFFF {
            // Leaves SP at 0: that address is no RAM, so the load must not happen.
            code = [0x927C_EFFF, 0xD503_201F]
        }
        let expected: (UInt64, UInt64) = faultsAt.map { (0x26, $0) } ?? (0x15, UInt64(code.count) + 1)
        #expect(try ends(code, sp: 0x4003_0000 + low, control: Self.sa) == expected)
    }

    @Test("SP_EL0 at EL1 goes by SA; setting SA takes effect at once")
    func control() throws {
        #expect(try ends([Self.ldr], sp: 0x4003_0008, control: Self.sa, pstate: 0x3C4) == (0x26, 0))
        #expect(try ends([Self.ldr], sp: 0x4003_0008, control: Self.sa0, pstate: 0x3C4) == (0x15, 2))
        // mrs x9, sctlr_el1; orr x9, x9, #8; msr sctlr_el1, x9; isb
        let code: [UInt32] = [0xD538_1009, 0xB27D_0129, 0xD518_1009, 0xD503_3FDF, Self.ldr]
        #expect(try ends(code, sp: 0x4003_0008, control: 0) == (0x26, 4))
    }

    @Test("EL0 goes by SA0", arguments: [sa, sa0])
    func user(control: UInt64) throws {
        let guest = try BareGuest([0xD69F_03E0])
        try guest.mapPage(0, to: 0x4003_0000, BareGuest.page | BareGuest.user)
        try guest.put([Self.ldr, 0xD400_0001], at: 0x4003_0000)
        guest.registers.sctlr_el1 |= control
        guest.registers.sp_el0 = BareGuest.paged + 0x808
        guest.registers.elr_el1 = BareGuest.paged
        guest.registers.spsr_el1 = 0
        #expect(try guest.runToException().esr_el1 >> 26 == (control == Self.sa0 ? 0x26 : 0x15))
    }

    @Test("an address that differs from a known one in its upper bits is not that one")
    func oddTargets() throws {
        // Each bit of 63:39 flipped, and the low two: the block at the target is known.
        for bit in Array(39..<64) + [0, 1] {
            // mov x20, #0; blr x1; mov x20, #1; br x2; f: ret
            let guest = try BareGuest([0xD280_0014, 0xD63F_0020, 0xD280_0034, 0xD61F_0040, 0xD65F_03C0])
            guest.registers.x[1] = BareGuest.code + 16
            guest.registers.x[2] = guest.registers.x[1] ^ 1 << UInt64(bit)
            let end = try guest.runToException()
            #expect(end.x[20] == 1)
            #expect(end.esr_el1 >> 26 == (bit < 2 ? 0x22 : 0x21), "bit \(bit)")
        }
    }
}
