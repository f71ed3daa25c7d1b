internal import Disassembly
internal import VMMCore

/// The arm64 part of a report: the registers, and the code around the PC.
enum ARM64Report {
    /// A vCPU as a report shows it. On its own thread between two `run()`, or when none runs it.
    static func describe<CPU: AddressTranslating>(
        _ index: VCPUIndex, _ vcpu: CPU, _ exits: ExitTrace, _ memory: GuestMemory
    ) -> MachineReport.VCPU where CPU.Registers == ARM64Registers {
        MachineReport.VCPU(index, vcpu, exits, memory, rows: registerRows, situation: situation) { ($0.pc, .arm64) }
    }

    static func registerRows(_ registers: ARM64Registers) -> [[(name: String, value: String)]] {
        func row(_ items: (String, UInt64)...) -> [(name: String, value: String)] {
            items.map { (name: $0.0, value: sixteenDigits($0.1)) }
        }
        var rows = [
            row(
                ("pc ", registers.pc), ("pstate", registers.pstate), ("sp_el0", registers.sp_el0),
                ("sp_el1", registers.sp_el1))
        ]
        let count = ARM64Registers.InlineRegisters.count
        for first in stride(from: 0, to: count, by: 4) {
            rows.append(
                (first..<min(first + 4, count)).map { number in
                    (name: number < 10 ? "x\(number) " : "x\(number)", value: sixteenDigits(registers.x[number]))
                })
        }
        rows.append(row(("esr_el1", registers.esr_el1), ("far_el1", registers.far_el1), ("elr_el1", registers.elr_el1)))
        rows.append(
            row(("spsr_el1", registers.spsr_el1), ("vbar_el1", registers.vbar_el1), ("sctlr_el1", registers.sctlr_el1)))
        rows.append(
            row(("ttbr0_el1", registers.ttbr0_el1), ("ttbr1_el1", registers.ttbr1_el1), ("tcr_el1", registers.tcr_el1)))
        return rows
    }
}
