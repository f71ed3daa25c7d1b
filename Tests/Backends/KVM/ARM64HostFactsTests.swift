import Testing
import VMMCore

@testable import KVMBackend

/// What follows from an arm64 host's facts, on any host.
@Suite("Facts of arm64 hosts") struct ARM64HostFactsTests {
    private func facts(_ change: (inout ARM64HostFacts) -> Void = { _ in }) -> ARM64HostFacts {
        var facts = ARM64HostFacts(
            interruptController: .gicV3(hasITS: true), addressBits: 44, vcpuLimit: 512, features: [.pmu, .pauth])
        change(&facts)
        return facts
    }

    @Test("a GICv2 only, no controller, and a GICv3 without ITS are told apart; a GICv3 with one is taken")
    func controllers() throws {
        #expect(throws: KVMError.lacksGICv3(offersGICv2: true)) {
            try facts { $0.interruptController = .gicV2 }.checkInterruptController()
        }
        #expect(throws: KVMError.lacksGICv3(offersGICv2: false)) {
            try facts { $0.interruptController = .none }.checkInterruptController()
        }
        #expect(throws: KVMError.lacksITS) {
            try facts { $0.interruptController = .gicV3(hasITS: false) }.checkInterruptController()
        }
        try facts().checkInterruptController()
    }

    @Test("memory ends at the last address that stage 2 translates, of 40 bits at most", arguments: [32, 36, 40, 48])
    func memory(bits: Int) throws {
        let facts = facts { $0.addressBits = bits }
        let usable = min(bits, 40)
        let end: UInt64 = 1 << UInt64(usable)
        let start = GuestAddress(0x4000_0000)
        try facts.checkMemory([try #require(GuestRange(start: start, size: end - start.rawValue))])
        let beyond = try #require(GuestRange(start: start, size: end - start.rawValue + 4096))
        #expect(throws: KVMError.memoryBeyondIPA(end: end + 4096, bits: usable)) { try facts.checkMemory([beyond]) }
    }

    @Test("more vCPUs than the host, or KVM, allows, and none, are refused", arguments: [(8, 8), (4096, 512)])
    func vcpus(limit: Int, allowed: Int) throws {
        let facts = facts { $0.vcpuLimit = limit }
        try facts.checkVCPUs(1)
        try facts.checkVCPUs(allowed)
        for count in [0, -1, allowed + 1] {
            #expect(throws: KVMError.tooManyVCPUs(limit: allowed)) { try facts.checkVCPUs(count) }
        }
    }

    @Test("features that are asked for and not offered are named, with what is offered")
    func features() throws {
        #expect(try facts().features(of: .host) == [.pmu, .pauth])
        #expect(try facts().features(of: ARM64CPUModel(adding: [.pmu], removing: [.pauth])) == [.pmu])
        #expect(throws: KVMError.lacksARM64Features([.sve, .el2], offered: [.pmu, .pauth])) {
            try facts().features(of: ARM64CPUModel(adding: [.sve, .el2, .pmu]))
        }
    }

    @Test("SVE's lengths are the bits of KVM's bitmap, in units of 128 bits")
    func vectorLengths() {
        #expect(SVEVectorLengths.bits(of: (0b1011, 0, 0, 0, 0, 0, 0, 0)) == [128, 256, 512])
        #expect(SVEVectorLengths.bits(of: (1 << 15, 1, 0, 0, 0, 0, 0, 0)) == [2048, 65 * 128])
        #expect(SVEVectorLengths.bits(of: (0, 0, 0, 0, 0, 0, 0, 0)).isEmpty)
    }
}
