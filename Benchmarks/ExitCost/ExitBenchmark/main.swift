// What a port exit costs through VMMCore's contracts on KVM, beside a bare C loop of ioctls that does the same: interleaved
// rounds, medians and their ratio. Also: what the creation of a machine with one vCPU costs.
//
// Usage: exit-benchmark [ROUNDS [EXITS]]

internal import BareExitLoop
internal import Glibc
internal import KVMBackend
internal import VMMCore

enum BenchmarkError: Error {
    case bareMachine(Int32)
    case unexpected(VCPUExit)
    case bareLoop
    case layout
}

/// What a machine does: generic over the backend.
struct Loop<Backend: VirtualMachine>: Sendable {
    let cpu: Backend.CPU

    /// Handles `exits` exits; returns the nanoseconds that it took.
    func run(_ exits: Int64) throws -> Int64 {
        var lastWritten: UInt32 = 0
        let start = monotonic_nanoseconds()
        for _ in 0..<exits {
            switch try cpu.run() {
            case .portRead(0x510, _): cpu.completeRead(0x5A)
            case .portWrite(0x510, _, let value): lastWritten = value
            case let other: throw BenchmarkError.unexpected(other)
            }
        }
        let elapsed = monotonic_nanoseconds() - start
        guard lastWritten == 0x5A else { throw BenchmarkError.bareLoop }
        return elapsed
    }
}

func makeMachine(_ host: KVMHost, hasTimer8254: Bool) throws -> (KVMVirtualMachine, KVMVCPU) {
    guard let range = GuestRange(start: GuestAddress(0), size: 0x10000) else { throw BenchmarkError.layout }
    let memory = try GuestMemory([range])
    // mov dx, 0x510; again: in al, dx; out dx, al; jmp again
    try memory.copyIn([0xBA, 0x10, 0x05, 0xEC, 0xEE, 0xEB, 0xFC], to: GuestAddress(0x1000))
    let machine = try KVMVirtualMachine(host: host, configuration: .init(hasTimer8254: hasTimer8254))
    try machine.map(memory)
    let cpu = try machine.makeVCPU(VCPUIndex(0))
    var registers = try cpu.registers()
    registers.cs.base = 0
    registers.cs.selector = 0
    registers.rip = 0x1000
    try cpu.setRegisters(registers)
    return (machine, cpu)
}

func median(_ values: [Double]) -> Double {
    let sorted = values.sorted()
    return sorted.isEmpty ? 0 : sorted[sorted.count / 2]
}

/// `value` with `digits` decimals.
func text(_ value: Double, _ digits: Int) -> String {
    var scale = 1.0
    for _ in 0..<digits { scale *= 10 }
    return "\((value * scale).rounded() / scale)"
}

func runBenchmark() throws {
    let arguments = CommandLine.arguments.dropFirst().compactMap { Int64($0) }
    // Short rounds: most of them pass without a preemption, so that the median is of undisturbed ones.
    let rounds = max(1, arguments.first ?? 801)
    // One round has at least a read and a write.
    let exits = max(2, arguments.dropFirst().first ?? 100)

    var openings: [Double] = []
    var creations: [[Double]] = [[], []]
    for round in 0..<10 {
        let start = monotonic_nanoseconds()
        let host = try KVMHost()
        let opened = monotonic_nanoseconds()
        let machine = try makeMachine(host, hasTimer8254: round % 2 == 0)
        creations[round % 2].append(Double(monotonic_nanoseconds() - opened) / 1e6)
        openings.append(Double(opened - start) / 1e6)
        _ = machine
    }
    print("open and probe /dev/kvm   \(text(median(openings), 3)) ms (medians)")
    print(
        "machine with one vCPU     \(text(median(creations[1]), 3)) ms, with a PIT \(text(median(creations[0]), 3)) ms")

    let (machine, cpu) = try makeMachine(KVMHost(), hasTimer8254: false)
    let bare = bare_machine_create()
    guard bare >= 0 else { throw BenchmarkError.bareMachine(-bare) }
    let loop = Loop<KVMVirtualMachine>(cpu: cpu)
    var bareCosts: [Double] = []
    var costs: [Double] = []
    for round in 0..<Int(rounds + 2) {
        // Whoever goes second finds the caches as the other left them: take turns.
        var bareTime: Int64 = 0
        var time: Int64 = 0
        for turn in 0..<2 {
            if (round + turn) % 2 == 0 {
                bareTime = bare_machine_run(bare, exits)
                guard bareTime >= 0 else { throw BenchmarkError.bareLoop }
            } else {
                time = try loop.run(exits)
            }
        }
        guard round >= 2 else { continue }  // Warm-up.
        bareCosts.append(Double(bareTime) / Double(exits))
        costs.append(Double(time) / Double(exits))
    }
    print("port exit, bare C loop    \(text(median(bareCosts), 1)) ns (median of \(rounds) rounds of \(exits))")
    print("port exit, swvmm          \(text(median(costs), 1)) ns")
    print("ratio                     \(text(median(costs) / median(bareCosts), 3))")
    _ = machine
}

do {
    try runBenchmark()
} catch {
    print("exit-benchmark: \(error)")
    exit(1)
}
