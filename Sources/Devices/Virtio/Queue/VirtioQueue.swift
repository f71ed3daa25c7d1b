internal import Synchronization
package import VMMCore

/// A virtqueue as its device sees it: chains come out, completed chains go in.
///
/// It exists as long as its transport, which starts and stops it; a stopped queue is empty and swallows what is completed.
/// Chains' storage goes round, so that a request allocates nothing once the queue is warm.
///
/// Threading: any thread; it calls nobody with its lock held. A device that must not touch guest memory after a reset
/// serializes its own use of chains with its `reset()`.
package final class VirtioQueue: Sendable {
    private struct State {
        /// None: stopped, or broken by the driver.
        var ring = QueueRing()
        /// Where the driver put it; checked.
        var layout: QueueLayout?
        /// Of the start that the chains belong to.
        var generation: UInt32 = 0
        /// Chains of this start that the device has.
        var held = 0
        /// Chains of former starts that the device has still.
        var stale = 0
        /// Storage of chains that are done; at most a queue's size of them.
        var spare: [ChainBuffers] = []
        var interrupts: UInt64 = 0
    }

    package let index: UInt16
    /// Entries: a power of two up to 32768.
    package let maximumSize: UInt16
    private let memory: GuestMemory
    private let state = Mutex(State())

    package init(index: UInt16, maximumSize: UInt16, memory: GuestMemory) {
        precondition(maximumSize > 0 && maximumSize & (maximumSize - 1) == 0 && maximumSize <= 32768)
        self.index = index
        self.maximumSize = maximumSize
        self.memory = memory
    }

    // MARK: For the transport

    /// Starts at the beginning of the ring.
    package func start(_ layout: QueueLayout, features: VirtioFeatures) throws(QueueFault) {
        let ring = try QueueRing(layout, maximumSize: maximumSize, features: features, memory: memory)
        state.withLock { state in
            forget(&state)
            state.ring = ring
            state.layout = layout
            state.spare.reserveCapacity(ring.size)
        }
    }

    package func stop() { state.withLock { forget(&$0) } }

    private func forget(_ state: inout State) {
        state.ring = QueueRing()
        state.layout = nil
        state.generation &+= 1
        state.stale += state.held
        state.held = 0
        state.spare.removeAll()
    }

    /// The queue runs: it was started, and the driver broke no rule since.
    package var isRunning: Bool { state.withLock { $0.ring.isRunning } }

    /// Where it is, for a program of the host's that serves it; nil: it does not run.
    package var served: ServedQueue? {
        state.withLock { state in
            guard let layout = state.layout, state.ring.isRunning, let size = UInt16(exactly: layout.size) else {
                return nil
            }
            return ServedQueue(
                index: index, size: size, descriptorTable: layout.descriptorTable, driverArea: layout.driverArea,
                deviceArea: layout.deviceArea)
        }
    }

    /// The device has chains of former starts, and may touch their memory yet.
    package var isDraining: Bool { state.withLock { $0.stale > 0 } }

    // MARK: For the device: chains

    /// Takes the next chain.
    package func next() -> NextChain {
        state.withLock { state in
            var buffers = state.spare.popLast() ?? ChainBuffers()
            do throws(QueueFault) {
                guard let taken = try state.ring.take(into: &buffers, memory: memory) else {
                    state.spare.append(buffers)
                    return .empty
                }
                // A driver that obeys has a descriptor in each chain: this bounds what chains can cost the host.
                guard state.held < state.ring.size else { throw .tooManyChains }
                state.held += 1
                return .chain(VirtioChain(taken, generation: state.generation, buffers: buffers))
            } catch {
                state.ring = QueueRing()
                return .malformed(error)
            }
        }
    }

    /// Gives a chain back to the driver, with as many bytes as were written. Ask `takeInterruptDecision()` after the last
    /// of several.
    package func complete(_ chain: consuming VirtioChain) {
        finish(chain.taken, chain.generation, &chain.buffers, written: UInt32(clamping: chain.written))
    }

    /// Gives a chain back that the driver must not see without the next one: it sees both when that is completed. Nobody else
    /// completes chains of the queue meanwhile.
    package func stage(_ chain: consuming VirtioChain) {
        finish(
            chain.taken, chain.generation, &chain.buffers, written: UInt32(clamping: chain.written), publishes: false)
    }

    /// Drops a chain without telling the driver: the queue was stopped, or the chain broke a rule of the device.
    package func discard(_ chain: consuming VirtioChain) {
        finish(chain.taken, chain.generation, &chain.buffers, written: nil)
    }

    private func finish(
        _ taken: TakenChain, _ generation: UInt32, _ buffers: inout ChainBuffers, written: UInt32?,
        publishes: Bool = true
    ) {
        state.withLock { state in
            guard generation == state.generation else {
                state.stale -= 1
                return
            }
            state.held -= 1
            // Moved, not copied: storage with two owners could not be used again.
            var moved = ChainBuffers()
            swap(&moved, &buffers)
            state.spare.append(moved)
            if let written { state.ring.give(taken, written: written, publishes: publishes) }
        }
    }

    /// Stops the queue because of a rule that only the device knows. Gives the fault back, to be reported.
    package func refuse(_ chain: consuming VirtioChain, _ fault: QueueFault) -> QueueFault {
        let generation = chain.generation
        discard(chain)
        state.withLock { state in
            if generation == state.generation { state.ring = QueueRing() }
        }
        return fault
    }

    // MARK: For the device: notifications

    /// Whether to interrupt the driver for the chains completed since the last call. At most one caller gets true.
    package func takeInterruptDecision() -> Bool {
        state.withLock { state in
            guard state.ring.takeInterruptDecision() else { return false }
            state.interrupts &+= 1
            return true
        }
    }

    /// How often that was true, in all starts: for statistics.
    package var interruptCount: UInt64 { state.withLock { $0.interrupts } }

    /// Asks the driver not to notify. Only a hint.
    package func suspendNotifications() { state.withLock { $0.ring.suspendNotifications() } }

    /// Asks the driver to notify of the next chain. True: there is one already, or a fault: call `next()` again.
    package func resumeNotifications() -> Bool {
        state.withLock { state in
            do throws(QueueFault) {
                return try state.ring.resumeNotifications()
            } catch {
                // `next()` meets the same fault, and reports it.
                return true
            }
        }
    }
}

// MARK: - A chain's bytes

extension VirtioQueue {
    /// Copies the next readable bytes of `chain` into `bytes[range]`. Gives how many: fewer than asked for at its end.
    package func read(_ chain: inout VirtioChain, into bytes: inout [UInt8], _ range: Range<Int>) -> Int {
        var done = range.lowerBound
        while done < range.upperBound, chain.readPosition.segment < chain.buffers.readableCount {
            let segment = chain.buffers.segments[chain.readPosition.segment]
            guard let (address, count) = chain.readPosition.piece(of: segment, upTo: range.upperBound - done) else {
                continue
            }
            // Checked when the chain was taken: RAM does not go away.
            guard (try? memory.copyOut(address, into: &bytes, at: done..<done + count)) != nil else { break }
            done += count
        }
        return done - range.lowerBound
    }

    /// Copies `bytes[range]` into the next writable bytes of `chain`. Gives how many: fewer than asked for at its end.
    package func write(_ chain: inout VirtioChain, from bytes: [UInt8], _ range: Range<Int>) -> Int {
        var done = range.lowerBound
        while done < range.upperBound, chain.writePosition.segment < chain.buffers.segments.count {
            let segment = chain.buffers.segments[chain.writePosition.segment]
            guard let (address, count) = chain.writePosition.piece(of: segment, upTo: range.upperBound - done) else {
                continue
            }
            guard (try? memory.copyIn(bytes, at: done..<done + count, to: address)) != nil else { break }
            done += count
        }
        chain.written += UInt64(done - range.lowerBound)
        return done - range.lowerBound
    }

    /// Stores a byte `offset` bytes behind the first writable one: what comes after data that go another way. Beyond the
    /// end nothing happens. It does not count as written.
    package func store(_ byte: UInt8, in chain: borrowing VirtioChain, at offset: UInt64) {
        var start: UInt64 = 0
        for index in chain.buffers.readableCount..<chain.buffers.segments.count {
            let segment = chain.buffers.segments[index]
            let end = start &+ UInt64(segment.length)
            if offset < end, let address = segment.address.advanced(by: offset &- start) {
                // Checked when the chain was taken.
                try? memory.store(byte, at: address)
                return
            }
            start = end
        }
    }
}

extension ChainPosition {
    /// The next piece of `segment`, at most `limit` bytes; goes behind it. Nil: the segment is used up, and the position is
    /// at the next one.
    fileprivate mutating func piece(of segment: ChainSegment, upTo limit: Int) -> (address: GuestAddress, count: Int)? {
        let left = Int(segment.length &- offset)
        guard left > 0, let address = segment.address.advanced(by: UInt64(offset)) else {
            self.segment += 1
            offset = 0
            return nil
        }
        let count = min(left, limit)
        offset &+= UInt32(count)
        return (address, count)
    }
}
