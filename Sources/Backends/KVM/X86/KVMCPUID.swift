#if arch(x86_64)
    internal import Glibc
    internal import KVMBridge

    /// A table of CPUID leaves, fit for KVM_SET_CPUID2.
    ///
    /// Only what KVM says that it supports goes in, less nothing: a bit that KVM does not know would make a guest use
    /// what faults. Changed are the leaves that tell where a vCPU stands among its siblings, and the hypervisor's own.
    struct KVMCPUID: Sendable {
        private(set) var entries: [kvm_cpuid_entry2]

        /// More than any kernel reports (about 60); the bridge's table has as many.
        private static let capacity = 256

        init(supportedBy device: Int32) throws(KVMError) {
            var table = [kvm_cpuid_entry2](repeating: kvm_cpuid_entry2(), count: Self.capacity)
            // SAFETY: the buffer has `capacity` entries and lives through the call, which keeps no reference.
            let result = unsafe table.withUnsafeMutableBufferPointer { buffer in
                guard let base = buffer.baseAddress else { return -EINVAL }
                return unsafe swvmm_kvm_get_supported_cpuid(device, base, UInt32(buffer.count))
            }
            let count = Int(try checked(result, .getSupportedCPUID))
            entries = Array(table.prefix(count))
        }

        /// The table for one vCPU.
        ///
        /// - Parameters:
        ///   - apicID: the local APIC's identifier, below `cpuCount`.
        ///   - cpuCount: vCPUs of the machine: one package of single-threaded cores.
        ///   - tscKilohertz: frequency of the time stamp counter, or nil when KVM does not know it.
        func tailored(apicID: UInt32, cpuCount: UInt32, tscKilohertz: UInt32?, hasTSCDeadline: Bool) -> KVMCPUID {
            var table = self
            table.setFeatures(apicID: apicID, cpuCount: cpuCount, hasTSCDeadline: hasTSCDeadline)
            table.setTopology(apicID: apicID, cpuCount: cpuCount)
            table.setCacheSharing(cpuCount: cpuCount)
            table.setHypervisorLeaves(tscKilohertz: tscKilohertz)
            return table
        }

        func entry(_ function: UInt32, _ index: UInt32 = 0) -> kvm_cpuid_entry2? {
            entries.first { $0.function == function && $0.index == index }
        }

        private mutating func update(_ function: UInt32, _ change: (inout kvm_cpuid_entry2) -> Void) {
            for position in entries.indices where entries[position].function == function {
                change(&entries[position])
            }
        }
    }

    // MARK: - Leaves

    extension KVMCPUID {
        /// Leaf 1. Source: Intel SDM vol. 2A, CPUID, table 3-8.
        private mutating func setFeatures(apicID: UInt32, cpuCount: UInt32, hasTSCDeadline: Bool) {
            update(0x1) { leaf in
                // EBX 31:24 initial APIC identifier, 23:16 addressable logical processors in the package.
                leaf.ebx = leaf.ebx & 0x0000_FFFF | (apicID & 0xFF) << 24 | min(cpuCount, 255) << 16
                leaf.ecx.set(bit: 31, true)  // A hypervisor is present.
                // KVM_CAP_TSC_DEADLINE_TIMER speaks for this bit: not every kernel sets it in the supported table.
                leaf.ecx.set(bit: 24, hasTSCDeadline)
                leaf.edx.set(bit: 28, cpuCount > 1)  // HTT: EBX 23:16 is valid.
            }
        }

        /// Leaves 0xB, 0x1F (Intel SDM vol. 2A, CPUID) and 0x8000_0008, 0x8000_001E (AMD APM vol. 3, appendix E.4.7
        /// and E.4.17): one package, `cpuCount` cores, a thread each.
        private mutating func setTopology(apicID: UInt32, cpuCount: UInt32) {
            let identifierBits = UInt32(32 - (cpuCount - 1).leadingZeroBitCount)
            for function: UInt32 in [0xB, 0x1F] where entry(function) != nil {
                entries.removeAll { $0.function == function }
                // Level types: 1 thread, 2 core, 0 the end. EAX: how far to shift to get the next level's identifier.
                let levels: [(shift: UInt32, count: UInt32, type: UInt32)] = [
                    (0, 1, 1), (identifierBits, cpuCount, 2), (0, 0, 0),
                ]
                for (index, level) in levels.enumerated() {
                    var leaf = kvm_cpuid_entry2()
                    leaf.function = function
                    leaf.index = UInt32(index)
                    leaf.flags = UInt32(KVM_CPUID_FLAG_SIGNIFCANT_INDEX)
                    leaf.eax = level.shift
                    leaf.ebx = level.count
                    leaf.ecx = level.type << 8 | UInt32(index)
                    leaf.edx = apicID
                    entries.append(leaf)
                }
            }
            guard isAMD else { return }
            update(0x8000_0001) { $0.ecx.set(bit: 1, cpuCount > 1) }  // CmpLegacy.
            // ECX 15:12 ApicIdSize, 7:0 NC: cores less one.
            update(0x8000_0008) { $0.ecx = $0.ecx & ~0xF0FF | identifierBits << 12 | min(cpuCount - 1, 255) }
            update(0x8000_001E) { leaf in
                leaf.eax = apicID
                leaf.ebx = apicID & 0xFF  // 15:8 threads a core less one, 7:0 core.
                leaf.ecx = 0  // One node.
            }
        }

        /// Leaves 4 and 0x8000_001D: first and second level caches are a core's own, the third is the package's.
        private mutating func setCacheSharing(cpuCount: UInt32) {
            for function: UInt32 in [0x4, 0x8000_001D] {
                update(function) { leaf in
                    guard leaf.eax & 0x1F != 0 else { return }
                    let level = leaf.eax >> 5 & 0x7
                    let sharing = level >= 3 ? min(cpuCount - 1, 0xFFF) : 0
                    leaf.eax = leaf.eax & ~0x03FF_C000 | sharing << 14
                    if function == 0x4 { leaf.eax = leaf.eax & ~0xFC00_0000 | min(cpuCount - 1, 0x3F) << 26 }
                }
            }
        }

        /// Leaf 0x4000_0010: EAX the TSC's and EBX the APIC timer's frequency, in kHz. It is VMware's leaf, which KVM's
        /// guests know as well; KVM's own leaves stay. Source: Linux Documentation/virt/kvm/x86/cpuid.rst for the base.
        private mutating func setHypervisorLeaves(tscKilohertz: UInt32?) {
            guard let tscKilohertz, entry(0x4000_0000) != nil, entry(0x4000_0010) == nil else { return }
            update(0x4000_0000) { $0.eax = max($0.eax, 0x4000_0010) }
            var timing = kvm_cpuid_entry2()
            timing.function = 0x4000_0010
            timing.eax = tscKilohertz
            // KVM's local APIC timer counts nanoseconds: its bus runs at 1 GHz (APIC_BUS_CYCLE_NS in arch/x86/kvm).
            timing.ebx = 1_000_000
            entries.append(timing)
        }

        /// "AuthenticAMD" or "HygonGenuine" in leaf 0's EBX.
        private var isAMD: Bool { entry(0).map { $0.ebx == 0x6874_7541 || $0.ebx == 0x6F67_7948 } ?? false }
    }

    extension UInt32 {
        fileprivate mutating func set(bit: UInt32, _ value: Bool) {
            if value { self |= 1 << bit } else { self &= ~(1 << bit) }
        }
    }
#endif
