/// How a machine's CPUs are grouped: sockets of cores of threads.
///
/// CPUs are numbered thread by thread, then core by core, then socket by socket.
public struct CPUTopology: Hashable, Sendable {
    public let sockets: Int
    /// Of a socket.
    public let cores: Int
    /// Of a core.
    public let threads: Int

    /// The largest number of CPUs, and of each part.
    public static let limit = 64

    /// All CPUs.
    public var count: Int { sockets * cores * threads }
    /// The CPUs of a socket.
    package var cpusOfSocket: Int { cores * threads }
    /// More than cores of one socket, which is what a guest takes CPUs for that it is told nothing of.
    package var hasGroups: Bool { sockets > 1 || threads > 1 }

    /// One socket of so many cores with a thread each. The number is checked when a machine is planned.
    public init(count: Int) {
        sockets = 1
        cores = count
        threads = 1
    }

    /// Parts that are nil follow from the others, as QEMU has it since version 6.2: as many cores as are needed; where
    /// their number is given, as many sockets; where that is given too, as many threads.
    public init(count: Int, sockets: Int?, cores: Int?, threads: Int?) throws(CPUTopologyError) {
        for value in [count, sockets ?? 1, cores ?? 1, threads ?? 1] {
            guard (1...Self.limit).contains(value) else { throw .outOfRange(value) }
        }
        func rest(_ one: Int, _ other: Int) -> Int { max(1, count / (one * other)) }
        switch (sockets, cores) {
        case (_, nil):
            self.sockets = sockets ?? 1
            self.threads = threads ?? 1
            self.cores = rest(self.sockets, self.threads)
        case (nil, let cores?):
            self.cores = cores
            self.threads = threads ?? 1
            self.sockets = rest(self.cores, self.threads)
        case (let sockets?, let cores?):
            self.sockets = sockets
            self.cores = cores
            self.threads = threads ?? rest(sockets, cores)
        }
        guard self.count == count else { throw .otherCount(self, wanted: count) }
    }

    /// The place of a CPU: its socket, its core in it, its thread in that.
    package func place(ofCPU index: Int) -> (socket: Int, core: Int, thread: Int) {
        (index / cpusOfSocket, index % cpusOfSocket / threads, index % threads)
    }
}

/// Why CPUs cannot be grouped so.
public enum CPUTopologyError: Error, Hashable, Sendable {
    /// The number of CPUs, or a part, is not from 1 to `CPUTopology.limit`.
    case outOfRange(Int)
    /// The parts give another number of CPUs.
    case otherCount(CPUTopology, wanted: Int)
}
