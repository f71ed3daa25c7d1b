#if arch(arm64)
    internal import KVMBridge
    package import VMMCore

    // Stops for a debugger, by the CPU's own debug registers: the guest's memory stays as it is. While they are used, the guest's own
    // debug registers have no effect. Source: KVM API 4.87 "KVM_SET_GUEST_DEBUG"; Arm DDI 0487, D2.8 to D2.12.

    // SAFETY, for this file: as for KVMVCPU+Run.swift; the union's member that is read is that of KVM_EXIT_DEBUG.

    extension KVMVCPU: Debuggable {
        package func setDebugPoints(_ points: DebugPointSet) throws(KVMError) -> Bool {
            let limits = machine.host.debugRegisterCounts
            guard
                let registers = ARM64DebugRegisters(
                    points, breakpointLimit: limits.breakpoints, watchpointLimit: limits.watchpoints)
            else { return false }
            try setDebugRegisters(registers)
            return true
        }
    }

    extension ARM64DebugRegisters {
        func put(into debug: inout kvm_guest_debug) {
            debug.control |= UInt32(KVM_GUESTDBG_USE_HW)
            for (index, pair) in breakpoints.enumerated() {
                unsafe swvmm_kvm_arm_set_breakpoint(&debug, UInt32(index), pair.control, pair.value)
            }
            for (index, pair) in watchpoints.enumerated() {
                unsafe swvmm_kvm_arm_set_watchpoint(&debug, UInt32(index), pair.control, pair.value)
            }
        }
    }

    extension KVMVCPU {
        typealias DebugRegisters = ARM64DebugRegisters

        var singleStepControl: UInt32 { UInt32(KVM_GUESTDBG_SINGLESTEP) }

        /// KVM_EXIT_DEBUG in the terms of whoever debugs. A watchpoint stops before its instruction.
        func decodeDebugExit() -> VCPUExit {
            let debug = unsafe page.pointee.debug.arch
            let address = GuestVirtualAddress((try? register(.pc)) ?? 0)
            // The exception class of ESR_ELx, bits 31:26: from a lower level, as seen from the host's.
            switch debug.hsr >> 26 {
            case 0x30: return .debug(address: address, reason: .breakpoint)
            // WnR, bit 6.
            case 0x34:
                return .debug(
                    address: address,
                    reason: .watchpoint(accessed: GuestVirtualAddress(debug.far), isWrite: debug.hsr >> 6 & 1 == 1))
            default: return .debug(address: address, reason: .step)
            }
        }
    }

    extension KVMHost {
        /// How many of each the host's CPU has, for all debuggers together.
        var debugRegisterCounts: (breakpoints: Int, watchpoints: Int) {
            (
                min(Int(probe.value(of: .hardwareBreakpoints)), Int(KVM_ARM_MAX_DBG_REGS)),
                min(Int(probe.value(of: .hardwareWatchpoints)), Int(KVM_ARM_MAX_DBG_REGS))
            )
        }
    }
#endif
