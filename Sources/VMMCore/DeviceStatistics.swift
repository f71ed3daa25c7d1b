internal import Synchronization

/// How often a device or a back end did something since it was made, or how much of it.
package struct DeviceCounter: Hashable, Sendable {
    package let name: String
    package var value: UInt64

    package init(_ name: String, _ value: UInt64) {
        self.name = name
        self.value = value
    }
}

/// A device or a back end that counts what it does.
///
/// Threading: any thread, at any time. Counts that belong together may be a moment apart.
package protocol StatisticsSource: AnyObject, Sendable {
    /// What it is, in a word: `virtio-blk`, `io_uring`.
    var kind: String { get }
    /// Always of the same names, in the same order.
    var counters: [DeviceCounter] { get }
}

/// The counts of one device or back end, as reports show them.
package struct DeviceStatistics: Hashable, Sendable {
    /// What messages call it.
    package let name: String
    package let kind: String
    package private(set) var counters: [DeviceCounter]

    package init(name: String, kind: String, counters: [DeviceCounter]) {
        self.name = name
        self.kind = kind
        self.counters = counters
    }

    package init(name: String, _ source: any StatisticsSource) {
        self.init(name: name, kind: source.kind, counters: source.counters)
    }

    /// Adds the counts of a device that came after: of the same place in the machine after a reset.
    package mutating func add(_ later: DeviceStatistics) {
        for counter in later.counters {
            if let index = counters.firstIndex(where: { $0.name == counter.name }) {
                counters[index].value &+= counter.value
            } else {
                counters.append(counter)
            }
        }
    }
}

/// A count on a data path, where no lock is held anyway: one relaxed addition.
package struct EventCounter: ~Copyable, Sendable {
    private let count = Atomic<UInt64>(0)

    package init() {}

    package var value: UInt64 { count.load(ordering: .relaxed) }

    @inline(__always)
    package func add(_ amount: UInt64 = 1) { count.wrappingAdd(amount, ordering: .relaxed) }
}
