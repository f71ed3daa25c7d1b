internal import VMMCore

/// A thread as the protocol names it. vCPU n is thread n + 1 of process 1.
enum ThreadChoice: Hashable, Sendable {
    case any
    case all
    case vcpu(VCPUIndex)
}

/// What a thread is to do next.
enum ResumeAction: Hashable, Sendable {
    case run
    case step
    case stop
}

/// A command of the debugger, as far as this stub has it. Source: GDB manual, E.2 "Packets", E.4 "General Query Packets".
enum DebugCommand: Hashable, Sendable {
    /// qSupported, with what the debugger can.
    case supported([String])
    case startNoAckMode
    /// `?`
    case stopReason
    case readRegisters
    case writeRegisters([UInt8])
    case readRegister(Int)
    case writeRegister(Int, [UInt8])
    case readMemory(UInt64, count: Int)
    case writeMemory(UInt64, [UInt8])
    case insert(StopPoint)
    case remove(StopPoint)
    /// Hg: whose registers and memory the next commands mean.
    case selectThread(ThreadChoice)
    /// Hc: whom `c` and `s` mean.
    case selectResumed(ThreadChoice)
    case isAlive(ThreadChoice)
    case currentThread
    case firstThreads
    case moreThreads
    case threadText(ThreadChoice)
    case isAttached
    case resumeActions
    /// vCont: the first pair that fits a thread counts.
    case resume([ThreadResume])
    /// c, s, C, S: with the address to go on from.
    case resumeSelected(ResumeAction, at: UInt64?)
    case detach
    case kill
    /// vKill, which wants an answer.
    case killProcess
    /// qXfer:features:read:target.xml
    case readDescription(Window)
    /// qXfer:threads:read
    case readThreads(Window)
    /// qRcmd
    case monitor(String)
    /// Something that other stubs have.
    case unknown
    /// The name is known, the rest makes no sense.
    case malformed

    struct ThreadResume: Hashable, Sendable {
        let action: ResumeAction
        let thread: ThreadChoice
    }

    /// The part of a document that is wanted.
    struct Window: Hashable, Sendable {
        let offset: Int
        let count: Int
    }
}
