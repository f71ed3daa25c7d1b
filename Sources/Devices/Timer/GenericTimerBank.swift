package import VMMCore

/// The generic timers of all CPUs of a machine, for a backend that reaches devices by MRS and MSR. Threading: as `GenericTimer`.
package final class GenericTimerBank: SystemRegisterDevice {
    private let timers: [GenericTimer]

    /// - Parameter timers: CPU n's at index n.
    package init(_ timers: [GenericTimer]) { self.timers = timers }

    private func find(_ register: SystemRegister, _ cpu: VCPUIndex, _ level: UInt8) -> (
        GenericTimer, GenericTimerRegister
    )? {
        let raw = register.rawValue
        guard raw >> 14 == 3, raw >> 7 & 15 == 14, timers.indices.contains(cpu.rawValue),
            let named = GenericTimerRegister(
                op1: UInt8(raw >> 11 & 7), crm: UInt8(raw >> 3 & 15), op2: UInt8(raw & 7))
        else { return nil }
        let timer = timers[cpu.rawValue]
        return level > 0 || timer.allowsEL0(named) ? (timer, named) : nil
    }

    package func readSystemRegister(_ register: SystemRegister, on cpu: VCPUIndex, level: UInt8) -> UInt64? {
        find(register, cpu, level).map { $0.0.read($0.1) }
    }

    package func writeSystemRegister(_ value: UInt64, to register: SystemRegister, on cpu: VCPUIndex, level: UInt8)
        -> Bool
    {
        guard let (timer, named) = find(register, cpu, level), !named.isReadOnly,
            level > 0 || named != .CNTFRQ_EL0
        else { return false }
        timer.write(value, to: named)
        return true
    }
}
