import SoftwareCPU
import Testing
import VMMCore
import VMMTestSupport

/// Exceptions, interrupts and code that changes.
@Suite struct ExceptionTests {
    /// Instruction, syndrome, how far behind the instruction the return address is.
    private static let exceptions: [(UInt32, UInt64, UInt64)] = [
        (0xD400_0541, 0x15 << 26 | 1 << 25 | 0x2A, 4),  // svc #42
        (0xD420_0540, 0x3C << 26 | 1 << 25 | 0x2A, 0),  // brk #42
        (0x0000_0000, 1 << 25, 0),  // udf
        (0xD400_0003, 1 << 25, 0),  // smc: there is no EL3
        (0xD53C_1100, 1 << 25, 0),  // mrs x0, hcr_el2
    ]

    @Test("D1.3.3: entry saves PC and PSTATE, masks DAIF and takes SP_EL1", arguments: exceptions)
    func synchronous(word: UInt32, syndrome: UInt64, offset: UInt64) throws {
        let guest = try BareGuest([word])
        guest.registers.pstate = 0x6000_0005
        let end = try guest.runToException()
        #expect(end.esr_el1 == syndrome)
        #expect(end.elr_el1 == BareGuest.code + offset)
        #expect(end.spsr_el1 == 0x6000_0005)
        #expect(end.pstate & 0x3CF == 0x3C5)
    }

    @Test("CPACR_EL1.FPEN: a vector instruction is trapped with EC 7")
    func vectorTrap() throws {
        let guest = try BareGuest([0x6F00_E400])  // movi v0.2d, #0
        guest.registers.cpacr_el1 = 0
        #expect(try guest.runToException().esr_el1 >> 26 == 7)
    }

    @Test("ERET to EL0, an SVC from there, and a trap of what EL0 must not")
    func user() throws {
        for (word, ec) in [(0xD400_0001 as UInt32, 0x15 as UInt64), (0xD538_1000, 0), (0xD53B_4220, 0x18)] {
            let guest = try BareGuest([0xD69F_03E0])
            try guest.mapPage(0, to: 0x4003_0000, BareGuest.page | BareGuest.user | BareGuest.readOnly)
            try guest.put([word], at: 0x4003_0000)
            guest.registers.elr_el1 = BareGuest.paged
            guest.registers.spsr_el1 = 0
            let end = try guest.runToException()
            #expect(end.esr_el1 >> 26 == ec, "\(String(word, radix: 16))")
            #expect(end.spsr_el1 & 0xF == 0)
        }
    }

    @Test("an illegal return sets PSTATE.IL, and the next instruction takes EC 0x0E")
    func illegalReturn() throws {
        let guest = try BareGuest([0xD69F_03E0])
        guest.registers.elr_el1 = BareGuest.code
        guest.registers.spsr_el1 = 0x3CD
        let end = try guest.runToException()
        #expect(end.esr_el1 >> 26 == 0x0E)
        #expect(end.spsr_el1 & 1 << 20 != 0)
    }

    @Test("a branch to an unaligned address: PC alignment fault")
    func pcAlignment() throws {
        let guest = try BareGuest([0xD61F_0020])
        guest.registers.x[1] = BareGuest.code + 2
        #expect(try guest.runToException().esr_el1 >> 26 == 0x22)
    }

    @Test("IRQ: held while masked, taken when unmasked, at the vector of the current level")
    func interrupt() throws {
        // mov x20, #1; msr daifclr, #2; mov x20, #2; b .
        let guest = try BareGuest([0xD280_0034, 0xD503_42FF, 0xD280_0054, 0x1400_0000])
        // Each IRQ vector of EL1h is number 5.
        try guest.put([0xD280_0075, 0x5280_0100, 0x72B0_8000, 0xD400_0002], at: BareGuest.vectors + 0x280)
        guest.cpu.irq.setLevel(true)
        let end = try guest.runToException()
        #expect(end.x[20] == 1 && end.x[21] == 3)
        #expect(end.elr_el1 == BareGuest.code + 8)
    }

    @Test("WFI sleeps until an interrupt, also a masked one")
    func waitForInterrupt() throws {
        let guest = try BareGuest([0xD503_207F, 0xD400_0001])
        try guest.cpu.setRegisters(guest.registers)
        let cpu = guest.cpu
        let ended = Recorder<VCPUExit>()
        let thread = HostThread { if let exit = try? cpu.run() { ended.record(exit) } }
        cpu.irq.setLevel(true)
        #expect(thread.finishes(within: 20))
        #expect(ended.values == [.systemEvent(.powerOff)])
    }

    @Test("a store to code that was executed is seen by the next execution")
    func selfModification() throws {
        // bl f; mov x20, x0; str w3, [x2]; dc cvau, x2; dsb ish; ic ivau, x2; dsb ish; isb; bl f; mov x21, x0; svc; f: mov x0, #1; ret
        let guest = try BareGuest([
            0x9400_000B, 0xAA00_03F4, 0xB900_0043, 0xD50B_7B22, 0xD503_3B9F, 0xD50B_7522, 0xD503_3B9F, 0xD503_3FDF,
            0x9400_0003, 0xAA00_03F5, 0xD400_0001, 0xD280_0020, 0xD65F_03C0,
        ])
        guest.registers.x[2] = BareGuest.code + 11 * 4
        guest.registers.x[3] = 0xD280_0040
        let end = try guest.runToException()
        #expect(end.x[20] == 1 && end.x[21] == 2)
    }

    @Test("a device read completes into the right register, sign-extended; a pair is two reads")
    func deviceReads() throws {
        // ldrsh w20, [x1]; ldp x21, x22, [x1, #8]; svc
        let guest = try BareGuest([0x79C0_0034, 0xA940_D835, 0xD400_0001])
        // The first GiB as device memory, attribute 1.
        try guest.put(1 << 10 | 1 << 2 | 1, at: 0x4000_0000)
        guest.registers.x[1] = 0x1000_0000
        try guest.cpu.setRegisters(guest.registers)
        #expect(try guest.cpu.run() == .mmioRead(address: GuestAddress(0x1000_0000), width: .halfword))
        guest.cpu.completeRead(0x8001)
        #expect(try guest.cpu.run() == .mmioRead(address: GuestAddress(0x1000_0008), width: .doubleword))
        guest.cpu.completeRead(7)
        let middle = try guest.cpu.registers()
        #expect(
            middle.pc == BareGuest.code + 4,
            "\(String(middle.pc, radix: 16)), \(middle.x[21]), \(String(middle.esr_el1, radix: 16)) \(String(middle.far_el1, radix: 16))"
        )
        #expect(try guest.cpu.run() == .mmioRead(address: GuestAddress(0x1000_0010), width: .doubleword))
        guest.cpu.completeRead(8)
        #expect(try guest.cpu.run() == .systemEvent(.powerOff))
        let end = try guest.cpu.registers()
        #expect(end.x[20] == 0xFFFF_8001 && end.x[21] == 7 && end.x[22] == 8)
    }

    @Test("PSCI: version, features, and what is not there")
    func firmware() throws {
        for (function, result) in [
            (0x8400_0000 as UInt64, 0x1_0001 as UInt64), (0x8400_0006, 2), (0xC400_0014, ~0), (0x8400_FFFF, ~0),
        ] {
            // hvc #0; mov x20, x0; svc #0
            let guest = try BareGuest([0xD400_0002, 0xAA00_03F4, 0xD400_0001])
            guest.registers.x[0] = function
            #expect(try guest.runToException().x[20] == result)
        }
    }
}
