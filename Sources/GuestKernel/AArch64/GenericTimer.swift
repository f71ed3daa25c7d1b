import CSupport

/// The generic timer's virtual timer. Source: Arm DDI 0487, D11.
enum GenericTimer {
    /// PPI 11 is INTID 27.
    static var interrupt: UInt32 { 16 + VirtPlatform.virtualTimerPPI }

    /// Interrupts when the virtual counter reaches `value`; at once when it has.
    static func set(_ value: UInt64) {
        write_cntv_cval(value)
        // ENABLE, not IMASK.
        write_cntv_ctl(1)
        instruction_barrier()
    }

    /// Lowers the line.
    static func stop() {
        write_cntv_ctl(0)
        instruction_barrier()
    }
}
