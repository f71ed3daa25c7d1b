import Testing
import VMMCore
import VMMTestSupport
import VirtioDevices

/// A 9P device on a tree in memory, and a driver for its messages. Requests lie at `buffers`, replies at `replies`.
struct ShareFixture {
    typealias Base = VirtioFixture<VirtioShare<MemoryTree>>

    static var replies: UInt64 { Base.buffers + 0x1_0000 }
    static let replySize: UInt32 = 0x1_0000

    let tree: MemoryTree
    let work = HeldWork()
    let base: Base

    /// - Parameter version: whether the session has begun.
    init(_ tree: MemoryTree = MemoryTree(), version: Bool = true, attached: Bool = true) throws {
        self.tree = tree
        base = try Base(VirtioShare(tree, tag: "data", work: work))
        base.start(1)
        if version { _ = try call(100, UInt32(8192).littleEndianBytes + Self.string("9P2000.L")) }
        if version && attached {
            _ = try call(104, Self.words(0, .max) + Self.string("") + Self.string("") + Self.words(0))
        }
    }

    static func string(_ text: String) -> [UInt8] { UInt16(text.utf8.count).littleEndianBytes + Array(text.utf8) }
    static func words(_ values: UInt32...) -> [UInt8] { values.flatMap(\.littleEndianBytes) }
    static func name(_ text: String) throws -> FileName { try #require(FileName(Array(text.utf8))) }

    static func message(_ type: UInt8, tag: UInt16, _ body: [UInt8]) -> [UInt8] {
        UInt32(7 + body.count).littleEndianBytes + [type] + tag.littleEndianBytes + body
    }

    /// Makes a message available. Several at once lie behind each other: `place` tells them apart.
    func offer(_ message: [UInt8], place: UInt64 = 0, room: UInt32 = replySize) throws {
        let (request, reply) = (Base.buffers + place * 0x2000, Self.replies + place * 0x1000)
        try base.memory.copyIn(message, to: GuestAddress(request))
        try base.queues[0].offer([.readable(request, UInt32(message.count)), .writable(reply, room)])
        base.driver.notify(0)
    }

    /// The reply at a place.
    func reply(_ length: UInt32, place: UInt64 = 0) throws -> Reply {
        try Reply(base.memory.copyOut(GuestAddress(Self.replies + place * 0x1000), count: Int(length)))
    }

    struct Reply {
        let type: UInt8
        let tag: UInt16
        let body: [UInt8]

        init(_ bytes: [UInt8]) throws {
            try #require(bytes.count >= 7)
            #expect(Reply.integer(bytes, 0, 4) == UInt64(bytes.count))
            type = bytes[4]
            tag = UInt16(Reply.integer(bytes, 5, 2))
            body = Array(bytes[7...])
        }

        static func integer(_ bytes: [UInt8], _ offset: Int, _ size: Int) -> UInt64 {
            bytes[offset..<offset + size].reversed().reduce(0) { $0 << 8 | UInt64($1) }
        }

        func word(_ offset: Int = 0) -> UInt32 { UInt32(Self.integer(body, offset, 4)) }
        func doubleword(_ offset: Int) -> UInt64 { Self.integer(body, offset, 8) }
        /// The errno of an Rlerror.
        var error: UInt32? { type == 7 ? word() : nil }
    }

    /// Sends a request and gives its reply.
    @discardableResult
    func call(
        _ type: UInt8, _ body: [UInt8], room: UInt32 = replySize, _ location: SourceLocation = #_sourceLocation
    ) throws -> Reply {
        try offer(Self.message(type, tag: 7, body), room: room)
        let used = try #require(try base.queues[0].takeUsed(), sourceLocation: location)
        let reply = try reply(used.length)
        #expect(reply.tag == 7, sourceLocation: location)
        #expect(reply.type == type + 1 || reply.type == 7, sourceLocation: location)
        return reply
    }

    /// Walks from the root, fid 0.
    @discardableResult
    func walk(_ newFid: UInt32, _ names: String...) throws -> Reply {
        try call(110, Self.words(0, newFid) + UInt16(names.count).littleEndianBytes + names.flatMap(Self.string))
    }
}
