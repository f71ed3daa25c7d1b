// What an exit costs in swvmm's exit loop, with a trivial device behind the bus (of ports on x86_64, of memory on arm64), beside a
// bare C loop of ioctls that does the same: interleaved rounds on one thread, medians and their ratio. Also: what the creation of a
// machine costs.
//
// Usage: exit-benchmark [ROUNDS [EXITS]]

internal import BareExitLoop
internal import Glibc
internal import KVMBackend
internal import VMM

enum BenchmarkError: Error {
    case bareMachine(errno: Int32)
    case bareLoop
    case stopped(StopReason?)
    case layout
}

func milliseconds(since start: Int64) -> Double { Double(monotonic_nanoseconds() - start) / 1e6 }

func measureCreation() throws {
    var openings: [Double] = []
    var creations: [[Double]] = [[], []]
    for round in 0..<10 {
        let start = monotonic_nanoseconds()
        let host = try KVMHost()
        openings.append(milliseconds(since: start))
        let opened = monotonic_nanoseconds()
        let guest = try LoopGuest(host, hasTimer8254: round % 2 == 0)
        creations[round % 2].append(milliseconds(since: opened))
        _ = guest
    }
    print("open and probe /dev/kvm   \(text(median(openings), 3)) ms (medians)")
    #if arch(x86_64)
        let withTimer = ", with a PIT \(text(median(creations[0]), 3)) ms"
    #else
        let withTimer = ""
    #endif
    print("machine with one vCPU     \(text(median(creations[1]), 3)) ms\(withTimer)")
}

func measureExits(rounds: Int64, exits: Int64) throws {
    let bare = bare_machine_create()
    guard bare >= 0 else { throw BenchmarkError.bareMachine(errno: -bare) }
    let guest = try LoopGuest(KVMHost(), hasTimer8254: false)
    let lifecycle = MachineLifecycle()
    let device = RoundDevice(bare: bare, rounds: rounds, exits: exits, machine: lifecycle)
    try guest.run(device, lifecycle)

    let costs = device.costs
    guard lifecycle.stopReason == .powerOff else { throw BenchmarkError.stopped(lifecycle.stopReason) }
    guard costs.bare.count == rounds, costs.bare.allSatisfy({ $0 > 0 }) else { throw BenchmarkError.bareLoop }
    let bareCost = "\(text(median(costs.bare), 1)) ns (median of \(rounds) rounds of \(exits))"
    print("\(LoopGuest.accessName), bare C loop    \(bareCost)")
    print("\(LoopGuest.accessName), swvmm          \(text(median(costs.swvmm), 1)) ns")
    print("ratio                     \(text(median(costs.swvmm) / median(costs.bare), 3))")
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

do {
    let arguments = CommandLine.arguments.dropFirst().compactMap { Int64($0) }
    try measureCreation()
    // Short rounds: most of them pass without a preemption, so that the median is of undisturbed ones.
    // One round has at least a read and a write.
    try measureExits(
        rounds: max(1, arguments.first ?? 801), exits: max(2, arguments.dropFirst().first ?? 100) / 2 * 2)
} catch {
    print("exit-benchmark: \(error)")
    exit(1)
}
