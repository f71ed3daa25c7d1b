package import VMMCore

// The CPU interface's registers, for a backend that reaches devices by MRS and MSR.

extension GICv3: SystemRegisterDevice {
    package func readSystemRegister(_ register: SystemRegister, on cpu: VCPUIndex, level: UInt8) -> UInt64? {
        guard let register = ICCRegister(register), register.direction != .writeOnly, level > 0,
            (0..<cpuCount).contains(cpu.rawValue)
        else { return nil }
        return readSystemRegister(register, cpu: cpu.rawValue)
    }

    package func writeSystemRegister(_ value: UInt64, to register: SystemRegister, on cpu: VCPUIndex, level: UInt8)
        -> Bool
    {
        guard let register = ICCRegister(register), register.direction != .readOnly, level > 0,
            (0..<cpuCount).contains(cpu.rawValue)
        else { return false }
        writeSystemRegister(register, value, cpu: cpu.rawValue)
        return true
    }
}

extension ICCRegister {
    /// The register with this encoding, or nil.
    init?(_ register: SystemRegister) {
        guard register.rawValue >> 11 == 0b11_000 else { return nil }
        self.init(
            crn: UInt8(register.rawValue >> 7 & 15), crm: UInt8(register.rawValue >> 3 & 15),
            op2: UInt8(register.rawValue & 7))
    }
}
