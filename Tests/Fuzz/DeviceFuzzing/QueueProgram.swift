internal import VMMCore
internal import VMMTestSupport
internal import VirtioDevices

/// A driver's program for a queue alone, with a device that takes chains, looks at them, and gives them back in any order.
enum QueueProgram {
    private final class Held {
        private var chain: VirtioChain?
        init(_ chain: consuming VirtioChain) { self.chain = consume chain }
        func take() -> VirtioChain? { chain.take() }
    }

    static func run(_ bytes: [UInt8], isPacked: Bool) {
        guard let world = FuzzWorld() else { return }
        var input = FuzzInput(bytes)
        let queue = VirtioQueue(index: 0, maximumSize: 64, memory: world.memory)
        var held: [Held] = []
        start(queue, isPacked, &input)
        while !input.isAtEnd {
            switch input.byte() % 8 {
            case 0: start(queue, isPacked, &input)
            case 1:
                guard !held.isEmpty, let chain = held.remove(at: input.number(below: held.count)).take() else { break }
                finish(chain, queue, input.byte())
            case 2: _ = queue.takeInterruptDecision()
            case 3: queue.suspendNotifications()
            case 4: _ = queue.resumeNotifications()
            case 5: world.poke(&input)
            default:
                if case .chain(let chain) = queue.next() {
                    check(chain, world)
                    held.append(Held(chain))
                }
            }
            precondition(held.count <= 64 * 64, "more chains than the rings have had room for")
        }
        queue.stop()
        for one in held { if let chain = one.take() { queue.complete(chain) } }
        precondition(!queue.isDraining, "chains have got lost")
    }

    private static func start(_ queue: VirtioQueue, _ isPacked: Bool, _ input: inout FuzzInput) {
        var features: VirtioFeatures = isPacked ? [.version1, .packedRing] : .version1
        let choice = input.byte()
        if choice & 1 == 0 { features.insert(.indirectDescriptors) }
        if choice & 2 == 0 { features.insert(.eventIndex) }
        // The ring lies at the start of RAM, where the program's writes are likely to hit it.
        let size = UInt32(choice >> 2) &+ (isPacked ? 1 : 0)
        let areas = choice == 0xFF ? FuzzWorld.address(&input) : FuzzWorld.ram + 0x400
        try? queue.start(
            QueueLayout(
                size: size, descriptorTable: GuestAddress(FuzzWorld.ram), driverArea: GuestAddress(areas),
                deviceArea: GuestAddress(areas &+ 0x100)), features: features)
    }

    private static func check(_ chain: borrowing VirtioChain, _ world: FuzzWorld) {
        precondition(chain.segmentCount <= 64 && chain.readableBytes + chain.writableBytes <= 1 << 32)
        for index in 0..<chain.segmentCount {
            let segment = chain.segment(index)
            precondition(
                segment.length == 0 || world.memory.contains(segment.address, count: UInt64(segment.length)),
                "a buffer that is not RAM")
        }
    }

    private static func finish(_ chain: consuming VirtioChain, _ queue: VirtioQueue, _ choice: UInt8) {
        var chain = chain
        var bytes = [UInt8](repeating: choice, count: 100)
        switch choice % 5 {
        case 0: queue.discard(chain)
        case 1: _ = queue.refuse(chain, .wrongDirection)
        case 2:
            chain.setWritten(UInt64(choice) << 28)
            queue.complete(chain)
        case 3: queue.stage(chain)
        default:
            _ = queue.read(&chain, into: &bytes, 0..<Int(choice % 100))
            _ = queue.write(&chain, from: bytes, 0..<Int(choice % 100))
            queue.store(choice, in: chain, at: UInt64(choice))
            queue.complete(chain)
        }
    }
}
