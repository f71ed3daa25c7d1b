extension CPUIDTable {
    package func has(_ feature: X86Feature) -> Bool {
        let place = feature.place
        return (leaf(place.function, place.index)?[place.register] ?? 0) >> place.bit & 1 == 1
    }

    /// What `model` must have and this table, the host's, has not; in the order of CPUID.
    package func lacking(_ model: X86CPUModel) -> [X86Feature] {
        X86Feature.allCases.filter { model.required.contains($0) && !has($0) }
    }

    /// Hides what `model` has not.
    package mutating func restrict(to model: X86CPUModel) {
        guard model != .host else { return }
        if model.base.features != nil { keepOnly(model.required) }
        for feature in model.removed {
            let place = feature.place
            change(place.function, place.index) { $0[place.register].set(bit: place.bit, false) }
        }
        restrictSaveArea()
    }

    private mutating func change(_ function: UInt32, _ index: UInt32, _ change: (inout Leaf) -> Void) {
        for position in leaves.indices where leaves[position].function == function && leaves[position].index == index {
            change(&leaves[position])
        }
    }
}

// MARK: - Levels

extension CPUIDTable {
    /// Registers full of features, and what stays of them at each level: what belongs to every x86-64 CPU, to the machine
    /// (APIC, time stamp counter, hypervisor), and what the host says of its CPU's weaknesses, so that kernels guard against those.
    private static let featureRegisters: [(function: UInt32, index: UInt32, register: Register, kept: UInt32)] = [
        // x2APIC, TSC deadline, hypervisor.
        (0x1, 0, .ecx, 1 << 21 | 1 << 24 | 1 << 31),
        // FPU to SSE2, and HTT, which is about the topology.
        (0x1, 0, .edx, 0x178B_FBFF),
        // ARAT: the APIC's timer runs always.
        (0x6, 0, .eax, 1 << 2),
        (0x6, 0, .ebx, 0), (0x6, 0, .ecx, 0), (0x6, 0, .edx, 0),
        (0x7, 0, .ebx, 0), (0x7, 0, .ecx, 0),
        // MD_CLEAR, IBRS and IBPB, STIBP, L1D_FLUSH, ARCH_CAPABILITIES, SSBD.
        (0x7, 0, .edx, 1 << 10 | 0xF << 26 | 1 << 31),
        (0x7, 1, .eax, 0), (0x7, 1, .ebx, 0), (0x7, 1, .ecx, 0), (0x7, 1, .edx, 0),
        // PSFD to MCDT_NO: all of speculation.
        (0x7, 2, .eax, 0), (0x7, 2, .ebx, 0), (0x7, 2, .ecx, 0), (0x7, 2, .edx, 0x3F),
        (0xD, 1, .eax, 0),
        // CmpLegacy and TopologyExtensions.
        (0x8000_0001, 0, .ecx, 1 << 1 | 1 << 22),
        // AMD's copy of leaf 1's, SYSCALL, NX, RDTSCP and long mode, which all CPUs of level 2 have.
        (0x8000_0001, 0, .edx, 0x0183_F3FF | 1 << 11 | 1 << 20 | 1 << 27 | 1 << 29),
        // The time stamp counter runs evenly.
        (0x8000_0007, 0, .eax, 0), (0x8000_0007, 0, .ebx, 0), (0x8000_0007, 0, .ecx, 0), (0x8000_0007, 0, .edx, 1 << 8),
        // IBPB, IBRS, STIBP and their modes, SSBD and PSFD with theirs, BTC_NO.
        (0x8000_0008, 0, .ebx, 1 << 12 | 0x3F << 14 | 0x7 << 24 | 0x3 << 28),
        // LFENCE serialises, null selectors clear the base; SBPB, IBPB_BRTYPE, SRSO_NO.
        (0x8000_0021, 0, .eax, 1 << 2 | 1 << 6 | 0x7 << 27),
        (0x8000_0021, 0, .ebx, 0), (0x8000_0021, 0, .ecx, 0), (0x8000_0021, 0, .edx, 0),
    ]

    /// Leaves that a level keeps: those above, and those that tell of the maker, caches, addresses, topology and clocks.
    private static func isKept(_ function: UInt32) -> Bool {
        switch function {
        case 0x0, 0x1, 0x2, 0x4, 0x6, 0x7, 0xB, 0xD, 0x15, 0x16, 0x1F: true
        case 0x4000_0000...0x4000_FFFF: true
        case 0x8000_0000...0x8000_0008, 0x8000_0019, 0x8000_001D, 0x8000_001E, 0x8000_0021: true
        default: false
        }
    }

    private mutating func keepOnly(_ features: Set<X86Feature>) {
        leaves.removeAll { !Self.isKept($0.function) || $0.function == 0x7 && $0.index > 2 }
        for place in Self.featureRegisters {
            var kept = place.kept
            for feature in features {
                let bit = feature.place
                guard bit.function == place.function, bit.index == place.index, bit.register == place.register else {
                    continue
                }
                kept.set(bit: bit.bit, true)
            }
            change(place.function, place.index) { $0[place.register] &= kept }
        }
        // The state of what is hidden by that goes with restrictSaveArea; unknown components have no feature here to go with.
        let known = Self.components.reduce(into: 0b11 as UInt32) { $0 |= 1 << $1.number }
        change(0xD, 0) {
            $0.eax &= known
            $0.edx = 0
        }
        change(0xD, 1) {
            $0.ecx &= known
            $0.edx = 0
        }
        leaves.removeAll { $0.function == 0xD && $0.index > 1 && ($0.index > 31 || known >> $0.index & 1 == 0) }
    }
}

// MARK: - The XSAVE area

extension CPUIDTable {
    /// Components of the XSAVE area, and whose state they hold: any of the features. Source: Intel SDM vol. 1 §13.1.
    private static let components: [(number: UInt32, features: [X86Feature])] = [
        (2, [.avx]), (3, [.mpx]), (4, [.mpx]), (5, [.avx512f]), (6, [.avx512f]), (7, [.avx512f]), (9, [.pku]),
        (11, [.shstk, .ibt]), (12, [.shstk, .ibt]), (17, [.amxTile]), (18, [.amxTile]),
    ]

    /// Takes from leaf 0xD what holds the state of features that are not there.
    private mutating func restrictSaveArea() {
        guard has(.xsave) else { return remove(0xD) }
        var gone: UInt32 = 0
        for component in Self.components where !component.features.contains(where: has) {
            gone |= 1 << component.number
        }
        // XSS is a register of XSAVES.
        let hasSupervisorState = has(.xsaves)
        leaves.removeAll { leaf in
            guard leaf.function == 0xD, (2..<32).contains(leaf.index) else { return false }
            // ECX bit 0: a component of IA32_XSS.
            return gone >> leaf.index & 1 == 1 || leaf.ecx & 1 == 1 && !hasSupervisorState
        }
        change(0xD, 1) { leaf in
            leaf.ecx &= hasSupervisorState ? ~gone : 0
            if !hasSupervisorState { leaf.edx = 0 }
        }
        // ECX: the size of the area with all components: the legacy region and the header, then each at its offset.
        var size: UInt32 = 512 + 64
        for leaf in leaves where leaf.function == 0xD && leaf.index >= 2 && leaf.ecx & 1 == 0 {
            size = max(size, leaf.eax &+ leaf.ebx)
        }
        change(0xD, 0) { leaf in
            leaf.eax &= ~gone
            leaf.ecx = min(leaf.ecx, size)
            leaf.ebx = min(leaf.ebx, size)
        }
    }
}
