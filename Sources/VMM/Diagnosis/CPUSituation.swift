internal import Disassembly
package import VMMCore

/// What a vCPU is at, as its registers, the code around the program counter and its last exits tell.
package struct CPUSituation: Hashable, Sendable {
    /// How it executes code now.
    package enum Mode: Hashable, Sendable {
        case x86Real
        case x86Protected
        case x86Long
        case arm64(exceptionLevel: UInt8)
    }

    package enum Activity: Hashable, Sendable {
        /// No other CPU has started it yet.
        case notStarted
        /// In HLT or WFI.
        case waiting
        case running
    }

    package let index: VCPUIndex
    package var mode: Mode
    package var activity: Activity
    /// IF on x86, PSTATE.I clear on arm64.
    package var takesInterrupts: Bool
    /// The guest has said where its exception handlers are.
    package var hasHandlers: Bool
    package var programCounter: UInt64
    /// The next instruction in the assembler's words; nil: no memory, or none that can be decoded.
    package var instruction: String?
    /// The last exit that was the guest's doing.
    package var lastExit: VCPUExit?
    /// arm64: the last exception to EL1; nil: there was none, or this is no arm64 CPU.
    package var exception: ARM64Exception?

    package struct ARM64Exception: Hashable, Sendable {
        package let esr: UInt64
        package let far: UInt64
        package let elr: UInt64
    }

    /// It waits, and no interrupt can end that. Never so on arm64, where a pending interrupt ends WFI whether it is masked or not: Linux
    /// idles so.
    package var standsStill: Bool {
        switch mode {
        case .x86Real, .x86Protected, .x86Long: activity == .waiting && !takesInterrupts
        case .arm64: false
        }
    }
}

/// What a situation is made of.
struct CPUSurroundings {
    let index: VCPUIndex
    /// Up to four bytes right before the program counter.
    let bytesBefore: [UInt8]
    let instruction: String?
    let exits: [VCPUExit]

    var lastExit: VCPUExit? { exits.last { $0 != .interrupted } }
}

extension X86Report {
    static func situation(_ registers: X86Registers, _ surroundings: CPUSurroundings) -> CPUSituation {
        // The reset vector. Source: Intel SDM vol. 3A §9.1.4.
        let isReset = registers.cs.selector == 0xF000 && registers.rip == 0xFFF0
        // RIP is behind the HLT while the CPU is in it.
        let isHalted = surroundings.bytesBefore.last == 0xF4
        let mode: CPUSituation.Mode =
            switch decodeMode(registers) {
            case .x86Long: .x86Long
            case .x86Protected: .x86Protected
            case .x86Real, .arm64: .x86Real
            }
        return CPUSituation(
            index: surroundings.index,
            mode: mode,
            activity: isReset ? .notStarted : isHalted ? .waiting : .running,
            takesInterrupts: registers.rflags & 1 << 9 != 0,
            // In real mode the table is at 0 after reset, and is memory as any other.
            hasHandlers: registers.cr0 & 1 == 0 || registers.idtr.limit != 0,
            programCounter: programCounter(registers), instruction: surroundings.instruction,
            lastExit: surroundings.lastExit)
    }
}

extension ARM64Report {
    static func situation(_ registers: ARM64Registers, _ surroundings: CPUSurroundings) -> CPUSituation {
        // WFI, encoded. Source: Arm DDI 0487, C6.2.
        let isWaiting = surroundings.bytesBefore == [0x7F, 0x20, 0x03, 0xD5]
        return CPUSituation(
            index: surroundings.index,
            mode: .arm64(exceptionLevel: UInt8(truncatingIfNeeded: registers.pstate >> 2 & 3)),
            activity: registers.pc == 0 ? .notStarted : isWaiting ? .waiting : .running,
            takesInterrupts: registers.pstate & 1 << 7 == 0, hasHandlers: registers.vbar_el1 != 0,
            programCounter: registers.pc, instruction: surroundings.instruction, lastExit: surroundings.lastExit,
            exception: registers.esr_el1 == 0
                ? nil : .init(esr: registers.esr_el1, far: registers.far_el1, elr: registers.elr_el1))
    }
}
