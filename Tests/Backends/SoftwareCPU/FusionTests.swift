import SoftwareCPU
import Testing
import VMMCore

/// Pairs that the engine does in one step, and instructions that it leaves out: each counts, and is where it is.
@Suite struct FusionTests {
    @Test(
        "flags and condition of a comparison and its branch",
        arguments: [
            (0xF100_101F, 4, true), (0xF100_101F, 5, false),  // cmp x0, #4
            (0x7100_101F, 0x1_0000_0004, true), (0xB100_041F, ~0, true),  // cmp w0, #4; cmn x0, #1
            (0x3100_041F, 0xFFFF_FFFF, true), (0xEB01_001F, 7, true), (0x6B01_001F, 0xF_0000_0007, true),  // cmp x0, x1
            (0xF240_001F, 2, true), (0x7200_001F, 3, false), (0xEA01_001F, 8, true), (0x6A01_001F, 1, false),  // tst
            (0xF278_DC1F, 0xFF, true),  // tst x0, #0xffffffffffffff00, which does not fit beside a branch
            (0xFA44_0800, 4, false), (0xFA44_1804, 4, true),  // ccmp x0, #4, #0, eq; ccmp x0, #4, #4, ne
        ] as [(UInt32, UInt64, Bool)])
    func equality(word: UInt32, value: UInt64, isEqual: Bool) throws {
        // word; b.eq +8; svc #1; svc #2
        let guest = try BareGuest([word, 0x5400_0040, 0xD400_0021, 0xD400_0041])
        guest.registers.x[0] = value
        guest.registers.x[1] = 7
        let end = try guest.runToException()
        #expect(end.esr_el1 & 0xFFFF == (isEqual ? 2 : 1))
        #expect(end.spsr_el1 >> 30 & 1 == (isEqual ? 1 : 0))
    }

    @Test("a loop of a subtraction with its branch counts both, and no-ops count")
    func count() throws {
        // nop; subs x0, x0, #1; nop; nop; b.ne -12; svc #0: then three instructions of the vector
        let guest = try BareGuest([0xD503_201F, 0xF100_0400, 0xD503_201F, 0xD503_201F, 0x54FF_FFA1, 0xD400_0001])
        guest.registers.x[0] = 5
        let end = try guest.runToException()
        #expect(end.elr_el1 == BareGuest.code + 24)
        #expect(guest.cpu.executedInstructions == 1 + 5 * 4 + 1 + 3)
    }

    @Test("a fault behind no-ops has its own address")
    func position() throws {
        // nop; nop; ldr x0, [x1]
        let guest = try BareGuest([0xD503_201F, 0xD503_201F, 0xF940_0020])
        guest.registers.x[1] = BareGuest.paged
        #expect(try guest.runToException().elr_el1 == BareGuest.code + 8)
    }
}
