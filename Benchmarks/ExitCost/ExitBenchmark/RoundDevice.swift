internal import BareExitLoop
internal import Synchronization
internal import VMMCore

/// The trivial device of the benchmark: a read gives a constant, a write is kept.
///
/// Its writes also end the rounds: the time of the last `exits` exits is noted, then the bare loop handles as many on the
/// same thread, so that both meet the same CPU, caches and neighbours. Threading: the vCPU's thread; results after it ended.
final class RoundDevice: PortDevice, MMIODevice {
    /// Nanoseconds an exit, of each round.
    struct Costs {
        var swvmm: [Double] = []
        var bare: [Double] = []
    }

    /// The first rounds, which fill caches, are not counted.
    private static let warmUp: Int64 = 2

    private let bareMachine: Int32
    private let rounds: Int64
    private let exits: Int64
    private let machine: any MachineControl
    private let lastWritten = Atomic<UInt32>(0)
    private let writesLeft: Atomic<Int64>
    private let roundStart: Atomic<Int64>
    private let roundsDone = Atomic<Int64>(0)
    private let results = Mutex(Costs())

    /// - Parameter exits: of a round, even: each write comes with a read.
    init(bare: Int32, rounds: Int64, exits: Int64, machine: any MachineControl) {
        bareMachine = bare
        self.rounds = rounds
        self.exits = exits
        self.machine = machine
        writesLeft = Atomic(exits / 2)
        roundStart = Atomic(monotonic_nanoseconds())
    }

    var costs: Costs { results.withLock { $0 } }

    var portCount: UInt16 { 1 }
    var windowSize: UInt64 { 4 }

    func read(at offset: UInt16, width: AccessWidth) -> UInt32 { 0x5A }
    func read(at offset: UInt64, width: AccessWidth) -> UInt64 { 0x5A }

    func write(_ value: UInt32, at offset: UInt16, width: AccessWidth) { note(value) }
    func write(_ value: UInt64, at offset: UInt64, width: AccessWidth) { note(UInt32(truncatingIfNeeded: value)) }

    @inline(__always)
    private func note(_ value: UInt32) {
        lastWritten.store(value, ordering: .relaxed)
        let left = writesLeft.load(ordering: .relaxed) - 1
        writesLeft.store(left, ordering: .relaxed)
        if left == 0 { endRound() }
    }

    @inline(never)
    private func endRound() {
        let time = monotonic_nanoseconds() - roundStart.load(ordering: .relaxed)
        let bareTime = lastWritten.load(ordering: .relaxed) == 0x5A ? bare_machine_run(bareMachine, exits) : -1
        let done = roundsDone.load(ordering: .relaxed) + 1
        roundsDone.store(done, ordering: .relaxed)
        if done > Self.warmUp {
            results.withLock { results in
                results.swvmm.append(Double(time) / Double(exits))
                results.bare.append(Double(bareTime) / Double(exits))
            }
        }
        if bareTime < 0 || done == rounds + Self.warmUp { machine.request(.powerOff) }
        writesLeft.store(exits / 2, ordering: .relaxed)
        roundStart.store(monotonic_nanoseconds(), ordering: .relaxed)
    }
}
