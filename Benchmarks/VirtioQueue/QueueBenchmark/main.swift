// What a virtqueue costs the device: a driver that keeps the ring full, and a device that takes each request and completes it
// without touching its data. Both take turns on one thread; the device's turns are timed, with their two looks at the clock.
//
// Usage: virtio-queue-benchmark [REQUESTS]

internal import AllocationCount
internal import Glibc
internal import VMMCore
internal import VirtioDevices

/// A device without a back end, as far as its queue goes.
func serve(_ queue: VirtioQueue) throws -> Int {
    var served = 0
    queue.suspendNotifications()
    while true {
        switch queue.next() {
        case .chain(let chain):
            queue.complete(chain)
            served += 1
        case .malformed(let fault): throw Failure.fault(fault)
        case .empty:
            if queue.resumeNotifications() { continue }
            _ = queue.takeInterruptDecision()
            return served
        }
    }
}

/// What turns of the device cost.
struct Cost {
    /// Nanoseconds a descriptor, of each turn.
    var turns: [Double] = []
    var requests = 0
    var allocations: UInt64 = 0
}

func measure<Driver: MockDriver>(
    _ type: Driver.Type, indirect: Bool, batch: Int, requests: Int
) throws -> Cost {
    var driver = try Driver(indirect: indirect)
    let queue = VirtioQueue(index: 0, maximumSize: UInt16(MockRequest.queueSize), memory: driver.memory)
    try queue.start(driver.layout, features: Driver.features)
    let clock = HostClock()
    var cost = Cost()
    cost.turns.reserveCapacity(requests / batch + 2)
    // The first turn fills caches and makes the storage that goes round from then on.
    driver.offer(batch)
    _ = try serve(queue)
    while cost.requests < requests {
        driver.offer(batch)
        let allocations = allocation_count()
        let start = clock.now
        let served = try serve(queue)
        let end = clock.now
        cost.allocations += allocation_count() - allocations
        guard driver.isServed() else { throw Failure.notServed }
        cost.requests += served
        cost.turns.append(Double((end - start).rawValue) / Double(served * MockRequest.shape.count))
    }
    return cost
}

/// A disk that does nothing, at once.
final class NullStorage: BlockBackend {
    let properties = BlockProperties(capacity: 1 << 30)
    func submit(_ request: consuming BlockRequest, for client: any BlockClient) { client.completed(request, .done) }
    func commit() {}
    func drain(_ client: any BlockClient) {}
}

/// An interrupt line to nowhere.
final class NoLine: InterruptLine {
    func setLevel(_ asserted: Bool) {}
}

/// The whole block device: notification, header, request, status, used ring, interrupt.
func measureBlock<Driver: MockDriver>(
    _ type: Driver.Type, indirect: Bool, batch: Int, requests: Int
) throws -> Cost {
    var driver = try Driver(indirect: indirect)
    let clock = HostClock()
    let disk = VirtioBlock(NullStorage(), serial: "", memory: driver.memory, queueCount: 1)
    let mmio = VirtioMMIO(
        disk, name: "disk", memory: driver.memory, interrupt: NoLine(),
        faults: GuestFaultLog(clock: clock) { print($0) })
    // What Linux takes: indirect descriptors, event index, and a flush.
    driver.start(mmio, extra: 1 << 9)
    var cost = Cost()
    cost.turns.reserveCapacity(requests / batch + 2)
    driver.offer(batch)
    mmio.write(0, at: 0x50, width: .word)
    while cost.requests < requests {
        driver.offer(batch)
        let allocations = allocation_count()
        let start = clock.now
        mmio.write(0, at: 0x50, width: .word)
        let end = clock.now
        cost.allocations += allocation_count() - allocations
        guard driver.isServed() else { throw Failure.notServed }
        cost.requests += batch
        cost.turns.append(Double((end - start).rawValue) / Double(batch * MockRequest.shape.count))
    }
    return cost
}

func report(_ name: String, _ cost: Cost) {
    let sorted = cost.turns.sorted()
    let rate = { (nanoseconds: Double) in (1000 / max(nanoseconds, 0.01) * 100).rounded() / 100 }
    print(
        "\(name)   \(rate(sorted[sorted.count / 2])) M descriptors/s (best turn \(rate(sorted[0]))), "
            + "\(cost.allocations) allocations in \(cost.requests) requests")
}

/// Both kinds of ring, direct and indirect, in batches and one by one.
func reportAll(
    _ split: (_ indirect: Bool, _ batch: Int) throws -> Cost, _ packed: (_ indirect: Bool, _ batch: Int) throws -> Cost
) throws {
    for (name, indirect, batch) in [
        ("direct,   32 at a time", false, 32), ("indirect, 32 at a time", true, 32),
        ("indirect, 1 at a time ", true, 1),
    ] {
        report("split,  \(name)", try split(indirect, batch))
        report("packed, \(name)", try packed(indirect, batch))
    }
}

do {
    let requests = max(1000, CommandLine.arguments.dropFirst().first.flatMap { Int($0) } ?? 200_000)
    print(
        "virtqueue, the device's side: requests of 3 descriptors (a block read), null device, mock driver, 1 core; "
            + "medians of the turns (at least 5 M/s, no allocations)")
    try reportAll(
        { try measure(SplitMockDriver.self, indirect: $0, batch: $1, requests: requests) },
        { try measure(PackedMockDriver.self, indirect: $0, batch: $1, requests: requests) })
    print("virtio-blk behind virtio-mmio, null back end, the same requests (at least 5 M/s, no allocations)")
    try reportAll(
        { try measureBlock(SplitMockDriver.self, indirect: $0, batch: $1, requests: requests) },
        { try measureBlock(PackedMockDriver.self, indirect: $0, batch: $1, requests: requests) })
    print("virtio-net behind virtio-mmio, null network, 8 frames at a time, event index (no allocations)")
    for (name, size, isSending) in [
        ("send, 64 bytes   ", 64, true), ("send, 64 KiB TSO ", 65226, true), ("receive, 64 bytes", 64, false),
        ("receive, 64 KiB  ", 65226, false),
    ] {
        let frames = size > 1514 ? requests / 10 : requests
        reportNetwork(name, size, try measureNetwork(size: size, isSending: isSending, batch: 8, frames: frames))
    }
} catch {
    print("virtio-queue-benchmark: \(error)")
    exit(1)
}
