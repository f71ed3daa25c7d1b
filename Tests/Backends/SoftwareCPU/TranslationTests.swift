import SoftwareCPU
import Testing
import VMMCore

/// Stage 1 translation and data aborts. ESR_EL1: EC in bits 31:26, WnR bit 6, DFSC bits 5:0.
@Suite struct TranslationTests {
    private static let load: [UInt32] = [0xF940_0020]  // ldr x0, [x1]
    private static let store: [UInt32] = [0xF900_0020]  // str x0, [x1]

    private func abort(_ code: [UInt32], address: UInt64, _ prepare: (BareGuest) throws -> Void) throws
        -> ARM64Registers
    {
        let guest = try BareGuest(code)
        guest.registers.x[1] = address
        try prepare(guest)
        let end = try guest.runToException()
        #expect(end.elr_el1 == BareGuest.code)
        return end
    }

    @Test("D8.2: an invalid level 3 entry is a translation fault, level 3; FAR has the address")
    func translationFault() throws {
        let end = try abort(Self.load, address: BareGuest.paged + 0x1008) { _ in }
        #expect(end.esr_el1 == 0x25 << 26 | 1 << 25 | 0x07)
        #expect(end.far_el1 == BareGuest.paged + 0x1008)
    }

    @Test("D8.2: an address outside both halves is a translation fault, level 0")
    func outside() throws {
        let end = try abort(Self.store, address: 0x0100_0000_0000) { _ in }
        #expect(end.esr_el1 == 0x25 << 26 | 1 << 25 | 1 << 6 | 0x04)
    }

    @Test("D8.4.5: a page without the access flag: access flag fault, level 3")
    func accessFlag() throws {
        let end = try abort(Self.load, address: BareGuest.paged) {
            try $0.mapPage(0, to: 0x4003_0000, BareGuest.page & ~(1 << 10))
        }
        #expect(end.esr_el1 & 0x3F == 0x0B)
    }

    @Test("D8.4.1: a store to a read-only page: permission fault, level 3, write")
    func readOnly() throws {
        let end = try abort(Self.store, address: BareGuest.paged) {
            try $0.mapPage(0, to: 0x4003_0000, BareGuest.page | BareGuest.readOnly)
        }
        #expect(end.esr_el1 & 0x7F == 0x4F)
    }

    @Test("D8.4.3: with PSTATE.PAN the kernel cannot touch a user page; without it can")
    func privilegedAccessNever() throws {
        let end = try abort(Self.load, address: BareGuest.paged) {
            try $0.mapPage(0, to: 0x4003_0000, BareGuest.page | BareGuest.user)
            $0.registers.pstate |= 1 << 22
        }
        #expect(end.esr_el1 & 0x3F == 0x0F)
        let guest = try BareGuest(Self.load + [0xD400_0001])
        try guest.mapPage(0, to: 0x4003_0000, BareGuest.page | BareGuest.user)
        try guest.put(0x1234, at: 0x4003_0000)
        guest.registers.x[1] = BareGuest.paged
        guest.registers.x[19] = 0
        #expect(try guest.runToException().esr_el1 >> 26 == 0x15)
    }

    @Test("C6.2: LDTR and STTR at EL1 reach what EL0 may, the second time as the first")
    func unprivileged() throws {
        // sttr x0, [x1]; sttr x3, [x1, #8]; ldtr x5, [x1]; ldtrsb x6, [x1, #8]; ldtrsb w7, [x1, #8]; svc #0
        let guest = try BareGuest([
            0xF800_0820, 0xF800_8823, 0xF840_0825, 0x3880_8826, 0x38C0_8827, 0xD400_0001,
        ])
        try guest.mapPage(0, to: 0x4003_0000, BareGuest.page | BareGuest.user)
        guest.registers.x[0] = 0x0123_4567_89AB_CDEF
        guest.registers.x[1] = BareGuest.paged
        guest.registers.x[3] = 0x80
        let end = try guest.runToException()
        #expect(end.esr_el1 >> 26 == 0x15)
        #expect(end.x[5] == 0x0123_4567_89AB_CDEF && end.x[6] == UInt64.max - 0x7F && end.x[7] == 0xFFFF_FF80)
    }

    @Test(
        "D8.4.1: STTR at EL1 has EL0's permissions, also where EL1 or a load has been before",
        arguments: [
            (0xF940_0025, 0),  // ldr x5, [x1]; a page of EL1's
            (0xF840_0825, BareGuest.user | BareGuest.readOnly),  // ldtr x5, [x1]
        ] as [(UInt32, UInt64)])
    func unprivilegedFault(_ first: UInt32, _ bits: UInt64) throws {
        let guest = try BareGuest([first, 0xF800_0820])  // sttr x0, [x1]
        try guest.mapPage(0, to: 0x4003_0000, BareGuest.page | bits)
        guest.registers.x[1] = BareGuest.paged
        let end = try guest.runToException()
        #expect(end.elr_el1 == BareGuest.code + 4)
        #expect(end.esr_el1 == 0x25 << 26 | 1 << 25 | 1 << 6 | 0x0F)
    }

    @Test(
        "D8.4.2: a fetch from a PXN page, or from one that EL0 can write: permission fault",
        arguments: [
            BareGuest.pxn, BareGuest.user,
        ])
    func executeNever(bits: UInt64) throws {
        let guest = try BareGuest([0xD61F_0020])  // br x1
        try guest.mapPage(0, to: 0x4003_0000, BareGuest.page | bits)
        guest.registers.x[1] = BareGuest.paged
        let end = try guest.runToException()
        #expect(end.esr_el1 == 0x21 << 26 | 1 << 25 | 0x0F)
        #expect(end.elr_el1 == BareGuest.paged && end.far_el1 == BareGuest.paged)
    }

    @Test("D8.2: an output address beyond 40 bits: address size fault, level 3")
    func addressSize() throws {
        let end = try abort(Self.load, address: BareGuest.paged) { try $0.mapPage(0, to: 1 << 40, BareGuest.page) }
        #expect(end.esr_el1 & 0x3F == 0x03)
    }

    @Test("D8.2: a table outside RAM: external abort on the walk")
    func externalAbort() throws {
        let end = try abort(Self.load, address: BareGuest.paged) { try $0.put(0x10_0000_0003, at: 0x4000_1008) }
        #expect(end.esr_el1 & 0x3F == 0x17)
    }

    @Test("an access that crosses into an unmapped page changes nothing, and FAR is the second page")
    func crossing() throws {
        let end = try abort(Self.store, address: BareGuest.paged + 0xFFC) {
            try $0.mapPage(0, to: 0x4003_0000, BareGuest.page)
            $0.registers.x[0] = ~0
        }
        #expect(end.far_el1 == BareGuest.paged + 0x1000)
    }

    @Test("B2.8: with SCTLR_EL1.A an unaligned load is an alignment fault")
    func alignment() throws {
        let end = try abort(Self.load, address: 0x4003_0001) { $0.registers.sctlr_el1 |= 2 }
        #expect(end.esr_el1 & 0x3F == 0x21)
    }

    @Test("after a TLBI the new entry counts, before it the old one may")
    func invalidation() throws {
        // ldr x20, [x1]; str x3, [x2]; dsb ish; tlbi vae1is, x4; dsb ish; isb; ldr x21, [x1]; svc #0
        let guest = try BareGuest([
            0xF940_0034, 0xF900_0043, 0xD503_3B9F, 0xD508_8324, 0xD503_3B9F, 0xD503_3FDF, 0xF940_0035, 0xD400_0001,
        ])
        try guest.mapPage(0, to: 0x4003_0000, BareGuest.page)
        try guest.put(1, at: 0x4003_0000)
        try guest.put(2, at: 0x4004_0000)
        guest.registers.x[1] = BareGuest.paged
        guest.registers.x[2] = 0x4000_2000
        guest.registers.x[3] = 0x4004_0000 | BareGuest.page
        guest.registers.x[4] = BareGuest.paged >> 12
        let end = try guest.runToException()
        #expect(end.x[20] == 1 && end.x[21] == 2)
    }

    @Test("16 and 64 KiB granules translate", arguments: [14, 16] as [UInt64])
    func granules(shift: UInt64) throws {
        let guest = try BareGuest([0xF940_0034, 0xD400_0001])
        // 36 bits of input: one level 2 table at 0x4010_0000; its entries are blocks of 32 or 512 MiB.
        let blockShift = shift + shift - 3
        let index: UInt64 = 0x4000_0000 >> blockShift
        try guest.put(index << blockShift | 0x701, at: 0x4010_0000 + index * 8)
        guest.registers.ttbr0_el1 = 0x4010_0000
        let granule: UInt64 = shift == 14 ? 2 : 1
        guest.registers.tcr_el1 = 28 | 1 << 23 | 2 << 32 | granule << 14
        try guest.put(0x77, at: 0x4003_0000)
        guest.registers.x[1] = 0x4003_0000
        let end = try guest.runToException()
        #expect(end.x[20] == 0x77, "\(String(end.esr_el1, radix: 16))")
    }
}
