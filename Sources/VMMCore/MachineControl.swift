/// What a device can ask of the machine it is part of.
package enum MachineRequest: Hashable, Sendable {
    /// The guest switched the machine off.
    case powerOff
    /// The guest pulled the reset line.
    case reset
    /// The guest's kernel says that it crashed.
    case panicked
    /// The guest ends the run with an exit status of its choice.
    case debugExit(code: UInt8)
}

/// The machine, as far as a device may know it.
package protocol MachineControl: AnyObject, Sendable {
    /// Takes note of `request` and returns at once: the access that caused it completes first. Of several requests the
    /// first counts.
    ///
    /// Threading: any thread; a device calls it without a lock held.
    func request(_ request: MachineRequest)
}
