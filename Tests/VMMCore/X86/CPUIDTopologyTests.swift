import Testing
import VMMCore

@Suite("CPUID: where a CPU stands") struct CPUIDTopologyTests {
    private func topology(_ sockets: Int, _ cores: Int, _ threads: Int) throws -> CPUTopology {
        try CPUTopology(count: sockets * cores * threads, sockets: sockets, cores: cores, threads: threads)
    }

    private static let intel: [CPUIDTable.Leaf] = [
        .init(0, eax: 0xD, ebx: 0x756E_6547, ecx: 0x6C65_746E, edx: 0x4965_6E69),
        .init(1, ebx: 0x0700_0800, edx: 0x0F8B_FBFF),
        // Level 1 data, level 3, the end.
        .init(4, index: 0, eax: 0x0000_0121), .init(4, index: 1, eax: 0x0000_0163), .init(4, index: 2),
        .init(0xB, index: 0, ebx: 77), .init(0xB, index: 1),
    ]

    private static let amd: [CPUIDTable.Leaf] = [
        .init(0, eax: 0x7, ebx: 0x6874_7541, ecx: 0x444D_4163, edx: 0x6974_6E65),
        .init(1, edx: 0x178B_FBFF), .init(0x8000_0001, ecx: 0x0040_0001),
        .init(0x8000_0008, eax: 0x3030, ecx: 0x0001_F0FF),
        .init(0x8000_001D, index: 0, eax: 0x121), .init(0x8000_001D, index: 1, eax: 0x163),
        .init(0x8000_001E, ecx: 0xFFFF),
    ]

    private func leaf(_ leaves: [CPUIDTable.Leaf], _ apicID: UInt32, _ topology: CPUTopology) -> (UInt32, UInt32) ->
        CPUIDTable.Leaf?
    {
        var table = CPUIDTable(leaves)
        table.setTopology(apicID: apicID, topology)
        return { [table] in table.leaf($0, $1) }
    }

    @Test("APIC identifiers are consecutive exactly where the layout says so, and never twice")
    func identifiers() throws {
        for sockets in 1...64 {
            for cores in 1...64 / sockets {
                for threads in 1...64 / (sockets * cores) {
                    let topology = try topology(sockets, cores, threads)
                    let layout = APICIDLayout(topology)
                    let identifiers = (0..<topology.count).map(layout.identifier)
                    #expect(Set(identifiers).count == topology.count)
                    #expect(
                        layout.isConsecutive == (identifiers == (0..<UInt32(topology.count)).map(\.self)), "\(topology)"
                    )
                }
            }
        }
        #expect(APICIDLayout(CPUTopology(count: 0)).isConsecutive)
    }

    @Test("leaf 1 has the APIC's identifier and the socket's CPUs; HTT is set where there are several")
    func initialIdentifier() throws {
        let first = try #require(leaf(Self.intel, 5, try topology(2, 2, 2))(1, 0))
        #expect(first.ebx == 0x0504_0800 && first.edx >> 28 & 1 == 1)
        let single = try #require(leaf(Self.amd, 0, CPUTopology(count: 1))(1, 0))
        #expect(single.ebx == 0x0001_0000 && single.edx >> 28 & 1 == 0)
    }

    @Test("leaf 0xB: threads, cores, the end, each with the way to the next level")
    func extendedTopology() throws {
        let leaf = leaf(Self.intel, 11, try topology(2, 4, 2))
        let levels = try (0..<3).map { try #require(leaf(0xB, $0)) }
        #expect(
            levels.map { [$0.eax, $0.ebx, $0.ecx, $0.edx] } == [[1, 2, 0x100, 11], [3, 8, 0x201, 11], [0, 0, 2, 11]])
        #expect(leaf(0x1F, 0) == nil, "a host without has none")
        #expect(leaf(0, 0)?.eax == 0xD)
    }

    @Test("a host without leaf 0xB: a guest with threads or sockets gets it, one without does not")
    func extendedTopologyIsAdded() throws {
        #expect(leaf(Self.amd, 0, CPUTopology(count: 4))(0xB, 0) == nil)
        let leaf = leaf(Self.amd, 3, try topology(1, 2, 2))
        #expect(leaf(0xB, 0)?.ebx == 2 && leaf(0xB, 1)?.ebx == 4 && leaf(0, 0)?.eax == 0xB)
    }

    @Test("caches: the first levels are a core's, the third is the socket's", arguments: [4, 0x8000_001D] as [UInt32])
    func caches(function: UInt32) throws {
        let leaf = leaf(function == 4 ? Self.intel : Self.amd, 0, try topology(2, 4, 2))
        let cores: UInt32 = function == 4 ? 3 << 26 : 0
        #expect(leaf(function, 0)?.eax == 0x121 | 1 << 14 | cores)
        #expect(leaf(function, 1)?.eax == 0x163 | 7 << 14 | cores)
        if function == 4 { #expect(leaf(4, 2)?.eax == 0) }
    }

    @Test(
        "one of AMD's CPUs without topology extensions: a guest with threads or sockets gets them, one without does not"
    )
    func topologyExtensionsAreAdded() throws {
        let old = Self.amd.filter { ![0x8000_0001, 0x8000_001D, 0x8000_001E].contains($0.function) }
        let extended = old + [.init(0x8000_0000, eax: 0x8000_000A), .init(0x8000_0001)]
        let leaf = leaf(extended, 3, try topology(1, 2, 2))
        #expect(leaf(0x8000_0000, 0)?.eax == 0x8000_001E && leaf(0x8000_0001, 0)?.ecx == 1 << 22 | 1 << 1)
        #expect(leaf(0x8000_001E, 0).map { [$0.eax, $0.ebx, $0.ecx] } == [3, 0x0101, 0])
        let plain = self.leaf(extended, 0, CPUTopology(count: 2))
        #expect(plain(0x8000_0001, 0)?.ecx == 1 << 1 && plain(0x8000_001E, 0) == nil)
    }

    @Test("AMD: the identifier's bits, the number of CPUs, threads a core, core and node")
    func amd() throws {
        let leaf = leaf(Self.amd, 0b1101, try topology(2, 4, 2))
        #expect(leaf(0x8000_0001, 0)?.ecx == 0x0040_0003)
        #expect(leaf(0x8000_0008, 0)?.ecx == 0x0001_3007)
        let place = try #require(leaf(0x8000_001E, 0))
        #expect([place.eax, place.ebx, place.ecx] == [0b1101, 0x0102, 1])
    }
}
