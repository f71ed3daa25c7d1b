import SoftwareCPU
import Testing
import VMMCore

/// ASIDs, global and non-global translations, and what of them a TLBI drops. Source: Arm DDI 0487, D8.16 and D8.17.
@Suite struct AddressSpaceTests {
    private static let nonGlobal: UInt64 = 1 << 11
    private static let level3: UInt64 = 0x4000_2000
    private static let dsb: UInt32 = 0xD503_3B9F
    private static let isb: UInt32 = 0xD503_3FDF
    private static let svc: UInt32 = 0xD400_0001
    private static let msrTTBR0: UInt32 = 0xD518_2007  // msr ttbr0_el1, x7

    /// Reads page 0, non-global, into x20 and page 1, global, into x22; maps both to another page; executes `change`; reads them
    /// again into x21 and x23. Memory has 1 before, 2 after. The ASID is 1.
    private func remap(_ change: [UInt32], _ prepare: (BareGuest) -> Void = { _ in }) throws -> ARM64Registers {
        let guest = try BareGuest(
            // ldr x20, [x1]; ldr x22, [x5]; str x3, [x2]; str x4, [x6]; dsb ish
            [0xF940_0034, 0xF940_00B6, 0xF900_0043, 0xF900_00C4, Self.dsb]
                // ...; dsb ish; isb; ldr x21, [x1]; ldr x23, [x5]
                + change + [Self.dsb, Self.isb, 0xF940_0035, 0xF940_00B7, Self.svc])
        try guest.mapPage(0, to: 0x4003_0000, BareGuest.page | Self.nonGlobal)
        try guest.mapPage(1, to: 0x4003_0000, BareGuest.page)
        try guest.put(1, at: 0x4003_0000)
        try guest.put(2, at: 0x4004_0000)
        guest.registers.ttbr0_el1 = 0x4000_0000 | 1 << 48
        guest.registers.x[1] = BareGuest.paged
        guest.registers.x[5] = BareGuest.paged + 0x1000
        guest.registers.x[2] = Self.level3
        guest.registers.x[3] = 0x4004_0000 | BareGuest.page | Self.nonGlobal
        guest.registers.x[6] = Self.level3 + 8
        guest.registers.x[4] = 0x4004_0000 | BareGuest.page
        guest.registers.x[7] = 0x4000_0000 | 2 << 48
        prepare(guest)
        let end = try guest.runToException()
        #expect(end.x[20] == 1 && end.x[22] == 1)
        return end
    }

    @Test("D8.16.1: with another ASID a non-global page is walked anew, a global one stays")
    func otherASID() throws {
        let end = try remap([Self.msrTTBR0])
        #expect(end.x[21] == 2 && end.x[23] == 1)
    }

    @Test(
        "D8.17: TLBI ASIDE1 drops the non-global pages of its ASID", arguments: [0xD508_8748, 0xD508_8348] as [UInt32])
    func thisASID(tlbi: UInt32) throws {
        let end = try remap([tlbi]) { $0.registers.x[8] = 1 << 48 }
        #expect(end.x[21] == 2 && end.x[23] == 1)
    }

    @Test("D8.17: TLBI ASIDE1 of another ASID drops nothing of this one")
    func anotherASID() throws {
        let end = try remap([0xD508_8748]) { $0.registers.x[8] = 2 << 48 }
        #expect(end.x[21] == 1 && end.x[23] == 1)
    }

    @Test("D8.16.1: with TCR_EL1.AS 0 an ASID has 8 bits")
    func eightBits() throws {
        let end = try remap([0xD508_8748]) { $0.registers.x[8] = 0xFF01 << 48 }
        #expect(end.x[21] == 2)
    }

    @Test("D8.17: TLBI VMALLE1 drops global pages too", arguments: [0xD508_871F, 0xD508_831F] as [UInt32])
    func everything(tlbi: UInt32) throws {
        let end = try remap([tlbi])
        #expect(end.x[21] == 2 && end.x[23] == 2)
    }

    @Test("D8.17: TLBI VAAE1 and VAE1 drop a global page", arguments: [0xD508_8768, 0xD508_8728] as [UInt32])
    func oneGlobalPage(tlbi: UInt32) throws {
        let end = try remap([tlbi]) { $0.registers.x[8] = (BareGuest.paged + 0x1000) >> 12 }
        #expect(end.x[21] == 1 && end.x[23] == 2)
    }

    /// Calls the page at x1 twice, with `change` between; the page is mapped to code that adds 1 to x20, then to one that adds 16.
    private func recode(_ change: [UInt32], _ bits: UInt64) throws -> UInt64 {
        let guest = try BareGuest(
            // blr x1; str x3, [x2]; dsb ish; ...; dsb ish; isb; blr x1; svc #0
            [0xD63F_0020, 0xF900_0043, Self.dsb] + change + [Self.dsb, Self.isb, 0xD63F_0020, Self.svc])
        try guest.mapPage(0, to: 0x4003_0000, BareGuest.page | bits)
        try guest.put([0x9100_0694, 0xD65F_03C0], at: 0x4003_0000)
        try guest.put([0x9100_4294, 0xD65F_03C0], at: 0x4004_0000)
        guest.registers.ttbr0_el1 = 0x4000_0000 | 1 << 48
        guest.registers.x[1] = BareGuest.paged
        guest.registers.x[2] = Self.level3
        guest.registers.x[3] = 0x4004_0000 | BareGuest.page | bits
        guest.registers.x[7] = 0x4000_0000 | 2 << 48
        guest.registers.x[8] = BareGuest.paged >> 12
        guest.registers.x[20] = 0
        return try guest.runToException().x[20]
    }

    @Test("D8.17: after a TLBI of a page with code the new mapping's code is executed")
    func codeOfOnePage() throws {
        #expect(try recode([0xD508_8728], 0) == 17)
    }

    @Test("D8.16.1: with another ASID the code of a non-global page is fetched by the new mapping, at EL1 too")
    func codeOfAnotherASID() throws {
        #expect(try recode([Self.msrTTBR0], Self.nonGlobal) == 17)
    }
}
