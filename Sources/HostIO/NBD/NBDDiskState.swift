internal import Glibc
internal import VMMCore

/// The requests of a server's disk, in pieces that each have a slot. It calls nobody.
struct NBDDiskState {
    /// Most of a piece without data.
    private static let rangeLimit: UInt64 = 1 << 30

    private struct Active {
        var request = BlockRequest(tag: 0, operation: .flush, offset: 0, length: 0)
        var client: (any BlockClient)?
        /// Bytes for which pieces were made.
        var issued: UInt64 = 0
        var pieces = 0
        var error: FileTransferError?
    }

    private struct Slot {
        var active: Int
        var range: Range<UInt64>
    }

    /// What a slot has data of.
    struct Piece {
        let isRead: Bool
        let memory: GuestMemory
        let buffers: [GuestBuffer]
        let range: Range<UInt64>
    }

    struct Ended {
        let request: BlockRequest
        let client: any BlockClient
        let error: FileTransferError?
    }

    /// Most of a piece with data.
    private let dataLimit: UInt64
    private let canWriteZeroes: Bool
    private var slots = [Slot?](repeating: nil, count: NBDChannel.slotCount)
    private var freeSlots = Array((0..<NBDChannel.slotCount).reversed())
    private var active = [Active](repeating: Active(), count: NBDChannel.slotCount)
    private var freeActive = Array((0..<NBDChannel.slotCount).reversed())
    /// The one that some of its pieces have no slot yet.
    private var issuing: Int?
    private var ended: [Int] = []
    private var waiting = RequestQueue()
    /// Records for the program.
    var output: [UInt8] = []
    private(set) var isLost = false
    var isClosing = false
    var isGivenUp = false
    /// Threads that wait for the end of a client's requests.
    var drainers = 0
    private(set) var requests: UInt64 = 0
    var messages: UInt64 = 0

    init(_ export: NBDExport) {
        let block = max(export.minimumBlock, BlockProperties.sectorSize)
        let most = export.maximumBlock == 0 ? UInt64.max : max(export.maximumBlock, block)
        dataLimit = min(UInt64(NBDChannel.slotSize), most) / block * block
        canWriteZeroes = export.canWriteZeroes
    }

    // MARK: Requests come

    mutating func add(_ new: consuming WaitingRequest, _ memory: NBDSlots) {
        requests &+= 1
        waiting.append(new)
        proceed(memory)
    }

    mutating func takeWaiting(of client: any BlockClient) -> [WaitingRequest] { waiting.takeAll(of: client) }

    func has(_ client: any BlockClient) -> Bool { active.contains { $0.client === client } }

    /// Makes pieces as far as there are slots.
    mutating func proceed(_ memory: NBDSlots) {
        while let index = issuing ?? beginNext() {
            issuing = index
            guard active[index].error == nil, !isLost else {
                if isLost, active[index].error == nil { active[index].error = .hostRefused(errno: ENOTCONN) }
                issuing = nil
                noteEnd(index)
                continue
            }
            guard let slot = freeSlots.popLast() else { return }
            issue(index, slot, memory)
        }
    }

    private mutating func beginNext() -> Int? {
        guard !freeActive.isEmpty, var next = waiting.take(), let index = freeActive.popLast() else { return nil }
        active[index] = Active(request: next.takeRequest(), client: next.client)
        return index
    }

    /// The next piece of a request, in a free slot.
    private mutating func issue(_ index: Int, _ slot: Int, _ memory: NBDSlots) {
        let request = active[index].request
        let start = active[index].issued
        let length = min(request.length - start, limit(request.operation))
        let range = start..<start + length
        var record = NBDRequest(
            operation(request.operation), slot: UInt16(slot), at: request.offset + start, length: UInt32(length),
            isDurable: request.isDurable)
        switch request.operation {
        case .write:
            do throws(GuestMemoryError) {
                // SAFETY: the slot is free, and becomes this request's.
                unsafe try active[index].client?.memory.copyOut(
                    request.buffers, range: range, to: memory.bytes(slot, Int(length)))
            } catch {
                active[index].error = .memory(error)
                freeSlots.append(slot)
                return
            }
        case .writeZeroes(let mayUnmap):
            record.mayUnmap = mayUnmap
            if !canWriteZeroes {
                // SAFETY: as above.
                unsafe memory.bytes(slot, Int(length)).initializeMemory(as: UInt8.self, repeating: 0)
            }
        case .read, .flush, .discard: break
        }
        record.append(to: &output)
        slots[slot] = Slot(active: index, range: range)
        active[index].issued = range.upperBound
        active[index].pieces += 1
        if range.upperBound == request.length { issuing = nil }
    }

    private func limit(_ operation: BlockOperation) -> UInt64 {
        switch operation {
        case .read, .write: dataLimit
        case .writeZeroes: canWriteZeroes ? Self.rangeLimit : dataLimit
        case .flush, .discard: Self.rangeLimit
        }
    }

    private func operation(_ operation: BlockOperation) -> NBDRequest.Operation {
        switch operation {
        case .read: .read
        case .write: .write
        case .flush: .flush
        case .discard: .discard
        case .writeZeroes: canWriteZeroes ? .writeZeroes : .write
        }
    }

    // MARK: Replies come

    /// Nil: nothing was asked with that slot.
    func piece(_ slot: UInt16) -> Piece? {
        guard slots.indices.contains(Int(slot)), let place = slots[Int(slot)],
            let client = active[place.active].client
        else { return nil }
        let request = active[place.active].request
        return Piece(
            isRead: request.operation == .read, memory: client.memory, buffers: request.buffers, range: place.range)
    }

    mutating func ended(_ slot: UInt16, _ error: FileTransferError?) {
        guard let place = slots[Int(slot)].take() else { return }
        freeSlots.append(Int(slot))
        active[place.active].pieces -= 1
        if let error, active[place.active].error == nil { active[place.active].error = error }
        if issuing != place.active { noteEnd(place.active) }
    }

    private mutating func noteEnd(_ index: Int) {
        if active[index].pieces == 0 { ended.append(index) }
    }

    /// All that is under way or waits fails, and what comes later.
    mutating func lose(_ memory: NBDSlots) {
        isLost = true
        output = []
        for slot in slots.indices where slots[slot] != nil {
            ended(UInt16(slot), .hostRefused(errno: ENOTCONN))
        }
        proceed(memory)
    }

    // MARK: Requests go

    /// Moves a request that has ended out. Its place stays taken until `release`: its client is being called.
    mutating func takeEnded() -> (Int, Ended)? {
        guard let index = ended.popLast(), let client = active[index].client else { return nil }
        var request = BlockRequest(tag: 0, operation: .flush, offset: 0, length: 0)
        swap(&request, &active[index].request)
        return (index, Ended(request: request, client: client, error: active[index].error))
    }

    mutating func release(_ index: Int) {
        active[index].client = nil
        freeActive.append(index)
    }
}
