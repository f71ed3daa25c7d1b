/// Where an I/O APIC's messages go: local APICs that tell it of the end of its level-triggered interrupts.
///
/// Threading: any thread, one call at a time; nothing of the I/O APIC's is locked meanwhile.
package protocol IOAPICOutput: AnyObject, Sendable {
    /// Delivers an interrupt.
    func send(_ message: MSI)

    /// Tells what a level-triggered input sends from now on, before it is sent for the first time: the local APICs tell the I/O APIC of
    /// the end of its vector.
    func announce(_ message: MSI, ofInput input: Int)
}

/// Is told when a CPU has ended a level-triggered interrupt: an I/O APIC. Safe to call from any thread.
package protocol EndOfInterruptReceiver: AnyObject, Sendable {
    func endOfInterrupt(vector: UInt8)
}

/// Gives a CPU the vector of an interrupt that it takes: a pair of 8259s. Safe to call from any thread.
package protocol InterruptAcknowledging: AnyObject, Sendable {
    /// The INTA cycle. Nil: the request has been withdrawn before the CPU was ready for it.
    func acknowledge() -> UInt8?
}
