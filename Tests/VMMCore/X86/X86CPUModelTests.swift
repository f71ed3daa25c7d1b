import Testing
import VMMCore

@Suite("Models of x86 CPUs") struct X86CPUModelTests {
    @Test("each feature has a place of its own, and a name that is found again")
    func features() {
        #expect(Set(X86Feature.allCases.map(\.place)).count == X86Feature.allCases.count)
        for feature in X86Feature.allCases {
            #expect(X86Feature(name: feature.rawValue) == feature)
            #expect(feature.place.bit < 32 && feature.foundations.contains(feature))
        }
        #expect(X86Feature(name: "SSE4.2") == .sse42 && X86Feature(name: "sse3") == .sse3)
        #expect(X86Feature(name: "lahf-lm") == .lahf && X86Feature(name: "lzcnt") == .lzcnt)
        #expect(X86Feature(name: "sse5") == nil && X86Feature(name: "") == nil)
    }

    @Test("places are those of the manuals, here where another source has them: Linux's cpufeatures.h")
    func places() {
        func check(_ feature: X86Feature, _ function: UInt32, _ register: CPUIDTable.Register, _ bit: UInt32) {
            #expect(feature.place.function == function && feature.place.register == register)
            #expect(feature.place.bit == bit, "\(feature)")
        }
        check(.sse42, 1, .ecx, 20)
        check(.avx, 1, .ecx, 28)
        check(.avx2, 7, .ebx, 5)
        check(.lzcnt, 0x8000_0001, .ecx, 5)
        check(.nx, 0x8000_0001, .edx, 20)
    }

    @Test("psABI: level 3 needs level 2 and AVX, AVX2, BMI1, BMI2, F16C, FMA, LZCNT, MOVBE, OSXSAVE")
    func levels() throws {
        let second = try X86CPUModel(base: .v2).required
        #expect(second == [.cx16, .lahf, .popcnt, .sse3, .sse41, .sse42, .ssse3])
        let third = try X86CPUModel(base: .v3).required
        #expect(
            third.subtracting(second) == [.avx, .avx2, .bmi1, .bmi2, .f16c, .fma, .lzcnt, .movbe, .xsave])
        #expect(try X86CPUModel(base: .v4).required.isSuperset(of: third))
        #expect(X86CPUModel.host.required.isEmpty)
        for base in X86CPUModel.Base.allCases {
            let features = base.features ?? []
            #expect(features.allSatisfy { $0.foundations.isSubset(of: features) }, "\(base)")
        }
    }

    @Test("what is added comes with what it needs, what is removed goes with what needs it")
    func dependencies() throws {
        #expect(try X86CPUModel(base: .v2, adding: [.avx2]).required.isSuperset(of: [.avx2, .avx, .xsave, .sse3]))
        let model = try X86CPUModel(base: .host, removing: [.avx])
        #expect(model.removed.isSuperset(of: [.avx, .avx2, .fma, .f16c, .avx512f, .avx512vl, .vaes]))
        #expect(model.removed.isDisjoint(with: [.xsave, .aes, .pku]))
        #expect(try X86CPUModel(base: .v3, removing: [.avx]).required.isDisjoint(with: [.avx, .avx2, .fma, .f16c]))
    }

    @Test("what cannot be together is refused")
    func contradictions() {
        #expect(throws: X86CPUModelError.contradiction(.avx2, needs: .xsave)) {
            try X86CPUModel(base: .host, adding: [.avx2], removing: [.xsave])
        }
        #expect(throws: X86CPUModelError.contradiction(.aes, needs: .aes)) {
            try X86CPUModel(base: .v2, adding: [.aes], removing: [.aes])
        }
    }
}

@Suite("CPUID: what a model shows") struct CPUIDModelTests {
    /// A host that has everything, and all bits that have no name here.
    private static let everything = CPUIDTable([
        .init(0, eax: 0x20), .init(1, eax: 0x806F8, ebx: 0x800, ecx: .max, edx: .max), .init(2, eax: 0x00FE_FF01),
        .init(5, eax: .max), .init(6, eax: .max, ebx: .max, ecx: .max),
        .init(7, index: 0, eax: 2, ebx: .max, ecx: .max, edx: .max),
        .init(7, index: 1, eax: .max, ebx: .max, ecx: .max, edx: .max),
        .init(7, index: 2, eax: 0, ebx: 0, ecx: 0, edx: .max), .init(0xA, eax: .max),
        .init(0xD, index: 0, eax: 0x602E7, ebx: 11008, ecx: 11008),
        .init(0xD, index: 1, eax: 0x1F, ebx: 11008, ecx: 0x1900),
        .init(0xD, index: 2, eax: 256, ebx: 576), .init(0xD, index: 5, eax: 64, ebx: 1088),
        .init(0xD, index: 6, eax: 512, ebx: 1152), .init(0xD, index: 7, eax: 1024, ebx: 1664),
        .init(0xD, index: 9, eax: 8, ebx: 2688), .init(0xD, index: 11, eax: 16, ecx: 1),
        .init(0xD, index: 17, eax: 64, ebx: 2752, ecx: 2), .init(0xD, index: 18, eax: 8192, ebx: 2816, ecx: 6),
        .init(0x14, index: 0, eax: 1), .init(0x1D, index: 0, eax: 1), .init(0x4000_0000, eax: 0x4000_0001),
        .init(0x4000_0001, eax: .max), .init(0x8000_0000, eax: 0x8000_0021),
        .init(0x8000_0001, ecx: .max, edx: .max), .init(0x8000_0007, ebx: .max, edx: .max),
        .init(0x8000_0008, eax: 0x3030, ebx: .max), .init(0x8000_000A, edx: .max), .init(0x8000_0021, eax: .max),
    ])

    private func shown(_ model: X86CPUModel) -> CPUIDTable {
        var table = Self.everything
        table.restrict(to: model)
        return table
    }

    private func features(_ table: CPUIDTable) -> Set<X86Feature> { Set(X86Feature.allCases.filter(table.has)) }

    @Test("the host's model changes nothing")
    func host() { #expect(shown(.host) == Self.everything) }

    @Test("a level shows its features, and of others what belongs to the machine", arguments: X86CPUModel.Base.allCases)
    func level(base: X86CPUModel.Base) throws {
        guard let level = base.features else { return }
        #expect(features(shown(try X86CPUModel(base: base))) == level.union([.x2apic, .nx, .rdtscp]))
    }

    @Test("a level hides what has no name here, too, and keeps what guards against the CPU's weaknesses")
    func unnamed() throws {
        let table = shown(try X86CPUModel(base: .v3))
        let first = try #require(table.leaf(1))
        #expect(first.edx == 0x178B_FBFF && first.ecx >> 31 == 1 && first.eax == 0x806F8)
        // MONITOR, PDCM, VMX.
        #expect(first.ecx & 0x8028 == 0)
        #expect(table.leaf(7)?.edx == 0xBC00_0400)
        #expect(table.leaf(7, 1).map { [$0.eax, $0.ebx, $0.ecx, $0.edx] } == [0, 0, 0, 0])
        for function: UInt32 in [5, 0xA, 0x14, 0x1D, 0x8000_000A] { #expect(table.leaf(function) == nil) }
        for function: UInt32 in [0x4000_0000, 0x4000_0001, 2] {
            #expect(table.leaf(function) == Self.everything.leaf(function))
        }
        #expect(table.leaf(0x8000_0008)?.eax == 0x3030)
    }

    @Test("two hosts look the same at a level, however much one has")
    func portable() throws {
        let model = try X86CPUModel(base: .v2)
        var modest = Self.everything
        for feature in X86Feature.allCases where ![.x2apic, .nx, .rdtscp].contains(feature) {
            guard !model.required.contains(feature) else { continue }
            modest.update(feature.place.function) { leaf in
                if leaf.index == feature.place.index { leaf[feature.place.register].set(bit: feature.place.bit, false) }
            }
        }
        modest.restrict(to: model)
        #expect(modest == shown(model))
    }

    @Test("XSAVE's area has room for the features that are shown, and for no others")
    func saveArea() throws {
        let avx = shown(try X86CPUModel(base: .v3))
        #expect(avx.leaf(0xD, 0).map { [$0.eax, $0.ecx, $0.edx] } == [0b111, 832, 0])
        #expect(avx.leaf(0xD, 1).map { [$0.eax, $0.ecx] } == [0, 0])
        #expect(avx.leaves.filter { $0.function == 0xD }.map(\.index) == [0, 1, 2])
        let without = shown(try X86CPUModel(base: .v2))
        #expect(without.leaf(0xD) == nil)
        let noTiles = shown(try X86CPUModel(base: .host, removing: [.amxTile]))
        #expect(noTiles.leaf(0xD, 0).map { [$0.eax, $0.ecx] } == [0x2E7, 2696])
        #expect(noTiles.leaf(0xD, 1)?.ecx == 0x1900, "the supervisor's components stay")
        let noAVX = shown(try X86CPUModel(base: .host, removing: [.avx]))
        #expect(noAVX.leaf(0xD, 0)?.eax == 0x60203 && noAVX.leaf(0xD, 2) == nil)
        let noXSAVES = shown(try X86CPUModel(base: .host, removing: [.xsaves]))
        #expect(noXSAVES.leaf(0xD, 11) == nil && noXSAVES.leaf(0xD, 1)?.ecx == 0)
    }

    @Test("a removed feature is hidden, with what needs it; the rest of the host stays")
    func removal() throws {
        let table = shown(try X86CPUModel(base: .host, removing: [.sse42, .smap]))
        #expect(features(table) == Set(X86Feature.allCases).subtracting([.sse42, .smap]))
        #expect(table.leaf(0x14) != nil && table.leaf(7, 1) == Self.everything.leaf(7, 1))
    }

    @Test("what a host lacks is told in CPUID's order")
    func lacking() throws {
        var host = Self.everything
        host.restrict(to: try X86CPUModel(base: .host, removing: [.avx, .movbe]))
        #expect(host.lacking(try X86CPUModel(base: .v2)) == [])
        #expect(host.lacking(try X86CPUModel(base: .v3)) == [.fma, .movbe, .avx, .f16c, .avx2])
        #expect(host.lacking(try X86CPUModel(base: .v3, removing: [.avx])) == [.movbe])
        #expect(host.lacking(try X86CPUModel(base: .host, adding: [.avx2])) == [.avx, .avx2])
        #expect(CPUIDTable([]).lacking(try X86CPUModel(base: .host, adding: [.aes])) == [.aes])
    }
}
