/// What a vCPU shows when it is made, beyond which features it has.
package struct ARM64CPUDetails: Hashable, Sendable {
    /// Of SVE's vectors, in bits, ascending; empty without SVE.
    package var vectorLengths: [Int]
    /// Event counters of the performance monitors, besides that of cycles; nil without them.
    package var eventCounters: Int?
    /// For debuggers.
    package var breakpoints: Int
    package var watchpoints: Int
    /// The registers that KVM has for it; nil: it lists none.
    package var registers: KVMRegisterListCheck?

    package init(vectorLengths: [Int], eventCounters: Int?, breakpoints: Int, watchpoints: Int) {
        self.vectorLengths = vectorLengths
        self.eventCounters = eventCounters
        self.breakpoints = breakpoints
        self.watchpoints = watchpoints
    }
}
