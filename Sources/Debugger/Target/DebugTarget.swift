package import VMMCore

/// The machine as a debugger sees it. All stops are stops of all vCPUs.
///
/// All but `control` and `layout` work while the machine stands still only. Threading: the debugger's thread.
package protocol DebugTarget: AnyObject, Sendable {
    var layout: RegisterLayout { get }
    var vcpuCount: Int { get }

    /// The values in the layout's order, nil for what the vCPU cannot tell; nil when the vCPU cannot be asked.
    func registers(of vcpu: VCPUIndex) -> [UInt128?]?
    /// Sets the given registers, by their numbers in the layout. False: refused.
    func setRegisters(_ values: [Int: UInt128], of vcpu: VCPUIndex) -> Bool

    /// Up to `count` bytes by the vCPU's translation, fewer where memory ends.
    func readMemory(at address: GuestVirtualAddress, count: Int, on vcpu: VCPUIndex) -> [UInt8]
    /// All or nothing.
    func writeMemory(_ bytes: [UInt8], at address: GuestVirtualAddress, on vcpu: VCPUIndex) -> Bool

    /// Replaces all stop points. False: the backend cannot have so many or such; the old ones stay.
    func setStopPoints(_ points: Set<StopPoint>) -> Bool

    /// Goes on, stops, ends. Stops are told as `TargetEvent`s.
    func control(_ control: TargetControl)
    /// Lines for a person: a vCPU's state, or with nil the machine's.
    func describe(_ vcpu: VCPUIndex?) -> String
}

package enum TargetControl: Hashable, Sendable {
    /// What each vCPU does, by index; those beyond the list stay.
    case resume([VCPUAction])
    case stop
    case reset
    case powerOff
}

/// What a vCPU does when the machine goes on.
package enum VCPUAction: Hashable, Sendable {
    case run
    /// One instruction, then a stop.
    case step
    case stay
}
