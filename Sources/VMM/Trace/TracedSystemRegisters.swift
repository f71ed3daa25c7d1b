internal import VMMCore

/// Stands before a device of system registers, and tells what goes through.
final class TracedSystemRegisters: SystemRegisterDevice {
    /// Nil: not worth a line.
    typealias Describer = @Sendable (_ register: SystemRegister, _ value: UInt64, _ isWrite: Bool) -> String?

    private let device: any SystemRegisterDevice
    private let describe: Describer
    private let tell: @Sendable (VCPUIndex, String) -> Void

    init(
        _ device: any SystemRegisterDevice, describe: @escaping Describer,
        tell: @escaping @Sendable (VCPUIndex, String) -> Void
    ) {
        self.device = device
        self.describe = describe
        self.tell = tell
    }

    func readSystemRegister(_ register: SystemRegister, on cpu: VCPUIndex, level: UInt8) -> UInt64? {
        let value = device.readSystemRegister(register, on: cpu, level: level)
        if let value, let text = describe(register, value, false) { tell(cpu, text) }
        return value
    }

    func writeSystemRegister(_ value: UInt64, to register: SystemRegister, on cpu: VCPUIndex, level: UInt8) -> Bool {
        let isDone = device.writeSystemRegister(value, to: register, on: cpu, level: level)
        if isDone, let text = describe(register, value, true) { tell(cpu, text) }
        return isDone
    }

    /// GICv3's CPU interface. Source: Arm IHI 0069, 12.2 "AArch64 System register descriptions".
    static let interruptWords: Describer = { register, value, isWrite in
        switch (register, isWrite) {
        case (SystemRegister(3, 0, 12, 12, 0), false), (SystemRegister(3, 0, 12, 8, 0), false):
            value == 1023 ? "acknowledged nothing (1023)" : "acknowledged INTID \(value)"
        case (SystemRegister(3, 0, 12, 12, 1), true), (SystemRegister(3, 0, 12, 8, 1), true): "ended INTID \(value)"
        case (SystemRegister(3, 0, 12, 11, 1), true): "deactivated INTID \(value)"
        case (SystemRegister(3, 0, 12, 11, 5), true):
            "sent SGI \(value >> 24 & 15)"
                + (value >> 40 & 1 == 1
                    ? " to all others"
                    : " to CPUs \(hexadecimal(value & 0xFFFF)) of cluster "
                        + "\(value >> 48 & 0xFF).\(value >> 32 & 0xFF).\(value >> 16 & 0xFF)")
        default: nil
        }
    }

    /// The generic timer; the counter's reads are left out. Source: Arm DDI 0487, D24.10.
    static let timerWords: Describer = { register, value, isWrite in
        let name: String? =
            switch register {
            case SystemRegister(3, 3, 14, 2, 0): "CNTP_TVAL_EL0"
            case SystemRegister(3, 3, 14, 2, 1): "CNTP_CTL_EL0"
            case SystemRegister(3, 3, 14, 2, 2): "CNTP_CVAL_EL0"
            case SystemRegister(3, 3, 14, 3, 0): "CNTV_TVAL_EL0"
            case SystemRegister(3, 3, 14, 3, 1): "CNTV_CTL_EL0"
            case SystemRegister(3, 3, 14, 3, 2): "CNTV_CVAL_EL0"
            default: nil
            }
        return name.map { "\(isWrite ? "write" : "read ") \($0) \(hexadecimal(value))" }
    }
}
