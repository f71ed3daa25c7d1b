import KernelCore

/// A virtio device as a driver's tests want it: the device's side of its queues on host memory, with a behaviour for each chain.
///
/// It does what the driver was told by the specification, or, where a test says so, what no device may do.
final class MockVirtioDevice: VirtioTransport {
    /// A chain as the device sees it.
    struct Chain {
        let head: UInt16
        let readable: [DMASegment]
        let writable: [DMASegment]
    }

    struct Queue {
        var size: UInt16
        var addresses: SplitDriverQueue.Addresses
        var availableIndex: UInt16 = 0
        var usedIndex: UInt16 = 0
    }

    let memory: HostWindow
    let deviceType: UInt32
    let name: StaticString = "mock"
    var offered: UInt64
    var configuration: [UInt8]
    var queueSizes: [UInt16]
    /// Features that the driver has set; queues by index; notifications since the start.
    private(set) var accepted: UInt64 = 0
    private(set) var queues: [UInt16: Queue] = [:]
    private(set) var notifications: [UInt16] = []
    private(set) var resets = 0
    private var deviceStatus: UInt8 = 0
    /// The device does not set FEATURES_OK.
    var refusesFeatures = false
    /// Reset is never over.
    var staysInReset = false
    /// Read by `configurationGeneration`, once each.
    var generations: [UInt32] = []
    private var next: UInt64

    init(type: UInt32, features: UInt64, configuration: [UInt8] = [], queueSizes: [UInt16], memory: HostWindow) {
        self.memory = memory
        deviceType = type
        offered = features | VirtioFeature.version1
        self.configuration = configuration
        self.queueSizes = queueSizes
        next = memory.start
    }

    /// What drivers take memory from.
    func allocate(_ count: Int) -> DMAMemory? {
        let address = next
        next += UInt64((count + 4095) & ~4095)
        return memory.dma(at: address, count: count)
    }

    var status: UInt8 {
        get { deviceStatus }
        set {
            if newValue == 0 {
                resets += 1
                queues = [:]
                deviceStatus = staysInReset ? 1 : 0
            } else {
                deviceStatus = refusesFeatures ? newValue & ~VirtioStatus.featuresOK : newValue
            }
        }
    }

    func deviceFeatures() -> UInt64 { offered }
    func setDriverFeatures(_ features: UInt64) { accepted = features }
    func maximumSize(ofQueue queue: UInt16) -> UInt16 {
        Int(queue) < queueSizes.count ? queueSizes[Int(queue)] : 0
    }
    func enableQueue(_ queue: UInt16, size: UInt16, at addresses: SplitDriverQueue.Addresses) -> Bool {
        queues[queue] = Queue(size: size, addresses: addresses)
        return true
    }
    func notify(_ queue: UInt16) { notifications.append(queue) }
    func acknowledgeInterrupt() -> VirtioInterruptCauses { VirtioInterruptCauses(rawValue: 1) }
    var configurationGeneration: UInt32 { generations.isEmpty ? 0 : generations.removeFirst() }
    func configuration8(_ offset: UInt64) -> UInt8 {
        Int(offset) < configuration.count ? configuration[Int(offset)] : 0
    }
    func configuration16(_ offset: UInt64) -> UInt16 {
        UInt16(configuration8(offset)) | UInt16(configuration8(offset + 1)) << 8
    }
    func configuration32(_ offset: UInt64) -> UInt32 {
        UInt32(configuration16(offset)) | UInt32(configuration16(offset + 2)) << 16
    }
}

// MARK: - The device's side of a queue

extension MockVirtioDevice {
    var hasEventIndex: Bool { accepted & VirtioFeature.eventIndex != 0 }

    /// The next chain the driver has made available, or nil.
    func take(_ index: UInt16) -> Chain? {
        guard var queue = queues[index] else { return nil }
        let available: UInt16 = memory.load(queue.addresses.available + 2)
        guard available != queue.availableIndex else { return nil }
        let entry = UInt64(queue.availableIndex & (queue.size - 1)) * 2
        let head: UInt16 = memory.load(queue.addresses.available + 4 + entry)
        queue.availableIndex &+= 1
        // avail_event: notify me of the next one.
        if hasEventIndex {
            memory.store(queue.availableIndex, queue.addresses.used + 4 + UInt64(queue.size) * 8)
        }
        queues[index] = queue
        var readable: [DMASegment] = []
        var writable: [DMASegment] = []
        var position = head
        while true {
            let at = queue.addresses.descriptors + UInt64(position) * 16
            let segment = DMASegment(address: memory.load(at), count: memory.load(at + 8))
            let flags: UInt16 = memory.load(at + 12)
            if flags & 2 != 0 { writable.append(segment) } else { readable.append(segment) }
            guard flags & 1 != 0 else { break }
            position = memory.load(at + 14)
        }
        return Chain(head: head, readable: readable, writable: writable)
    }

    /// Puts an element into the used ring, whatever it says.
    func complete(_ index: UInt16, head: UInt32, count: UInt32) {
        guard var queue = queues[index] else { return }
        let entry = queue.addresses.used + 4 + UInt64(queue.usedIndex & (queue.size - 1)) * 8
        memory.store(head, entry)
        memory.store(count, entry + 4)
        queue.usedIndex &+= 1
        memory.store(queue.usedIndex, queue.addresses.used + 2)
        queues[index] = queue
    }

    /// True when the driver wants an interrupt for the elements from `old` to now.
    func wantsInterrupt(_ index: UInt16, since old: UInt16) -> Bool {
        guard let queue = queues[index] else { return false }
        guard hasEventIndex else {
            let flags: UInt16 = memory.load(queue.addresses.available)
            return flags & 1 == 0
        }
        let event: UInt16 = memory.load(queue.addresses.available + 4 + UInt64(queue.size) * 2)
        return queue.usedIndex &- event &- 1 < queue.usedIndex &- old
    }
}

extension HostWindow {
    func load<Value: BitwiseCopyable>(_ address: UInt64) -> Value {
        guard let pointer = unsafe window.pointer(to: address) else { preconditionFailure() }
        return unsafe pointer.loadUnaligned(as: Value.self)
    }

    func store<Value: BitwiseCopyable>(_ value: Value, _ address: UInt64) {
        guard let pointer = unsafe window.pointer(to: address) else { preconditionFailure() }
        unsafe pointer.storeBytes(of: value, as: Value.self)
    }

    func dma(at address: UInt64, count: Int) -> DMAMemory {
        DMAMemory(storage: storage(at: Int(address - start), count: count), address: address)
    }

    func bytes(_ segment: DMASegment) -> [UInt8] { (0..<UInt64(segment.count)).map { load(segment.address + $0) } }

    func fill(_ segment: DMASegment, _ bytes: [UInt8]) {
        for index in 0..<Int(segment.count) where index < bytes.count {
            store(bytes[index], segment.address + UInt64(index))
        }
    }
}
