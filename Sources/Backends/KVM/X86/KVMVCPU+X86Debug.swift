#if arch(x86_64)
    internal import KVMBridge
    package import VMMCore

    // Stops for a debugger, by the CPU's own debug registers: the guest's memory stays as it is, and its own use of the debug
    // registers does not see ours. Source: KVM API 4.87 "KVM_SET_GUEST_DEBUG"; Intel SDM vol. 3B, 18.2 "Debug Registers".

    // SAFETY, for this file: as for KVMVCPU+Run.swift; the union's member that is read is that of KVM_EXIT_DEBUG.

    extension KVMVCPU: Debuggable {
        /// Points are refused where KVM takes no notice of them: the debugger then watches by single steps.
        package func setDebugPoints(_ points: DebugPointSet) throws(KVMError) -> Bool {
            guard points.breakpoints.isEmpty || KVMHost.debugPoints.stopAtCode else { return false }
            guard points.watchpoints.isEmpty || KVMHost.debugPoints.stopAtData else { return false }
            return try setAnyDebugPoints(points)
        }

        fileprivate func setAnyDebugPoints(_ points: DebugPointSet) throws(KVMError) -> Bool {
            guard let registers = X86DebugRegisters(points) else { return false }
            try setDebugRegisters(registers)
            return true
        }
    }

    extension X86DebugRegisters {
        func put(into debug: inout kvm_guest_debug) {
            debug.control |= UInt32(KVM_GUESTDBG_USE_HW_BP)
            debug.arch.debugreg.0 = addresses[0]
            debug.arch.debugreg.1 = addresses[1]
            debug.arch.debugreg.2 = addresses[2]
            debug.arch.debugreg.3 = addresses[3]
            debug.arch.debugreg.7 = control
        }
    }

    extension KVMVCPU {
        typealias DebugRegisters = X86DebugRegisters

        /// No interrupt is delivered, where KVM can hold them back: a step stays in the code that is looked at.
        var singleStepControl: UInt32 {
            let known = UInt32(bitPattern: machine.host.probe.value(of: .guestDebugFlags))
            return UInt32(KVM_GUESTDBG_SINGLESTEP) | known & UInt32(KVM_GUESTDBG_BLOCKIRQ)
        }

        /// KVM_EXIT_DEBUG in the terms of whoever debugs.
        func decodeDebugExit() -> VCPUExit {
            let debug = unsafe page.pointee.debug.arch
            let registers = unsafe state.pointee.debugRegisters
            let address = GuestVirtualAddress(debug.pc)
            // DR6: bits 3:0 tell which register matched, bit 14 a single step.
            for index in 0..<4 where debug.dr6 >> UInt64(index) & 1 != 0 {
                switch registers.kind(of: index) {
                case .execute: return .debug(address: address, reason: .breakpoint)
                case .write, .access:
                    return .debug(
                        address: address,
                        reason: .watchpoint(
                            accessed: GuestVirtualAddress(registers.addresses[index]),
                            isWrite: registers.kind(of: index) == .write))
                case nil: continue
                }
            }
            return .debug(address: address, reason: .step)
        }
    }

    extension KVMHost {
        /// Which of the CPU's debug registers stop a guest's kernel.
        package struct DebugPointSupport: Hashable, Sendable {
            package var stopAtCode = false
            package var stopAtData = false
        }

        /// A KVM that interprets kernel mode may not look at data breakpoints, one on an emulated CPU at none, and no capability tells: a guest of
        /// three instructions does, once for each kind.
        package static let debugPoints = DebugPointSupport(
            stopAtCode: stops(at: DebugPointSet(breakpoints: [GuestVirtualAddress(0x1003)])),
            stopAtData: stops(
                at: DebugPointSet(watchpoints: [
                    Watchpoint(address: GuestVirtualAddress(0x600), size: 1, isOnReads: false, isOnWrites: true)
                ])))

        private static func stops(at points: DebugPointSet) -> Bool {
            // In real mode at 0x1000: mov [0x600], al; nop; out 0x80, al. The port ends what no point stopped.
            let code: [UInt8] = [0xA2, 0x00, 0x06, 0x90, 0xE6, 0x80]
            do {
                guard let cpu = try probeCPU(code), try cpu.setAnyDebugPoints(points) else { return false }
                guard case .debug = try cpu.run() else { return false }
                return true
            } catch {
                return false
            }
        }
    }
#endif
