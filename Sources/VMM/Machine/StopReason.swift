internal import HostIO
package import VMMCore

/// Why a machine stopped. The first reason counts; later ones are dropped.
package enum StopReason: Hashable, Sendable {
    case powerOff
    case reset
    /// The guest told its panic notifier that it crashed.
    case guestPanicked
    /// A vCPU could not go on: triple fault, or an instruction that the backend cannot execute.
    case vcpuStopped(VCPUIndex, VCPUStopCause)
    /// The guest wrote the debug-exit port, or ended by semihosting; the code is the exit status it asks for.
    case debugExit(code: UInt8)
    case timedOut
    /// A repeatable run has executed as many instructions as it may.
    case instructionLimit
    /// `Ctrl-a x`.
    case userLeft
    /// The host gave no thread for a vCPU.
    case hostRefusedThreads
    /// The host did not take where the machine's interrupts go; the words are the backend's.
    case hostRefusedInterrupts(String)
    /// swvmm got a signal that asks it to end.
    case signal(Int32)

    /// True when the guest failed: swvmm prints a report and exits with 3 (124 after a timeout). And on SIGQUIT.
    package var deservesReport: Bool {
        switch self {
        case .guestPanicked, .vcpuStopped, .timedOut, .instructionLimit: true
        case .signal(let number): number == SignalSource.quit
        case .powerOff, .reset, .debugExit, .userLeft, .hostRefusedThreads, .hostRefusedInterrupts: false
        }
    }
}

package enum VCPUStopCause: Hashable, Sendable {
    case tripleFault
    /// HLT with no interrupt controller that could wake the vCPU.
    case haltedForever
    case runFailure(VCPURunFailure)
    case systemCrash
    /// A debug exit that nobody asked for.
    case unexpectedDebugExit
    /// The host refused the backend's call; the words are the backend's.
    case hostFailure(String)
}

extension StopReason {
    /// How it ended, in one line.
    package var words: String {
        switch self {
        case .powerOff: "the guest powered off"
        case .reset: "the guest reset"
        case .guestPanicked: "the guest panicked: it told its panic notifier"
        case .vcpuStopped(let index, .hostFailure(let words)): "vCPU \(index.rawValue) could not run: \(words)"
        case .vcpuStopped(let index, let cause): "the guest crashed: vCPU \(index.rawValue): \(cause.words)"
        case .debugExit(let code): "the guest ended the run with exit code \(code)"
        case .timedOut: "the timeout ran out"
        case .instructionLimit: "the limit of instructions was reached"
        case .userLeft: "left by Ctrl-a x"
        case .hostRefusedThreads: "the host gave no thread for a vCPU"
        case .hostRefusedInterrupts(let words): "the host's KVM did not take where interrupts go: \(words)"
        case .signal(let number): "ended by signal \(number)"
        }
    }
}

extension VCPUStopCause {
    package var words: String {
        switch self {
        case .tripleFault: "triple fault"
        case .haltedForever: "halted, with nothing that could wake it"
        case .runFailure(let failure): failure.text
        case .systemCrash: "the guest reported a crash to its firmware"
        case .unexpectedDebugExit: "a debug stop that nobody asked for"
        case .hostFailure(let words): words
        }
    }
}
