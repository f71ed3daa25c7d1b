extension CPUIDTable {
    /// Says in each leaf that tells of it where this CPU stands among the machine's.
    ///
    /// - Parameter apicID: its local APIC's identifier, in the layout of `topology`.
    package mutating func setTopology(apicID: UInt32, _ topology: CPUTopology) {
        let layout = APICIDLayout(topology)
        setInitialIdentifier(apicID, topology)
        setExtendedTopology(apicID, topology, layout)
        setCacheSharing(topology)
        if isAMD { setAMDTopology(apicID, topology, layout) }
    }

    /// Leaf 1. Source: Intel SDM vol. 2A, CPUID, table 3-8.
    private mutating func setInitialIdentifier(_ apicID: UInt32, _ topology: CPUTopology) {
        update(0x1) { leaf in
            // EBX 31:24 initial APIC identifier, 23:16 logical processors of the package.
            let processors = UInt32(clamping: min(topology.cpusOfSocket, 255))
            leaf.ebx = leaf.ebx & 0x0000_FFFF | (apicID & 0xFF) << 24 | processors << 16
            leaf.edx.set(bit: 28, topology.cpusOfSocket > 1)  // HTT: EBX 23:16 is valid.
        }
    }

    /// Leaf 0xB, and 0x1F where the host has it. A machine with threads or sockets gets leaf 0xB on any host: no other leaf
    /// tells all of them on each maker's CPUs. Source: Intel SDM vol. 2A, CPUID, "INPUT EAX = 0BH".
    private mutating func setExtendedTopology(_ apicID: UInt32, _ topology: CPUTopology, _ layout: APICIDLayout) {
        let isNew = leaf(0xB) == nil && topology.hasGroups
        if isNew { update(0) { $0.eax = max($0.eax, 0xB) } }
        for function: UInt32 in [0xB, 0x1F] where leaf(function) != nil || isNew && function == 0xB {
            remove(function)
            // Level types: 1 thread, 2 core, 0 the end. EAX: how far to shift to get the next level's identifier.
            let levels: [(shift: UInt32, count: Int, type: UInt32)] = [
                (layout.coreShift, topology.threads, 1), (layout.socketShift, topology.cpusOfSocket, 2), (0, 0, 0),
            ]
            for (index, level) in levels.enumerated() {
                let index = UInt32(clamping: index)
                leaves.append(
                    Leaf(
                        function, index: index, eax: level.shift, ebx: UInt32(clamping: level.count),
                        ecx: level.type << 8 | index, edx: apicID))
            }
        }
    }

    /// Leaves 4 and 0x8000_001D: the first and second level's caches are a core's, the third level's the socket's.
    private mutating func setCacheSharing(_ topology: CPUTopology) {
        for function: UInt32 in [0x4, 0x8000_001D] {
            update(function) { leaf in
                guard leaf.eax & 0x1F != 0 else { return }
                let level = leaf.eax >> 5 & 0x7
                let sharing = level >= 3 ? topology.cpusOfSocket : topology.threads
                leaf.eax = leaf.eax & ~0x03FF_C000 | UInt32(clamping: min(sharing - 1, 0xFFF)) << 14
                guard function == 0x4 else { return }
                leaf.eax = leaf.eax & ~0xFC00_0000 | UInt32(clamping: min(topology.cores - 1, 0x3F)) << 26
            }
        }
    }

    /// A machine with threads or sockets gets leaf 0x8000_001E on any of AMD's CPUs: Linux does not look at leaf 0xB there
    /// without. Source: AMD APM vol. 3, appendix E.4.
    private mutating func setAMDTopology(_ apicID: UInt32, _ topology: CPUTopology, _ layout: APICIDLayout) {
        update(0x8000_0001) { $0.ecx.set(bit: 1, topology.cpusOfSocket > 1) }  // CmpLegacy.
        update(0x8000_0008) { leaf in
            // ECX 15:12 ApicIdSize, 7:0 NC: the package's logical processors less one.
            let others = UInt32(clamping: min(topology.cpusOfSocket - 1, 255))
            leaf.ecx = leaf.ecx & ~0xF0FF | layout.socketShift << 12 | others
        }
        if topology.hasGroups && leaf(0x8000_001E) == nil {
            leaves.append(Leaf(0x8000_001E))
            update(0x8000_0000) { $0.eax = max($0.eax, 0x8000_001E) }
            update(0x8000_0001) { $0.ecx.set(bit: 22, true) }  // TopologyExtensions.
        }
        update(0x8000_001E) { leaf in
            leaf.eax = apicID
            // EBX 15:8 threads of a core less one, 7:0 the core. ECX 7:0 the node, of which a socket is one.
            let core = (apicID & (1 << layout.socketShift - 1)) >> layout.coreShift
            leaf.ebx = UInt32(clamping: topology.threads - 1) << 8 | core & 0xFF
            leaf.ecx = apicID >> layout.socketShift & 0xFF
        }
    }
}
