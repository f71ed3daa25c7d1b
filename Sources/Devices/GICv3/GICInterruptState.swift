/// The states of an interrupt at the controller. Raw bits: 0 pending (latched), 1 active.
///
/// Pending here is what an edge, an SGI or a write of ISPENDR latched. A level-sensitive input makes its interrupt pending
/// besides, as long as it is asserted, and is not part of this state.
/// Source: GICv3, "Interrupt states".
enum GICInterruptState: UInt8, CaseIterable {
    case inactive = 0b00
    case pending = 0b01
    case active = 0b10
    case activeAndPending = 0b11

    enum Event: CaseIterable {
        /// A rising edge, an SGI, or a write to ISPENDR.
        case makePending
        /// A write to ICPENDR.
        case clearPending
        /// A CPU read the interrupt from ICC_IAR.
        case acknowledge
        /// A write to ICC_EOIR (EOImode 0), ICC_DIR or ICACTIVER.
        case deactivate
        /// A write to ISACTIVER.
        case activate
    }

    func after(_ event: Event) -> Self {
        switch (self, event) {
        case (.inactive, .makePending), (.pending, .makePending): .pending
        case (.active, .makePending), (.activeAndPending, .makePending): .activeAndPending

        case (.inactive, .clearPending), (.pending, .clearPending): .inactive
        case (.active, .clearPending), (.activeAndPending, .clearPending): .active

        // From inactive: a level-sensitive input alone made it pending.
        case (.inactive, .acknowledge), (.pending, .acknowledge): .active
        // An active interrupt is not offered to a CPU.
        case (.active, .acknowledge): .active
        case (.activeAndPending, .acknowledge): .activeAndPending

        case (.inactive, .deactivate), (.active, .deactivate): .inactive
        case (.pending, .deactivate), (.activeAndPending, .deactivate): .pending

        case (.inactive, .activate), (.active, .activate): .active
        case (.pending, .activate), (.activeAndPending, .activate): .activeAndPending
        }
    }
}

/// The two groups of a system with one security state. Group 0 is signalled by FIQ, group 1 by IRQ.
/// Source: GICv3, "Interrupt grouping", for GICD_CTLR.DS = 1.
enum GICGroup: UInt8, CaseIterable {
    case group0 = 0
    case group1 = 1
}
