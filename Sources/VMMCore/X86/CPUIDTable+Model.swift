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
    /// A register full of features, and the bits of it that stay at each level.
    private struct FeatureRegister {
        let function: UInt32
        let index: UInt32
        let register: Register
        let kept: UInt32

        init(_ function: UInt32, _ register: Register, index: UInt32 = 0, mask: UInt32 = 0, bits: UInt32...) {
            self.function = function
            self.index = index
            self.register = register
            kept = bits.reduce(mask) { $0 | 1 << $1 }
        }
    }

    /// What stays belongs to every x86-64 CPU, or to the machine (APIC, time stamp counter, hypervisor), or it is what the
    /// host says of its CPU's weaknesses, so that kernels guard against those.
    private static let featureRegisters: [FeatureRegister] = [
        // x2APIC, TSC deadline, hypervisor.
        .init(0x1, .ecx, bits: 21, 24, 31),
        // FPU to SSE2, and HTT, which is about the topology.
        .init(0x1, .edx, mask: 0x178B_FBFF),
        // ARAT: the APIC's timer runs always.
        .init(0x6, .eax, bits: 2), .init(0x6, .ebx), .init(0x6, .ecx), .init(0x6, .edx),
        // MD_CLEAR, IBRS and IBPB, STIBP, L1D_FLUSH, ARCH_CAPABILITIES, SSBD.
        .init(0x7, .ebx), .init(0x7, .ecx), .init(0x7, .edx, bits: 10, 26, 27, 28, 29, 31),
        .init(0x7, .eax, index: 1), .init(0x7, .ebx, index: 1), .init(0x7, .ecx, index: 1), .init(0x7, .edx, index: 1),
        // PSFD to MCDT_NO: all of speculation.
        .init(0x7, .eax, index: 2), .init(0x7, .ebx, index: 2), .init(0x7, .ecx, index: 2),
        .init(0x7, .edx, index: 2, mask: 0x3F),
        .init(0xD, .eax, index: 1),
        // CmpLegacy and TopologyExtensions.
        .init(0x8000_0001, .ecx, bits: 1, 22),
        // AMD's copy of leaf 1's, SYSCALL, NX, RDTSCP and long mode, which all CPUs of level 2 have.
        .init(0x8000_0001, .edx, mask: 0x0183_F3FF, bits: 11, 20, 27, 29),
        // The time stamp counter runs evenly.
        .init(0x8000_0007, .eax), .init(0x8000_0007, .ebx), .init(0x8000_0007, .ecx), .init(0x8000_0007, .edx, bits: 8),
        // IBPB, IBRS, STIBP and their modes, SSBD with its own, PSFD, BTC_NO.
        .init(0x8000_0008, .ebx, bits: 12, 14, 15, 16, 17, 18, 19, 24, 25, 26, 28, 29),
        // LFENCE serialises, null selectors clear the base; SBPB, IBPB_BRTYPE, SRSO_NO.
        .init(0x8000_0021, .eax, bits: 2, 6, 27, 28, 29),
        .init(0x8000_0021, .ebx), .init(0x8000_0021, .ecx), .init(0x8000_0021, .edx),
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
