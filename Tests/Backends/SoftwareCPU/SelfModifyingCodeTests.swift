import SoftwareCPU
import Synchronization
import Testing
import VMMCore
import VMMTestSupport

/// Code that is written by the guest. Source: Arm DDI 0487, B2.7.4.2 "Implication of caches for the application programmer" and
/// B2.2.5 "Concurrent modification and execution of instructions".
@Suite struct SelfModifyingCodeTests {
    private static let dsb: UInt32 = 0xD503_3B9F
    private static let isb: UInt32 = 0xD503_3FDF
    private static let svc: UInt32 = 0xD400_0001
    private static let blrX1: UInt32 = 0xD63F_0020
    private static let ret: UInt32 = 0xD65F_03C0
    /// dc cvau, x5; dsb ish; ic ivau, x5; dsb ish; isb
    private static let maintenance: [UInt32] = [0xD50B_7B25, dsb, 0xD50B_7525, dsb, isb]
    /// add x20, x20, #1 and #16.
    private static let addOne: UInt32 = 0x9100_0694
    private static let addSixteen: UInt32 = 0x9100_4294

    /// Calls the code at `call`, writes ADD #16 over its first instruction through `write`, and calls it again.
    private func rewrite(call: UInt64, write: UInt64, _ prepare: (BareGuest) throws -> Void) throws -> UInt64 {
        // blr x1; str w3, [x5]; ...; blr x1; svc #0
        let guest = try BareGuest([Self.blrX1, 0xB900_00A3] + Self.maintenance + [Self.blrX1, Self.svc])
        try guest.put([Self.addOne, Self.ret], at: 0x4003_0000)
        guest.registers.x[1] = call
        guest.registers.x[5] = write
        guest.registers.x[3] = UInt64(Self.addSixteen)
        guest.registers.x[20] = 0
        try prepare(guest)
        return try guest.runToException().x[20]
    }

    @Test("code that was executed and written is executed as written")
    func sameAddress() throws {
        #expect(try rewrite(call: 0x4003_0000, write: 0x4003_0000) { _ in } == 17)
    }

    @Test("the store and the IC IVAU may be by another address of the same memory")
    func alias() throws {
        let sum = try rewrite(call: BareGuest.paged, write: BareGuest.paged + 0x1000) {
            try $0.mapPage(0, to: 0x4003_0000, BareGuest.page | BareGuest.readOnly)
            try $0.mapPage(1, to: 0x4003_0000, BareGuest.page)
        }
        #expect(sum == 17)
    }

    @Test("an instruction a few behind the store that writes it, with the maintenance between")
    func ahead() throws {
        // mov x20, #0; str w3, [x5]; ...; add x20, x20, #1 (to be written); svc #0. First all of it, then from the start again.
        let code = [0xD280_0014, 0xB900_00A3] + Self.maintenance + [Self.addOne, Self.svc]
        let guest = try BareGuest(code)
        guest.registers.x[5] = BareGuest.code + UInt64(code.count - 2) * 4
        guest.registers.x[3] = UInt64(Self.addSixteen)
        #expect(try guest.runToException().x[20] == 16)
    }

    @Test("a loop that writes its own first instruction goes on with what it wrote")
    func ownBlock() throws {
        // add x20, x20, #1 (to be written); str w3, [x5]; ...; subs x4, x4, #1; b.ne to the start; svc #0
        let code = [Self.addOne, 0xB900_00A3] + Self.maintenance + [0xF100_0484, 0x54FF_FF01, Self.svc]
        let guest = try BareGuest(code)
        guest.registers.x[5] = BareGuest.code
        guest.registers.x[3] = UInt64(Self.addSixteen)
        guest.registers.x[4] = 3
        guest.registers.x[20] = 0
        #expect(try guest.runToException().x[20] == 1 + 16 + 16)
    }

    @Test("another CPU executes what was written, after DSB here, a flag, and ISB there")
    func anotherCPU() throws {
        let (function, mailbox): (UInt64, UInt64) = (0x4003_1000, 0x4003_0800)
        // A round: write add x20, x20, #round; tell the other CPU the round; compare what it says it added.
        let guest = try BareGuest(
            [
                0xD400_0002,  // hvc #0: CPU_ON
                0x2A07_2909, 0xB900_00A9,  // orr w9, w8, w7, lsl #10; str w9, [x5]
            ] + Self.maintenance + [
                0xC89F_FCC7,  // stlr x7, [x6]
                0xD503_203F, 0xC8DF_FD8A, 0xEB07_015F, 0x54FF_FFA1,  // yield; ldar x10, [x12]; cmp x10, x7; b.ne -12
                0xF940_08CB, 0xEB07_017F, 0x9A95_06B5,  // ldr x11, [x6, #16]; cmp x11, x7; cinc x21, x21, ne
                0xF100_04E7, 0x54FF_FE01,  // subs x7, x7, #1; b.ne to the ORR
                Self.svc,
            ], cpuCount: 2)
        let rounds: UInt64 = 200
        try guest.put([0x9100_0294, Self.ret], at: function)
        // The other: calls the function all the time, and reports what it adds once a new round is told.
        try guest.put(
            [
                0xAA00_03E6, 0xD282_0005, 0xF2A8_0065, 0xD280_000D,  // mov x6, x0; mov x5, function; mov x13, #0
                0xD280_0014, 0xD63F_00A0, 0xC8DF_FCC7, 0xEB0D_00FF,  // mov x20, #0; blr x5; ldar x7, [x6]; cmp x7, x13
                0x54FF_FF80, 0xAA07_03ED, Self.isb, 0xD280_0014,  // b.eq -16; mov x13, x7; isb; mov x20, #0
                0xD63F_00A0, 0xF900_08D4, 0x9100_20CC, 0xC89F_FD87,  // blr x5; str x20, [x6, #16]; stlr x7, [x6, #8]
                0x17FF_FFF4,  // b -48
            ], at: 0x4002_0000)
        let other = try guest.machine.makeVCPU(VCPUIndex(1))
        guest.registers.x[0] = 0xC400_0003
        guest.registers.x[1] = SoftwareVCPU.affinity(of: VCPUIndex(1))
        guest.registers.x[2] = 0x4002_0000
        guest.registers.x[3] = mailbox
        guest.registers.x[5] = function
        guest.registers.x[6] = mailbox
        guest.registers.x[7] = rounds
        guest.registers.x[8] = 0x9100_0294
        guest.registers.x[12] = mailbox + 8
        guest.registers.x[21] = 0
        let ended = SharedFlag()
        let thread = HostThread { while !ended.isSet { _ = try? other.run() } }
        let end = try guest.runToException()
        ended.set()
        other.kick()
        #expect(thread.finishes(within: 60))
        #expect(end.x[7] == 0 && end.x[21] == 0)
    }
}

/// Set once.
private final class SharedFlag: Sendable {
    private let flag = Atomic<Bool>(false)
    var isSet: Bool { flag.load(ordering: .acquiring) }
    func set() { flag.store(true, ordering: .releasing) }
}
