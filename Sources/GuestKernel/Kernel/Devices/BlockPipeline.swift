/// Several requests of a thread to a disk, in flight at once, each with memory of its own.
///
/// The thread takes a request that is free, uses what it read, sets it anew and submits it; it sleeps while all are in flight.
final class BlockPipeline {
    private let device: any BlockDevice
    private let thread = Scheduler.currentThread
    private let lock = SpinLock()
    private var free = BlockRequestList()
    private var requests: [BlockRequest] = []
    private var memory: [DMAMemory] = []
    private(set) var inFlight = 0

    /// - Parameters:
    ///   - depth: how many requests.
    ///   - order: each has 2^order pages.
    init(_ device: any BlockDevice, depth: Int, order: Int) {
        self.device = device
        for _ in 0..<depth {
            let memory = Heap.memory(order: order)
            let request = BlockRequest(.read, memory: memory.segment) { self.finish($0) }
            self.memory.append(memory)
            requests.append(request)
            free.append(request)
        }
    }

    /// The most a request can be about, in bytes.
    var capacity: Int { memory[0].count }

    private func finish(_ request: BlockRequest) {
        lock.withLock { free.append(request) }
        Scheduler.unpark(thread)
    }

    /// A request that is not in flight: a new one (`pending`), or one that has come back. It need not be submitted again.
    func take() -> BlockRequest {
        while true {
            if let request = lock.withLock({ free.removeFirst() }) {
                if request.status != .pending { inFlight -= 1 }
                return request
            }
            Scheduler.park()
        }
    }

    func submit(_ request: BlockRequest) {
        inFlight += 1
        device.submit(request, more: false)
    }

    func storage(of request: BlockRequest) -> RawStorage {
        for index in requests.indices where requests[index] === request { return memory[index].storage }
        preconditionFailure()
    }

    /// Gives the memory back, once nothing is in flight. The pipeline is of no use then.
    func end() {
        precondition(inFlight == 0)
        for piece in memory { Heap.free(piece.address) }
        memory = []
        for request in requests { request.completion = { _ in } }
    }
}
