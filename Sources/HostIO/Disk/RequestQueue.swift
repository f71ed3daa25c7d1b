internal import VMMCore

/// A request with whose it is.
struct WaitingRequest {
    var request: BlockRequest
    let client: any BlockClient

    /// Moves the request out: the storage of its buffers has one owner when it goes back.
    mutating func takeRequest() -> BlockRequest {
        var taken = BlockRequest(tag: 0, operation: .flush, offset: 0, length: 0)
        swap(&taken, &request)
        return taken
    }
}

/// Requests in the order of their coming: a ring that grows, and allocates nothing once it is large enough.
struct RequestQueue {
    private var places: [WaitingRequest?] = []
    private var first = 0
    private(set) var count = 0

    mutating func append(_ new: consuming WaitingRequest) {
        if count == places.count { grow() }
        places[(first + count) % places.count] = new
        count += 1
    }

    mutating func take() -> WaitingRequest? {
        guard count > 0 else { return nil }
        defer {
            first = (first + 1) % places.count
            count -= 1
        }
        return places[first].take()
    }

    /// Takes all of one client.
    mutating func takeAll(of client: any BlockClient) -> [WaitingRequest] {
        var theirs: [WaitingRequest] = []
        for _ in 0..<count {
            guard let next = take() else { break }
            if next.client === client { theirs.append(next) } else { append(next) }
        }
        return theirs
    }

    private mutating func grow() {
        var larger: [WaitingRequest?] = []
        larger.reserveCapacity(max(64, count * 2))
        while let next = take() { larger.append(next) }
        let held = larger.count
        while larger.count < max(64, held * 2) { larger.append(nil) }
        places = larger
        first = 0
        count = held
    }
}
