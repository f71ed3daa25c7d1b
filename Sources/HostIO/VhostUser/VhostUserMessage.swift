internal import VMMCore

/// What a front end asks of a back end. Source: the vhost-user protocol of QEMU (docs/interop/vhost-user), "Front-end message types".
enum VhostUserRequest: UInt32, Sendable {
    case getFeatures = 1
    case setFeatures = 2
    case setOwner = 3
    case setMemoryTable = 5
    case setQueueSize = 8
    case setQueueAddress = 9
    case setQueueBase = 10
    /// Ends the queue, too: the answer comes when the back end is done with it.
    case getQueueBase = 11
    case setQueueKick = 12
    case setQueueCall = 13
    case getProtocolFeatures = 15
    case setProtocolFeatures = 16
    case setQueueEnable = 18
}

/// Feature bits of vhost-user itself. Source: as above, "Protocol features", "Communication".
enum VhostUserFeature {
    /// Among the device's features: there are protocol features, and queues start disabled.
    static let protocolFeatures: UInt64 = 1 << 30
    /// Among those: a request that asks for it is answered with 0 for success.
    static let replyAck: UInt64 = 1 << 3
}

/// A message to the back end: a header of three 32-bit numbers in the host's order, here the little-endian one, and a payload.
struct VhostUserMessage: Sendable {
    static let headerSize = 12
    /// Of a payload that a back end sends: those that are asked for here have 8 bytes.
    static let longestAnswer = 64

    private static let version: UInt32 = 1
    private static let replyFlag: UInt32 = 1 << 2
    private static let needsReplyFlag: UInt32 = 1 << 3

    let request: VhostUserRequest
    let payload: [UInt8]
    /// They go beside the bytes, and stay the caller's.
    var descriptors: [Int32] = []

    private init(_ request: VhostUserRequest, _ payload: [UInt8] = [], _ descriptors: [Int32] = []) {
        self.request = request
        self.payload = payload
        self.descriptors = descriptors
    }

    func bytes(needsReply: Bool) -> [UInt8] {
        let flags = Self.version | (needsReply ? Self.needsReplyFlag : 0)
        return request.rawValue.bytes + flags.bytes + UInt32(payload.count).bytes + payload
    }

    /// How long the payload is that follows the header of an answer to `request`; nil: it is none.
    static func answerLength(_ header: [UInt8], to request: VhostUserRequest) -> Int? {
        guard header.count == headerSize else { return nil }
        let words = stride(from: 0, to: headerSize, by: 4).map { UInt32(littleEndianBytes: header[$0..<$0 + 4]) }
        guard words[0] == request.rawValue, words[1] & 3 == version, words[1] & replyFlag != 0,
            words[2] <= UInt32(longestAnswer)
        else { return nil }
        return Int(words[2])
    }

    // MARK: Requests

    static let getFeatures = VhostUserMessage(.getFeatures)
    static let getProtocolFeatures = VhostUserMessage(.getProtocolFeatures)
    static let setOwner = VhostUserMessage(.setOwner)

    static func setFeatures(_ features: UInt64) -> Self { Self(.setFeatures, features.bytes) }
    static func setProtocolFeatures(_ features: UInt64) -> Self { Self(.setProtocolFeatures, features.bytes) }

    /// The guest's memory. The "user addresses", by which the addresses of rings go, are the guest's own: no address of this process
    /// leaves it.
    static func setMemoryTable(_ regions: [(range: GuestRange, descriptor: Int32)]) -> Self {
        var payload = UInt32(regions.count).bytes + UInt32(0).bytes
        for (range, _) in regions {
            payload += range.start.rawValue.bytes + range.size.bytes + range.start.rawValue.bytes + UInt64(0).bytes
        }
        return Self(.setMemoryTable, payload, regions.map(\.descriptor))
    }

    static func setQueueSize(_ queue: ServedQueue) -> Self { state(.setQueueSize, queue.index, UInt32(queue.size)) }
    static func setQueueBase(_ queue: ServedQueue) -> Self { state(.setQueueBase, queue.index, 0) }
    static func setQueueEnable(_ queue: UInt16, _ isEnabled: Bool) -> Self {
        state(.setQueueEnable, queue, isEnabled ? 1 : 0)
    }
    static func getQueueBase(_ queue: UInt16) -> Self { state(.getQueueBase, queue, 0) }

    /// Index, flags, then descriptor table, used ring, available ring, and the log, of which there is none.
    static func setQueueAddress(_ queue: ServedQueue) -> Self {
        let places = [queue.descriptorTable, queue.deviceArea, queue.driverArea].flatMap(\.rawValue.bytes)
        return Self(.setQueueAddress, UInt32(queue.index).bytes + UInt32(0).bytes + places + UInt64(0).bytes)
    }

    /// The eventfd by which the back end is notified, or by which it asks for interrupts.
    static func setQueueKick(_ queue: UInt16, _ descriptor: Int32) -> Self {
        Self(.setQueueKick, UInt64(queue).bytes, [descriptor])
    }
    static func setQueueCall(_ queue: UInt16, _ descriptor: Int32) -> Self {
        Self(.setQueueCall, UInt64(queue).bytes, [descriptor])
    }

    private static func state(_ request: VhostUserRequest, _ queue: UInt16, _ number: UInt32) -> Self {
        Self(request, UInt32(queue).bytes + number.bytes)
    }
}

extension FixedWidthInteger {
    /// Little-endian.
    fileprivate var bytes: [UInt8] {
        (0..<Self.bitWidth / 8).map { UInt8(truncatingIfNeeded: self >> ($0 * 8)) }
    }

    init(littleEndianBytes bytes: some BidirectionalCollection<UInt8>) {
        self = bytes.reversed().reduce(0) { $0 << 8 | Self($1) }
    }
}
