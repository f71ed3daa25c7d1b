import Testing

@testable import KVMBackend

/// Identifiers of registers, on any host.
@Suite("Identifiers of arm64 registers") struct KVMRegisterIdentifierTests {
    private func words(_ identifier: UInt64) -> String { KVMRegisterIdentifier(rawValue: identifier).words }

    @Test(
        "core registers have the names of the manual, by their place in struct kvm_regs",
        arguments: [
            (0x6030_0000_0010_0000, "x0"), (0x6030_0000_0010_003C, "x30"), (0x6030_0000_0010_003E, "sp_el0"),
            (0x6030_0000_0010_0040, "pc"), (0x6030_0000_0010_0042, "pstate"), (0x6030_0000_0010_0044, "sp_el1"),
            (0x6030_0000_0010_0048, "spsr_el1"), (0x6030_0000_0010_0050, "spsr_fiq"), (0x6040_0000_0010_0054, "v0"),
            (0x6040_0000_0010_00D0, "v31"), (0x6020_0000_0010_00D4, "fpsr"), (0x6020_0000_0010_00D5, "fpcr"),
        ] as [(UInt64, String)])
    func core(identifier: UInt64, name: String) {
        #expect(words(identifier) == name)
        #expect(KVMRegisterIdentifier(rawValue: identifier).isKnown)
    }

    @Test("core registers behind those, or between, or of another size, are unknown, and no error")
    func unknown() {
        for identifier: UInt64 in [0x6030_0000_0010_00D6, 0x6030_0000_0010_0001, 0x6020_0000_0010_0000] {
            #expect(!KVMRegisterIdentifier(rawValue: identifier).isKnown)
        }
        #expect(words(0x6030_0000_0010_00D6) == "core register at word 214, 8 bytes")
    }

    @Test("system registers are named by their encoding; others by what they are")
    func others() {
        // SCTLR_EL1 is 3, 0, c1, c0, 0; CNTVCT_EL0's place 3, 3, c14, c3, 2.
        #expect(words(0x6030_0000_0013_C080) == "s3_0_c1_c0_0")
        #expect(words(0x6030_0000_0013_DF1A) == "s3_3_c14_c3_2")
        #expect(words(0x6030_0000_0014_0000) == "firmware register 0")
        #expect(words(0x6020_0000_0011_0002) == "demultiplexed register 2")
        #expect(words(0x6060_0000_0015_FFFF) == "SVE register 65535")
        #expect(words(0x6030_0000_00FF_0001) == "register 0x6030000000ff0001")
    }

    @Test("a size is 1 to 256 bytes, whatever the identifier says")
    func sizes() {
        #expect(KVMRegisterIdentifier(rawValue: 0x6020_0000_0010_00D4).size == 4)
        #expect(KVMRegisterIdentifier(rawValue: 0x6080_0000_0015_0000).size == 256)
        #expect(KVMRegisterIdentifier(rawValue: ~0).size == 256)
    }

    @Test("what sets bits has a register that clears them, which is no state of its own")
    func clearing() {
        // PMCNTENSET_EL0 and PMCNTENCLR_EL0 are 3, 3, c9, c12, 1 and 2.
        let (set, clear) = (KVMRegisterIdentifier(rawValue: 0x6030_0000_0013_DCE1), 0x6030_0000_0013_DCE2 as UInt64)
        #expect(set.words == "s3_3_c9_c12_1" && set.clearing == clear && !set.isClearing)
        #expect(KVMRegisterIdentifier(rawValue: clear).isClearing)
        #expect(KVMRegisterIdentifier(rawValue: 0x6030_0000_0013_C080).clearing == nil)
    }

    @Test("the check names what is used and not there, and what is there and unknown")
    func check() {
        let list = [0x6030_0000_0010_0000, 0x6030_0000_0013_C080, 0x6030_0000_0010_00D6] as [UInt64]
        let check = KVMRegisterListCheck(
            list: list.map(KVMRegisterIdentifier.init(rawValue:)),
            used: [("x0", list[0]), ("pc", 0x6030_0000_0010_0040)])
        #expect(!check.isComplete)
        #expect(
            check.words
                == "3 registers of a vCPU, without pc, unknown here: core register at word 214, 8 bytes")
    }
}

/// The order in which a GICv3's state is restored, on any host.
@Suite("Registers of KVM's GICv3") struct VGICRegistersTests {
    @Test("each place comes once; identification and control before all, edges before what is pending")
    func distributor() throws {
        let offsets = VGICRegisters.distributor(interruptCount: 256)
        #expect(offsets.prefix(2) == [0x0008, 0x0000])
        #expect(Set(offsets).count == offsets.count)
        // Seven words a bitmap, 14 of configurations, 56 of priorities, two a route.
        #expect(offsets.count == 2 + 4 * 7 + 14 + 56 + 2 * 224)
        #expect(offsets.contains(0x0084) && !offsets.contains(0x0080) && offsets.contains(0x6100))
        let configuration = try #require(offsets.firstIndex(of: 0x0C08))
        #expect(configuration < (try #require(offsets.firstIndex(of: 0x0204))))
    }

    @Test("a redistributor's LPI tables come before what enables LPIs")
    func redistributor() throws {
        let offsets = VGICRegisters.redistributor
        #expect(Set(offsets).count == offsets.count)
        let control = try #require(offsets.firstIndex(of: 0))
        for table: UInt32 in [0x70, 0x74, 0x78, 0x7C] { #expect(try #require(offsets.firstIndex(of: table)) < control) }
        #expect(offsets.contains(0x1_0080) && offsets.contains(0x1_0C04) && offsets.contains(0x1_041C))
    }

    @Test("enables and actives are cleared before they are set; what is pending is taken whole")
    func clearing() {
        #expect(VGICRegisters.clearing(0x0104) == 0x0184)
        #expect(VGICRegisters.clearing(0x1_0300) == 0x1_0380)
        for offset: UInt32 in [0x0000, 0x0204, 0x0404, 0x0C08, 0x1_0200, 0x6100] {
            #expect(VGICRegisters.clearing(offset) == nil)
        }
    }

    @Test("as many active priority registers as there are groups of 32", arguments: [(4, 1), (5, 1), (6, 2), (7, 4)])
    func interface(bits: Int, groups: Int) {
        #expect(VGICRegisters.cpuInterface(priorityBits: bits).count == 7 + 2 * groups)
        #expect(VGICRegisters.priorityBits(ofControl: UInt64(bits - 1) << 8) == bits)
        // ICC_PMR_EL1 is 3, 0, c4, c6, 0; ICC_SRE_EL1 3, 0, c12, c12, 5.
        #expect(VGICRegisters.cpuInterface(priorityBits: bits).prefix(2) == [0xC665, 0xC230])
    }

    @Test("the ITS's CBASER, which resets CREADR, comes before it")
    func translation() throws {
        let places = VGICRegisters.translation
        #expect(places.first == 0x80 && places.contains(0x138) && !places.contains(0))
        #expect(Set(places).count == places.count)
    }
}
