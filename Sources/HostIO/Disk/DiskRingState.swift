internal import Glibc
internal import Uring
internal import VMMCore

/// The requests of a disk that the kernel has, as steps to a ring. It calls nobody but the ring.
///
/// A request is a chain of steps, one at a time: a transfer goes on after a short one, a durable write is followed by a
/// synchronization, zeros are tried in three ways.
struct DiskRingState {
    /// Requests that the kernel has at once; more of them wait here.
    static let slotCount = 256
    /// Buffers of one request that go to the kernel together.
    private static let vectorsPerRequest = 256
    /// Most bytes of one transfer: results are 32-bit.
    private static let transferLimit: UInt64 = 1 << 30
    /// Source: <linux/falloc.h>: keep the size, punch a hole, zero the range.
    private static let keepSize: Int32 = 1, punchHole: Int32 = 2, zeroRange: Int32 = 16

    private enum Step {
        case transfer
        case synchronize
        case discard
        case punch
        case zeroRange
        case writeZeroes
    }

    private struct Slot {
        var request = BlockRequest(tag: 0, operation: .flush, offset: 0, length: 0)
        var client: (any BlockClient)?
        var step = Step.transfer
        /// Bytes of the step that are done.
        var done: UInt64 = 0
        /// The buffer between the file and guest memory, while the step has one.
        var bounce: Int?
        /// By the page cache, whatever the alignment.
        var isCached = false
    }

    /// What becomes of a request after a step.
    enum Progress {
        case goesOn
        case done
        case failed(FileTransferError)
    }

    private var slots = [Slot](repeating: Slot(), count: DiskRingState.slotCount)
    private var free = Array((0..<DiskRingState.slotCount).reversed())
    private(set) var waiting = RequestQueue()
    /// Of the buffer arrays: what prepared requests need until the kernel has them.
    private var usedVectors = 0
    /// Prepared, and not taken by the kernel yet.
    private(set) var prepared = 0
    /// Taken by the kernel, and not completed.
    private(set) var underWay = 0
    /// Threads that wait for the end of a client's requests.
    var drainers = 0
    private(set) var submissions: UInt64 = 0
    private(set) var requests: UInt64 = 0
    private let file: DiskFile
    private var freeBounces: [Int]
    /// Slots whose step waits for a bounce buffer.
    private var bounceWaiting: [Int] = []

    init(_ file: DiskFile) {
        self.file = file
        freeBounces = Array(0..<(file.direct?.bounces.count ?? 0))
    }

    // MARK: Requests come

    /// Takes a request in. Not nil: it has failed already, and its slot waits for `release`.
    mutating func add(
        _ new: consuming WaitingRequest, _ ring: IORing, _ memory: DiskRingMemory
    ) -> (slot: Int, FileTransferError)? {
        requests &+= 1
        guard let index = free.popLast() else {
            waiting.append(new)
            return nil
        }
        let client = new.client
        slots[index].client = client
        slots[index].request = new.takeRequest()
        slots[index].done = 0
        slots[index].isCached = false
        slots[index].step =
            switch slots[index].request.operation {
            case .read, .write: .transfer
            case .flush: .synchronize
            case .discard: .discard
            case .writeZeroes(mayUnmap: true): .punch
            case .writeZeroes(mayUnmap: false): .zeroRange
            }
        guard let error = prepare(index, ring, memory) else { return nil }
        return (index, error)
    }

    /// Takes in one that waits for a slot, or goes on with one that waits for a buffer. Nil: there is none with what it waits for.
    mutating func addWaiting(_ ring: IORing, _ memory: DiskRingMemory) -> (slot: Int, FileTransferError)?? {
        if !freeBounces.isEmpty, !bounceWaiting.isEmpty {
            let index = bounceWaiting.removeFirst()
            return .some(prepare(index, ring, memory).map { (index, $0) })
        }
        guard !free.isEmpty, let next = waiting.take() else { return nil }
        requests &-= 1
        return .some(add(next, ring, memory))
    }

    mutating func takeWaiting(of client: any BlockClient) -> [WaitingRequest] { waiting.takeAll(of: client) }

    func has(_ client: any BlockClient) -> Bool { slots.contains { $0.client === client } }

    /// Gives the kernel what is prepared. 0, or an errno: try again later.
    mutating func submit(_ ring: IORing) -> Int32 {
        guard prepared > 0 else { return 0 }
        submissions &+= 1
        let status = ring.submit()
        guard status == 0 else { return status }
        underWay += prepared
        prepared = 0
        usedVectors = 0
        return 0
    }

    // MARK: Steps

    /// Prepares a slot's step. Not nil: that is not possible.
    private mutating func prepare(_ index: Int, _ ring: IORing, _ memory: DiskRingMemory) -> FileTransferError? {
        let tag = UInt64(index)
        let (offset, length) = (slots[index].request.offset, slots[index].request.length)
        let isPrepared: Bool
        switch slots[index].step {
        case .transfer: return prepareTransfer(index, ring, memory)
        case .synchronize: isPrepared = ring.prepareSynchronize(file.descriptor, tag: tag)
        case .discard, .punch:
            isPrepared = ring.prepareAllocate(
                file.descriptor, mode: Self.keepSize | Self.punchHole, at: offset, length, tag: tag)
        case .zeroRange:
            isPrepared = ring.prepareAllocate(
                file.descriptor, mode: Self.keepSize | Self.zeroRange, at: offset, length, tag: tag)
        case .writeZeroes:
            isPrepared = memory.prepareZeroes(
                ring, file.descriptor, at: offset + slots[index].done, length - slots[index].done, tag: tag)
        }
        return note(isPrepared)
    }

    private mutating func note(_ isPrepared: Bool) -> FileTransferError? {
        // There are more entries than slots.
        guard isPrepared else { return .hostRefused(errno: EBUSY) }
        prepared += 1
        return nil
    }

    private mutating func prepareTransfer(
        _ index: Int, _ ring: IORing, _ memory: DiskRingMemory
    ) -> FileTransferError? {
        let done = slots[index].done
        guard let client = slots[index].client else { return .hostRefused(errno: EINVAL) }
        let end = min(slots[index].request.length, done + Self.transferLimit)
        var descriptor = file.descriptor
        if let direct = file.direct, !slots[index].isCached {
            let offset = slots[index].request.offset + done
            switch direct.way(at: offset, slots[index].request.buffers, done..<end, client.memory) {
            case .direct: descriptor = direct.descriptor
            case .bounced: return prepareBounced(index, direct.bouncePiece(done..<end), direct, client.memory, ring)
            case .cached: break
            }
        }
        let wanted = min(slots[index].request.buffers.count, Self.vectorsPerRequest)
        if usedVectors + wanted > memory.vectorCount {
            // The kernel frees the arrays by taking them.
            let status = submit(ring)
            guard status == 0 else { return .hostRefused(errno: status) }
        }
        do throws(GuestMemoryError) {
            let used = try memory.prepareTransfer(
                ring, descriptor, slots[index].request, done..<end, client.memory,
                vectors: usedVectors..<usedVectors + wanted,
                tag: UInt64(index))
            usedVectors += used ?? 0
            return note(used != nil)
        } catch {
            return .memory(error)
        }
    }

    private mutating func prepareBounced(
        _ index: Int, _ piece: Range<UInt64>, _ direct: DirectFile, _ memory: GuestMemory, _ ring: IORing
    ) -> FileTransferError? {
        guard let bounce = slots[index].bounce ?? freeBounces.popLast() else {
            bounceWaiting.append(index)
            return nil
        }
        slots[index].bounce = bounce
        let isRead = slots[index].request.operation == .read
        // SAFETY: the buffer is the slot's until its step has ended.
        let bytes = unsafe direct.bounces.bytes(bounce, Int(piece.length))
        do throws(GuestMemoryError) {
            if !isRead { unsafe try memory.copyOut(slots[index].request.buffers, range: piece, to: bytes) }
        } catch {
            freeBounce(index)
            return .memory(error)
        }
        let isPrepared = unsafe ring.prepare(
            isRead ? .read : .write, direct.descriptor, UnsafeRawPointer(bytes.baseAddress), UInt32(bytes.count),
            at: slots[index].request.offset + piece.lowerBound, tag: UInt64(index))
        if !isPrepared { freeBounce(index) }
        return note(isPrepared)
    }

    private mutating func freeBounce(_ index: Int) {
        if let bounce = slots[index].bounce.take() { freeBounces.append(bounce) }
    }

    /// A slot's step has ended with `result`: what follows is prepared.
    mutating func completed(
        _ index: Int, _ result: Int32, _ ring: IORing, _ memory: DiskRingMemory
    ) -> Progress {
        underWay -= 1
        guard slots.indices.contains(index), slots[index].client != nil else { return .goesOn }
        if result == -EINTR || result == -EAGAIN { return goOn(index, ring, memory) }
        switch slots[index].step {
        case .transfer where result == -EINVAL && file.direct != nil && !slots[index].isCached:
            // Less is taken than was said.
            freeBounce(index)
            slots[index].isCached = true
            return goOn(index, ring, memory)
        case .transfer, .writeZeroes: return moved(index, result, ring, memory)
        case .synchronize: return result == 0 ? .done : .failed(.hostRefused(errno: -result))
        case .discard:
            // Only a hint: a file system that cannot does nothing.
            let isHarmless = result == 0 || result == -EOPNOTSUPP || result == -ENOSYS
            return isHarmless ? .done : .failed(.hostRefused(errno: -result))
        case .punch, .zeroRange:
            if result == 0 { return settle(index, ring, memory) }
            // Whatever the reason was: writing tells whether there is one.
            slots[index].step = slots[index].step == .punch ? .zeroRange : .writeZeroes
            return goOn(index, ring, memory)
        }
    }

    private mutating func moved(
        _ index: Int, _ result: Int32, _ ring: IORing, _ memory: DiskRingMemory
    ) -> Progress {
        let error = take(index, result)
        freeBounce(index)
        if let error { return .failed(error) }
        guard slots[index].done >= slots[index].request.length else { return goOn(index, ring, memory) }
        return settle(index, ring, memory)
    }

    /// Counts what the kernel has moved; what it read is in guest memory then.
    private mutating func take(_ index: Int, _ result: Int32) -> FileTransferError? {
        guard result >= 0 else { return .hostRefused(errno: -result) }
        guard result > 0 else { return .endOfFile }
        let range = slots[index].done..<slots[index].done + UInt64(result)
        slots[index].done = range.upperBound
        guard slots[index].request.operation == .read, let guestMemory = slots[index].client?.memory else { return nil }
        guard let bounce = slots[index].bounce, let bounces = file.direct?.bounces else {
            guestMemory.noteTransfer(slots[index].request.buffers, range: range)
            return nil
        }
        do throws(GuestMemoryError) {
            // SAFETY: the buffer is the slot's, and has at least what the kernel says that it wrote.
            let bytes = unsafe UnsafeRawBufferPointer(bounces.bytes(bounce, Int(range.length)))
            unsafe try guestMemory.copyIn(bytes, to: slots[index].request.buffers, range: range)
            return nil
        } catch {
            return .memory(error)
        }
    }

    /// The bytes are where they should be: of a durable write they must be stable, too.
    private mutating func settle(_ index: Int, _ ring: IORing, _ memory: DiskRingMemory) -> Progress {
        guard slots[index].request.isDurable, slots[index].request.operation != .read else { return .done }
        slots[index].step = .synchronize
        return goOn(index, ring, memory)
    }

    private mutating func goOn(_ index: Int, _ ring: IORing, _ memory: DiskRingMemory) -> Progress {
        prepare(index, ring, memory).map(Progress.failed) ?? .goesOn
    }

    // MARK: Requests go

    /// Moves a request that has ended out of its slot. The slot stays taken until `release`: its client is being called.
    mutating func takeEnded(_ index: Int) -> (BlockRequest, (any BlockClient)?) {
        var request = BlockRequest(tag: 0, operation: .flush, offset: 0, length: 0)
        swap(&request, &slots[index].request)
        return (request, slots[index].client)
    }

    mutating func release(_ index: Int) {
        slots[index].client = nil
        free.append(index)
    }

    /// The wake request of `close` needs no slot.
    mutating func noteWake(isPrepared: Bool) { if isPrepared { prepared += 1 } }
}
