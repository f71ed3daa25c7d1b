/// What of a guest's work is written to a file, for people.
public struct TraceConfiguration: Hashable, Sendable {
    public enum Kind: String, CaseIterable, Sendable {
        /// Each instruction: program counter, exception level, disassembly. Software CPU only.
        case exec
        /// Exceptions taken and returned from. Software CPU only.
        case exceptions
        /// Accesses to devices in memory, and on x86_64 in I/O ports.
        case mmio
        /// Interrupts acknowledged and ended, and those that CPUs send each other. Software CPU only.
        case irq
        /// Calls of the firmware interface. Software CPU only.
        case psci
        /// Accesses to the generic timer's registers. Software CPU only.
        case timers

        /// Whether the work is seen with the host's KVM, which does the rest itself.
        public var isSeenOnKVM: Bool { self == .mmio }
    }

    public var kinds: Set<Kind>
    public var path: String
    /// Only what happens at these addresses: the program counter's for exec, exceptions and psci, the device's for mmio.
    public var range: Range<UInt64>?

    public init(kinds: Set<Kind>, path: String, range: Range<UInt64>? = nil) {
        self.kinds = kinds
        self.path = path
        self.range = range
    }
}
