#if arch(x86_64)
    internal import Glibc
    internal import KVMBridge
    internal import VMMCore

    /// CPUID as KVM takes it.
    ///
    /// Only what KVM says that it supports goes in: a bit that KVM does not know would make a guest use what faults.
    enum KVMCPUID {
        /// More than any kernel reports (about 60); the bridge's table has as many.
        private static let capacity = 256

        /// What the KVM of this device supports.
        static func supported(by device: Int32) throws(KVMError) -> CPUIDTable {
            var entries = [kvm_cpuid_entry2](repeating: kvm_cpuid_entry2(), count: Self.capacity)
            // SAFETY: the buffer has `capacity` entries and lives through the call, which keeps no reference.
            let result = unsafe entries.withUnsafeMutableBufferPointer { buffer in
                guard let base = buffer.baseAddress else { return -EINVAL }
                return unsafe swvmm_kvm_get_supported_cpuid(device, base, UInt32(buffer.count))
            }
            let count = Int(try checked(result, .getSupportedCPUID))
            return CPUIDTable(entries.prefix(count).map(CPUIDTable.Leaf.init))
        }

        /// Gives a vCPU its CPUID.
        static func set(_ table: CPUIDTable, of vcpu: Int32) throws(KVMError) {
            let entries = table.leaves.map(\.entry)
            // SAFETY: the buffer lives through the call, which keeps no reference.
            let result = unsafe entries.withUnsafeBufferPointer { buffer in
                guard let base = buffer.baseAddress else { return -EINVAL }
                return unsafe swvmm_kvm_set_cpuid2(vcpu, base, UInt32(buffer.count))
            }
            try checked(result, .setCPUID)
        }
    }

    extension CPUIDTable {
        /// The table for one vCPU.
        ///
        /// - Parameters:
        ///   - apicID: the local APIC's identifier: the vCPU's index.
        ///   - tscKilohertz: frequency of the time stamp counter, or nil when KVM does not know it.
        func tailored(
            apicID: UInt32, topology: CPUTopology, tscKilohertz: UInt32?, hasTSCDeadline: Bool
        ) -> CPUIDTable {
            var table = self
            table.update(0x1) { leaf in
                leaf.ecx.set(bit: 31, true)  // A hypervisor is present.
                // KVM_CAP_TSC_DEADLINE_TIMER speaks for this bit: not every kernel sets it in the supported table.
                leaf.ecx.set(bit: 24, hasTSCDeadline)
            }
            table.setTopology(apicID: apicID, topology)
            table.setHypervisorLeaves(tscKilohertz: tscKilohertz)
            return table
        }

        /// Leaf 0x4000_0010: EAX the TSC's and EBX the APIC timer's frequency, in kHz. It is VMware's leaf, which KVM's
        /// guests know as well; KVM's own leaves stay. Source: Linux Documentation/virt/kvm/x86/cpuid.rst for the base.
        private mutating func setHypervisorLeaves(tscKilohertz: UInt32?) {
            guard let tscKilohertz, leaf(0x4000_0000) != nil, leaf(0x4000_0010) == nil else { return }
            update(0x4000_0000) { $0.eax = max($0.eax, 0x4000_0010) }
            // KVM's local APIC timer counts nanoseconds: its bus runs at 1 GHz (APIC_BUS_CYCLE_NS in arch/x86/kvm).
            leaves.append(Leaf(0x4000_0010, eax: tscKilohertz, ebx: 1_000_000))
        }
    }

    extension CPUIDTable.Leaf {
        fileprivate init(_ entry: kvm_cpuid_entry2) {
            let hasIndex = entry.flags & UInt32(KVM_CPUID_FLAG_SIGNIFCANT_INDEX) != 0
            self.init(
                entry.function, index: hasIndex ? entry.index : nil, eax: entry.eax, ebx: entry.ebx, ecx: entry.ecx,
                edx: entry.edx)
        }

        fileprivate var entry: kvm_cpuid_entry2 {
            var entry = kvm_cpuid_entry2()
            entry.function = function
            entry.index = index
            entry.flags = hasIndex ? UInt32(KVM_CPUID_FLAG_SIGNIFCANT_INDEX) : 0
            entry.eax = eax
            entry.ebx = ebx
            entry.ecx = ecx
            entry.edx = edx
            return entry
        }
    }
#endif
