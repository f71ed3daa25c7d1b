import SoftwareCPU
import Testing
import VMMCore

/// The guest's own breakpoints, watchpoints and software step. Source: Arm DDI 0487, D2.
@Suite struct SelfHostedDebugTests {
    private static let nop: UInt32 = 0xD503_201F
    /// msr oslar_el1, xzr; msr mdscr_el1, x2; msr daifclr, #8; isb
    private static let start: [UInt32] = [0xD510_109F, 0xD510_0242, 0xD503_48FF, 0xD503_3FDF]
    private static let kde: UInt64 = 1 << 13
    private static let mde: UInt64 = 1 << 15
    private static let svc: UInt32 = 0xD400_0001

    private func guest(_ code: [UInt32], mdscr: UInt64) throws -> BareGuest {
        let guest = try BareGuest(code)
        guest.registers.x[2] = mdscr
        guest.registers.x[1] = 0x4003_0000
        return guest
    }

    /// BCR of an address match at EL1, less some of it; what else MDSCR_EL1 has; whether it stops.
    private static let breakpoints: [(UInt64, UInt64, Bool)] = [
        (0x1E3, mde | kde, true), (0x1E2, mde | kde, false), (0x1E5, mde | kde, false), (0x1E3, mde, false),
        (0x1E3, kde, false), (0x81E3, mde | kde, false), (0x21E3 | 1 << 20, mde | kde, false),
        (0x1E3 | 1 << 20 | 1 << 16, mde | kde, true),
    ]

    @Test("D2.8: a breakpoint at EL1 needs E, PMC, MDE and KDE, and a linked one its context", arguments: breakpoints)
    func breakpoint(control: UInt64, mdscr: UInt64, stops: Bool) throws {
        // msr dbgbvr0_el1, x3; msr dbgbcr0_el1, x4; msr dbgbvr1_el1, x5; msr dbgbcr1_el1, x6; msr contextidr_el1, x5
        let code = [0xD510_0083, 0xD510_00A4, 0xD510_0185, 0xD510_01A6, 0xD518_D025] + Self.start
        let guest = try guest(code + [Self.nop, Self.nop, Self.svc], mdscr: mdscr)
        let target = BareGuest.code + UInt64(code.count + 1) * 4
        guest.registers.x[3] = target
        guest.registers.x[4] = control
        guest.registers.x[5] = 77
        guest.registers.x[6] = 0x1E3 | 3 << 20
        let end = try guest.runToException()
        #expect(end.esr_el1 >> 26 == (stops ? 0x31 : 0x15))
        if stops { #expect(end.elr_el1 == target && end.esr_el1 & 0x3F == 0x22) }
    }

    @Test("a breakpoint does not match with PSTATE.D or the OS lock set")
    func masked() throws {
        for skipped in [0, 2] {
            var code = [0xD510_0083, 0xD510_00A4] + Self.start
            code[2 + skipped] = Self.nop
            let guest = try guest(code + [Self.nop, Self.svc], mdscr: Self.mde | Self.kde)
            guest.registers.pstate = 0x3C5
            guest.registers.x[3] = BareGuest.code + UInt64(code.count) * 4
            guest.registers.x[4] = 0x1E3
            #expect(try guest.runToException().esr_el1 >> 26 == 0x15)
        }
    }

    /// DBGWVR less the data's address, DBGWCR, access, the offset of FAR or nil, WnR.
    private static let watchpoints: [(UInt64, UInt64, UInt32, UInt64?, UInt64)] = [
        (0, 0x1FFB, 0xF940_0020, 0, 0),  // all bytes, loads and stores, EL1: ldr x0, [x1]
        (0, 0x1FFB, 0xF900_0020, 0, 1),  // str x0, [x1]
        (0, 0x1FEB, 0xF900_0020, nil, 1),  // loads only
        (0, 0x1FF3, 0xF940_0020, nil, 0),  // stores only
        (0, 0x1FFD, 0xF940_0020, nil, 0),  // EL0 only
        (0, 0x1FFD, 0xF840_0820, 0, 0),  // EL0 only: ldtr x0, [x1] counts as EL0's, where its permission lets it
        (0, 0x081B, 0xF940_0020, 6, 0),  // byte 6
        (4, 0x00FB, 0xB940_0420, 4, 0),  // ldr w0, [x1, #4]: of the upper half
        (4, 0x01FB, 0xB940_0020, nil, 0),  // ldr w0, [x1]
        (0, 0x1FFB | 12 << 24, 0xF940_0C20, 0x18, 0),  // 4 KiB: ldr x0, [x1, #24]
        (0, 0x101FFB, 0xF940_0020, nil, 0),  // linked to what is no context
    ]

    @Test("D2.10: a watchpoint is taken before the access, with its address", arguments: watchpoints)
    func watchpoint(offset: UInt64, control: UInt64, word: UInt32, far: UInt64?, isWrite: UInt64) throws {
        // msr dbgwvr1_el1, x3; msr dbgwcr1_el1, x4
        let code = [0xD510_01C3, 0xD510_01E4] + Self.start
        let guest = try guest(code + [word, Self.svc], mdscr: Self.mde | Self.kde)
        if word == 0xF840_0820 {
            guest.registers.x[1] = BareGuest.paged
            try guest.mapPage(0, to: 0x4003_0000, BareGuest.page | BareGuest.user)
        }
        guest.registers.x[0] = 5
        guest.registers.x[3] = guest.registers.x[1] &+ offset
        guest.registers.x[4] = control
        let end = try guest.runToException()
        guard let far else {
            #expect(end.esr_el1 >> 26 == 0x15)
            return
        }
        #expect(end.esr_el1 == 0x35 << 26 | 1 << 25 | isWrite << 6 | 0x22)
        #expect(end.far_el1 == guest.registers.x[1] + far)
        #expect(end.elr_el1 == BareGuest.code + UInt64(code.count) * 4)
        #expect(try guest.memory.load(UInt64.self, at: GuestAddress(0x4003_0000)) == 0)
    }

    /// Words at EL0, SPSR_EL1.SS, and then: exception class, ISS, the return address in words, SPSR_EL1.SS.
    private static let steps: [([UInt32], UInt64, (UInt64, UInt64, UInt64, UInt64))] = [
        ([nop, nop], 1, (0x32, 1 << 24 | 0x22, 1, 0)),
        ([nop, nop], 0, (0x32, 0x22, 0, 0)),
        ([0xC85F_7C20, nop], 1, (0x32, 1 << 24 | 1 << 6 | 0x22, 1, 0)),  // ldxr x0, [x1]
        ([0x1400_0002, nop, nop], 1, (0x32, 1 << 24 | 0x22, 2, 0)),  // b
        ([svc], 1, (0x15, 0, 1, 0)),
        ([0xD420_0000], 1, (0x3C, 0, 0, 1)),  // brk
        ([0], 1, (0, 0, 0, 1)),  // udf
        ([0xF940_003F], 1, (0x32, 1 << 24 | 0x22, 1, 0)),  // ldr xzr, [x1]
    ]

    @Test("D2.12: software step of EL0: one instruction, or its exception", arguments: steps)
    func softwareStep(words: [UInt32], armed: UInt64, expected: (UInt64, UInt64, UInt64, UInt64)) throws {
        let guest = try guest(Self.start + [0xD69F_03E0], mdscr: 1)
        try guest.mapPage(0, to: 0x4003_0000, BareGuest.page | BareGuest.user | BareGuest.readOnly)
        try guest.put(words, at: 0x4003_0000)
        guest.registers.x[1] = BareGuest.paged
        guest.registers.elr_el1 = BareGuest.paged
        guest.registers.spsr_el1 = armed << 21
        let end = try guest.runToException()
        #expect(end.esr_el1 >> 26 == expected.0)
        #expect(end.esr_el1 & 0x1FF_FFFF == expected.1)
        #expect(end.elr_el1 == BareGuest.paged + expected.2 * 4)
        #expect(end.spsr_el1 >> 21 & 1 == expected.3)
    }

    @Test("D2.12: software step of EL1 with KDE, from a return to where it is unmasked")
    func kernelStep() throws {
        let guest = try guest([0xD510_109F, 0xD510_0242, 0xD503_48DF, 0xD503_3FDF, 0xD69F_03E0], mdscr: 1 | Self.kde)
        guest.registers.pstate = 0x3C5
        guest.registers.elr_el1 = BareGuest.code + 0x100
        guest.registers.spsr_el1 = 1 << 21 | 0x1C5
        try guest.put([Self.nop, Self.nop], at: BareGuest.code + 0x100)
        let end = try guest.runToException()
        #expect(end.esr_el1 == 0x33 << 26 | 1 << 25 | 1 << 24 | 0x22)
        #expect(end.elr_el1 == BareGuest.code + 0x104)
    }

    @Test("the debug registers keep what is there of them")
    func masks() throws {
        // msr dbgbcr0_el1, x2; mrs x20; the same of dbgwcr0, dbgbvr0, dbgwvr0, mdscr
        var code: [UInt32] = []
        for (index, register): (UInt32, UInt32) in zip(0..., [0xA0, 0xE0, 0x80, 0xC0, 0x240]) {
            code += [0xD510_0002 | register, 0xD530_0000 | register | (20 + index)]
        }
        let guest = try guest(code + [Self.svc], mdscr: ~0)
        let end = try guest.runToException()
        #expect(end.x[20] == 0xFF_E1E7 && end.x[21] == 0x1F1F_FFFF)
        #expect(end.x[22] == ~3 && end.x[23] == ~3)
        // The OS lock is set since reset.
        #expect(end.x[24] == 0x6CE8_F041)
    }
}
