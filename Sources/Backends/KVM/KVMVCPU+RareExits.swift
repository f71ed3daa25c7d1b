internal import KVMBridge
internal import VMMCore

// The exits that end something. SAFETY, for this file: as for KVMVCPU+Run.swift; the union's members that are read are those of
// the exit's reason.

extension KVMVCPU {
    @inline(never)
    func decodeRareExit() -> VCPUExit {
        let number = unsafe page.pointee.exit_reason
        unsafe state.pointee.pending = .nothing
        guard let reason = KVMExitReason(rawValue: number) else { return .failure(.unhandledExit(reason: number)) }
        switch reason {
        case .hlt:
            return .halted
        case .intr:
            // The guest's state is complete and nothing is wanted of us.
            return .interrupted
        case .irqWindowOpen:
            // What it was asked for may have gone: the next entry looks.
            unsafe page.pointee.request_interrupt_window = 0
            return .interrupted
        case .ioapicEOI:
            tellEndOfInterrupt()
            return .interrupted
        case .x86ReadMSR, .x86WriteMSR:
            return refuseRegister(isWrite: reason == .x86WriteMSR)
        case .shutdown:
            return .shutdown
        case .systemEvent:
            return decodeSystemEvent()
        case .debug:
            return decodeDebugExit()
        case .failEntry:
            return .failure(.entryRefused(hardwareReason: unsafe page.pointee.fail_entry.hardware_entry_failure_reason))
        case .internalError:
            return decodeInternalError()
        case .io, .mmio, .unknown, .exception, .hypercall, .setTPR, .tprAccess, .s390SIEIC, .s390Reset, .dcr, .nmi,
            .osi,
            .paprHypercall, .s390UControl, .watchdog, .s390TSCH, .epr, .s390STSI, .hyperV, .armNISV,
            .dirtyRingFull, .apResetHold, .x86BusLock, .xen, .riscvSBI, .riscvCSR, .notify,
            .loongArchIOCSR, .memoryFault, .tdx:
            return .failure(.unhandledExit(reason: number))
        }
    }

    /// Has KVM raise #GP, as hardware does, with the next entry.
    private func refuseRegister(isWrite: Bool) -> VCPUExit {
        let access = unsafe page.pointee.msr
        unsafe page.pointee.msr.error = 1
        unsafe state.pointee.pending = .write
        return .refusedRegister(ModelSpecificRegister(access.index), written: isWrite ? access.data : nil)
    }

    private func decodeSystemEvent() -> VCPUExit {
        switch Int32(bitPattern: unsafe page.pointee.system_event.type) {
        case KVM_SYSTEM_EVENT_SHUTDOWN: .systemEvent(.powerOff)
        case KVM_SYSTEM_EVENT_RESET: .systemEvent(.reset)
        case KVM_SYSTEM_EVENT_CRASH: .systemEvent(.crash)
        #if arch(arm64)
            case KVM_SYSTEM_EVENT_SUSPEND: (try? suspendSystem()) ?? .failure(Self.unhandledSystemEvent)
            case KVM_SYSTEM_EVENT_WAKEUP: (try? wakeSystem()) ?? .failure(Self.unhandledSystemEvent)
        #endif
        default: .failure(Self.unhandledSystemEvent)
        }
    }

    private static let unhandledSystemEvent = VCPURunFailure.unhandledExit(reason: UInt32(KVM_EXIT_SYSTEM_EVENT))

    private func decodeInternalError() -> VCPUExit {
        let error = unsafe page.pointee.emulation_failure
        var instruction = InstructionBytes()
        // ndata counts 64-bit words: one of flags, two of size and bytes. Source: <linux/kvm.h>, emulation_failure.
        if error.suberror == UInt32(KVM_INTERNAL_ERROR_EMULATION), error.ndata >= 3,
            error.flags & UInt64(KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES) != 0
        {
            let count = Int(min(error.insn_size, 15))
            instruction = unsafe withUnsafeBytes(of: error.insn_bytes) { unsafe InstructionBytes($0.prefix(count)) }
        }
        if instruction.count == 0 { instruction = instructionAtPC() }
        return .failure(.internalError(suberror: error.suberror, instruction: instruction))
    }

    /// What lies in RAM at the program counter, at most 15 bytes and none beyond its page; empty when that cannot be read.
    private func instructionAtPC() -> InstructionBytes {
        #if arch(x86_64)
            guard let registers = try? registers(), let memory = machine.memory else { return InstructionBytes() }
            let linear = registers.cs.base &+ registers.rip
            guard let start = translate(GuestVirtualAddress(linear)) else { return InstructionBytes() }
            let count = min(15, 4096 - Int(start.rawValue % 4096))
            return InstructionBytes((try? memory.copyOut(start, count: count)) ?? [])
        #else
            // KVM on arm64 decodes no instructions of the guest.
            return InstructionBytes()
        #endif
    }
}
