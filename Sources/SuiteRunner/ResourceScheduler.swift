/// Decides which cases run at the same time: in the order of the list, each as soon as its cores and memory are free.
///
/// A case that fits nowhere runs alone. Pure: no clock, no host.
struct ResourceScheduler {
    struct Demand: Hashable {
        var cores: Int
        /// In bytes.
        var memory: UInt64
    }

    private let demands: [Demand]
    private let cores: Int
    private let memory: UInt64
    private let jobs: Int?
    private var queued: [Int]
    private(set) var running: Set<Int> = []

    /// - Parameter jobs: how many run at most; then cores are not looked at, memory still is.
    init(_ demands: [Demand], cores: Int, memory: UInt64, jobs: Int?) {
        self.demands = demands
        self.cores = cores
        self.memory = memory
        self.jobs = jobs
        queued = Array(demands.indices)
    }

    var isDone: Bool { queued.isEmpty && running.isEmpty }

    /// What begins now.
    mutating func start() -> [Int] {
        var started: [Int] = []
        var waiting: [Int] = []
        for index in queued {
            if fits(demands[index]) {
                running.insert(index)
                started.append(index)
            } else {
                waiting.append(index)
            }
        }
        queued = waiting
        return started
    }

    mutating func finish(_ index: Int) { running.remove(index) }

    /// Gives up what has not begun.
    mutating func abandon() -> [Int] {
        defer { queued = [] }
        return queued
    }

    private func fits(_ demand: Demand) -> Bool {
        guard !running.isEmpty else { return true }
        var usedCores = demand.cores
        var usedMemory = demand.memory
        for index in running {
            usedCores += demands[index].cores
            let (sum, overflow) = usedMemory.addingReportingOverflow(demands[index].memory)
            guard !overflow else { return false }
            usedMemory = sum
        }
        guard usedMemory <= memory else { return false }
        if let jobs { return running.count < jobs }
        return usedCores <= cores
    }
}

/// A generator whose sequence its seed decides. Source: Steele, Lea, Flood: "Fast splittable pseudorandom number generators",
/// SplitMix64.
struct SeededShuffle: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
