/// What a CPU answers to the CPUID instruction, leaf by leaf.
package struct CPUIDTable: Hashable, Sendable {
    package enum Register: Hashable, Sendable {
        case eax
        case ebx
        case ecx
        case edx
    }

    package struct Leaf: Hashable, Sendable {
        /// EAX before the instruction.
        package var function: UInt32
        /// ECX before the instruction, where `hasIndex`.
        package var index: UInt32
        /// The answer depends on ECX.
        package var hasIndex: Bool
        package var eax: UInt32
        package var ebx: UInt32
        package var ecx: UInt32
        package var edx: UInt32

        package init(
            _ function: UInt32, index: UInt32? = nil, eax: UInt32 = 0, ebx: UInt32 = 0, ecx: UInt32 = 0,
            edx: UInt32 = 0
        ) {
            self.function = function
            self.index = index ?? 0
            hasIndex = index != nil
            self.eax = eax
            self.ebx = ebx
            self.ecx = ecx
            self.edx = edx
        }

        package subscript(register: Register) -> UInt32 {
            get {
                switch register {
                case .eax: eax
                case .ebx: ebx
                case .ecx: ecx
                case .edx: edx
                }
            }
            set {
                switch register {
                case .eax: eax = newValue
                case .ebx: ebx = newValue
                case .ecx: ecx = newValue
                case .edx: edx = newValue
                }
            }
        }
    }

    package var leaves: [Leaf]

    package init(_ leaves: [Leaf]) { self.leaves = leaves }

    package func leaf(_ function: UInt32, _ index: UInt32 = 0) -> Leaf? {
        leaves.first { $0.function == function && $0.index == index }
    }

    /// Changes each leaf of this function, if there are.
    package mutating func update(_ function: UInt32, _ change: (inout Leaf) -> Void) {
        for position in leaves.indices where leaves[position].function == function { change(&leaves[position]) }
    }

    package mutating func remove(_ function: UInt32) { leaves.removeAll { $0.function == function } }

    /// Whether leaf 0 names a CPU in the line of AMD's: "AuthenticAMD" or "HygonGenuine", here in EBX.
    package var isAMD: Bool { leaf(0).map { $0.ebx == 0x6874_7541 || $0.ebx == 0x6F67_7948 } ?? false }
}

extension UInt32 {
    package mutating func set(bit: UInt32, _ value: Bool) {
        if value { self |= 1 << bit } else { self &= ~(1 << bit) }
    }
}
