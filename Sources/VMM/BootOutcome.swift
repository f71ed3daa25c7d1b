/// How a boot ended.
package struct BootOutcome: Sendable {
    package let reason: StopReason
    /// What the vCPUs looked like; nil unless the reason deserves a report.
    package let report: MachineReport?
    /// What can be said of the end besides; nil: nothing that was not said before.
    package var diagnosis: Diagnosis?
    /// What a repeatable run executed.
    package var counts: InstructionCounts?
    /// What the session's machines did.
    package var statistics: RunStatistics?
    /// Why the timeline that was asked for could not be written.
    package var timelineFailure: BootError?
    /// Why the trace that was asked for is not complete.
    package var traceFailure: BootError?
}

/// A line for the user about what swvmm does. The command line decides where it goes.
package struct SessionMessage: Sendable {
    package enum Level: Sendable {
        /// Always worth saying.
        case notice
        /// What the guest asked for, such as the key help.
        case answer
        /// Only with `--verbose`.
        case detail
    }

    package let level: Level
    package let text: String
}
