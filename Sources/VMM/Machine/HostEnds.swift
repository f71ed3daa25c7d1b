internal import HostIO
internal import VMMCore

/// The host's ends of a machine's devices: made once a session, used by each of its machines.
struct HostEnds: Sendable {
    /// The console that the guest was told to use gets the input; the other one can only print.
    var bvmConsole: any CharacterChannel
    var serial: any CharacterChannel
    var virtioConsole: any CharacterChannel
    /// The virtio console is the one that the guest was told to use, not only the way to its named ports.
    var isVirtioConsoleChosen: Bool
    /// The named ports of the virtio console.
    var ports: [SessionPort] = []
    var balloon: SessionBalloon?
    /// The terminal's window; nil: no terminal, or nobody knows its size.
    var window: TerminalWindow?
    /// Random bytes for guests.
    var entropy: any EntropySource
    /// The storage of the machine's disks, in their order.
    var disks: [SessionDisk] = []
    /// The machine's networks, in their order.
    var networks: [SessionNetwork] = []
    var shares: [SessionShare] = []
    var vsock: (any VsockBackend)?
    var persistentMemories: [SessionPersistentMemory] = []
    /// The debugger's end of the bvmdebug port; nil: no such device.
    var debugPort: (any CharacterChannel)?
    var clock: any Clock
    /// Runs the deadlines of timers by the host's clock.
    var loop: EventLoop
    /// Deadlines by `clock`.
    var deadlines: any DeadlineSource
    /// Wanted: a run that can be repeated. `clock` is its own.
    var repeatable: RepeatableRun?
    var faults: GuestFaultLog
    /// Told of what the machine does, or nobody is.
    var tracer: Tracer?
}

/// A console that prints to the same place as another one, and gets no input.
final class OutputOnlyChannel: CharacterChannel {
    private let target: any CharacterChannel

    init(_ target: any CharacterChannel) { self.target = target }

    func write(_ byte: UInt8) { target.write(byte) }
    func read() -> UInt8? { nil }
    func setInputHandler(_ handler: (@Sendable () -> Void)?) {}
}
