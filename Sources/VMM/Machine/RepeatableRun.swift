internal import Glibc
internal import HostIO
package import VMMCore

/// What makes a machine's run repeat exactly: one clock, one order of turns, input at points that the guest decides.
struct RepeatableRun: Sendable {
    /// Instructions of one turn. Long enough that the change of turns costs little, short enough that vCPUs that wait for each
    /// other do not wait long: docs/deterministic.md has the figures.
    static let turnLength: UInt64 = 20_000
    /// What WFE waits at most when nobody has anything else to do: the period of Linux's event stream.
    static let eventPatience = Nanoseconds.microseconds(100)
    /// A turn that gets no further than this before WFE does nothing but wait.
    static let eventLoopLength: UInt64 = 64
    /// Of the session's seed: the numbers in the device tree; those of virtio-rng.
    static let bootSeedStream: UInt64 = 0
    static let entropyStream: UInt64 = 1

    let clock: VirtualClock
    let input: PacedInput
    /// Of all vCPUs together; nil: none.
    let instructionLimit: UInt64?
}

extension RepeatableRun {
    init(_ wanted: MachineConfiguration.Repeatability, console: ConsoleEndpoint) {
        clock = VirtualClock(startOfDay: wanted.startOfDay.map { .seconds($0) } ?? VirtualClock.defaultStartOfDay)
        input = PacedInput(console: console, clock: clock, isLive: isatty(STDIN_FILENO) == 1) { console.readWaiting() }
        instructionLimit = wanted.instructionLimit
    }
}

/// What the vCPUs of a repeatable run have done.
package struct InstructionCounts: Hashable, Sendable {
    package let executed: [UInt64]
    /// Since the start of the first machine of the session.
    package let virtualTime: Nanoseconds
}

extension InstructionCounts {
    /// One line.
    package var words: String {
        let each = executed.enumerated().map { "vCPU \($0.offset) \($0.element)" }.joined(separator: ", ")
        return "instructions: \(executed.reduce(0, &+)) (\(each)), virtual time \(virtualTime.rawValue) ns"
    }
}
