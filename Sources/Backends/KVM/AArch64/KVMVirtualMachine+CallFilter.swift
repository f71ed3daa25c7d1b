#if arch(arm64)
    internal import KVMBridge

    extension KVMVirtualMachine {
        /// What becomes of a guest's calls of firmware.
        package enum CallAction: Hashable, Sendable {
            /// KVM answers, itself or with NOT_SUPPORTED.
            case handle
            /// NOT_SUPPORTED, whatever KVM knows.
            case deny

            var number: UInt8 {
                switch self {
                case .handle: UInt8(KVM_SMCCC_FILTER_HANDLE.rawValue)
                case .deny: UInt8(KVM_SMCCC_FILTER_DENY.rawValue)
                }
            }
        }

        /// Decides on the calls of functions, by their identifiers, before a vCPU runs; once each. KVM keeps those of the Arm architecture
        /// (0x8000_0000 to 0x8000_FFFF and 0xC000_0000 to 0xC000_FFFF) to itself.
        ///
        /// Machines are made without: what KVM does not know it answers with NOT_SUPPORTED, and nothing is forwarded, for no call is answered here.
        /// Source: Linux devices/vm.rst 6 "GROUP: KVM_ARM_VM_SMCCC_CTRL" (since 6.4); Arm DEN0028, 2.5 for the identifiers.
        package func filterCalls(_ identifiers: ClosedRange<UInt32>, _ action: CallAction) throws(KVMError) {
            let (last, first) = (identifiers.upperBound, identifiers.lowerBound)
            let (count, overflow) = (last - first).addingReportingOverflow(1)
            guard !overflow else { throw .refused(.setCallFilter, errno: 22) }
            try checked(
                swvmm_kvm_arm_set_smccc_filter(descriptor.number, first, count, action.number), .setCallFilter)
        }
    }
#endif
