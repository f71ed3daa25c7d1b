internal import VMMCore

/// What KVM_GET_ONE_REG knows an arm64 vCPU's register by: its architecture, size, group and place.
/// Source: Linux api.rst 4.68 "KVM_SET_ONE_REG", arm64.
package struct KVMRegisterIdentifier: RawRepresentable, Hashable, Sendable {
    package var rawValue: UInt64
    package init(rawValue: UInt64) { self.rawValue = rawValue }

    /// Bits 27:16.
    package enum Group: Hashable, Sendable {
        /// A field of `struct kvm_regs`, by its position in words of 32 bits.
        case core(word: UInt16)
        /// A system register, by its MRS encoding: op0 in 15:14, op1 in 13:11, CRn in 10:7, CRm in 6:3, op2 in 2:0.
        case system(encoding: UInt16)
        /// One of several registers behind one name: cache sizes.
        case demultiplexed(UInt16)
        /// What KVM's own firmware does: PSCI's version, answers to SMCCC.
        case firmware(UInt16)
        case firmwareFeatures(UInt16)
        case sve(UInt16)
        case other(UInt64)
    }

    package var group: Group {
        let place = UInt16(truncatingIfNeeded: rawValue)
        return switch rawValue >> 16 & 0xFFF {
        case 0x10: .core(word: place)
        case 0x11: .demultiplexed(place)
        case 0x13: .system(encoding: place)
        case 0x14: .firmware(place)
        case 0x15: .sve(place)
        case 0x16: .firmwareFeatures(place)
        default: .other(rawValue >> 16 & 0xFFF)
        }
    }

    /// In bytes: 1 to 256.
    package var size: Int { 1 << Int(min(rawValue >> 52 & 0xF, 8)) }

    /// PMCNTENSET_EL0, PMINTENSET_EL1 and PMOVSSET_EL0 with the registers that clear what these set.
    private static let setters: [UInt64: UInt64] = [
        0x6030_0000_0013_DCE1: 0x6030_0000_0013_DCE2, 0x6030_0000_0013_C4F1: 0x6030_0000_0013_C4F2,
        0x6030_0000_0013_DCF3: 0x6030_0000_0013_DCE3,
    ]

    /// The register whose ones clear what this one's set, and which is another view of the same state; nil: this one is written whole.
    var clearing: UInt64? { Self.setters[rawValue] }

    var isClearing: Bool { Self.setters.values.contains(rawValue) }

    /// Whether a core register has a name here; true of all others.
    package var isKnown: Bool {
        guard case .core(let word) = group else { return true }
        return Self.coreName(word, size: size) != nil
    }

    /// By its architectural name where it has one here, else by what it is.
    package var words: String {
        switch group {
        case .core(let word): Self.coreName(word, size: size) ?? "core register at word \(word), \(size) bytes"
        case .system(let encoding): Self.systemName(encoding)
        case .demultiplexed(let place): "demultiplexed register \(place)"
        case .firmware(let place): "firmware register \(place)"
        case .firmwareFeatures(let place): "firmware features \(place)"
        case .sve(let place): "SVE register \(place)"
        case .other: "register 0x\(String(rawValue, radix: 16))"
        }
    }

    /// `struct kvm_regs`: x0 to x30, sp, pc, pstate, then those of EL1, five saved states, and behind padding the vectors with
    /// their control and status. Source: Linux arch/arm64/include/uapi/asm/kvm.h.
    private static func coreName(_ word: UInt16, size: Int) -> String? {
        switch (word, size) {
        case (0..<62, 8) where word % 2 == 0: "x\(word / 2)"
        case (62..<82, 8) where word % 2 == 0: coreNames[Int(word - 62) / 2]
        case (84..<212, 16) where word % 4 == 0: "v\((word - 84) / 4)"
        case (212, 4): "fpsr"
        case (213, 4): "fpcr"
        default: nil
        }
    }

    private static let coreNames = [
        "sp_el0", "pc", "pstate", "sp_el1", "elr_el1", "spsr_el1", "spsr_abt", "spsr_und", "spsr_irq", "spsr_fiq",
    ]

    /// Where the assembler has no name for all, its generic one.
    private static func systemName(_ encoding: UInt16) -> String {
        "s\(encoding >> 14 & 3)_\(encoding >> 11 & 7)_c\(encoding >> 7 & 15)_c\(encoding >> 3 & 15)_\(encoding & 7)"
    }
}

/// What KVM_GET_REG_LIST has against what is read and written here by name.
package struct KVMRegisterListCheck: Hashable, Sendable {
    package let count: Int
    /// Of those that are used here, what the list has not.
    package let missing: [String]
    /// Core registers that have no name here: a newer kernel's.
    package let unknown: [KVMRegisterIdentifier]

    /// - Parameter used: each with its name.
    init(list: [KVMRegisterIdentifier], used: [(name: String, identifier: UInt64)]) {
        let known = Set(list.map(\.rawValue))
        count = list.count
        missing = used.filter { !known.contains($0.identifier) }.map(\.name)
        unknown = list.filter { !$0.isKnown }
    }

    /// Whether all that is used is there.
    package var isComplete: Bool { missing.isEmpty }

    /// For a log, in one line.
    package var words: String {
        let parts = [
            "\(count) registers of a vCPU",
            missing.isEmpty ? nil : "without \(missing.joined(separator: ", "))",
            unknown.isEmpty ? nil : "unknown here: \(unknown.map(\.words).joined(separator: "; "))",
        ]
        return parts.compactMap(\.self).joined(separator: ", ")
    }
}
