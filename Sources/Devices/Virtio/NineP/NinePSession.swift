internal import Synchronization
internal import VMMCore

/// A driver's session with a tree: its fids, and the answer to each request. It knows no queue and no thread.
///
/// A fid is a number that the driver chose for a node, and for what it has opened of it. Each method works on what a fid
/// stood for when the request was looked at: requests of one fid at once are the driver's business, and harm nobody else.
///
/// Threading: any thread, several requests at once; the tree is called without the lock held.
/// Source: 9P2000.L; 9P2000, section 5 of the manual.
final class NinePSession<Tree: SharedTree>: Sendable {
    private struct Fid {
        var node: Tree.Node
        var open: Tree.Node.Open?
    }

    private struct State {
        /// What driver and device agreed on; nil: no Tversion yet.
        var messageSize: UInt32?
        var fids: [UInt32: Fid] = [:]
    }

    /// Most fids: a driver that never gives one back must not fill the host's memory. Linux has one for each cached name.
    static var fidLimit: Int { 1 << 16 }

    private let tree: Tree
    /// The most that a message may have, both ways.
    private let messageLimit: UInt32
    private let state = Mutex(State())

    init(_ tree: Tree, messageLimit: UInt32) {
        self.tree = tree
        self.messageLimit = messageLimit
    }

    /// Forgets all fids, as if there had been no Tversion.
    func reset() {
        // What they hold of the host is given back without the lock held.
        let old = state.withLock { state in
            defer { state = State() }
            return state
        }
        _ = consume old
    }

    /// Answers a request. Gives the size of the reply, which is in `reply` from its first byte on.
    ///
    /// - Parameters:
    ///   - request: the message's bytes, `count` of them: at least a header.
    ///   - reply: storage for it; at least `room` bytes.
    ///   - room: at least `NineP.errorReplySize`.
    func answer(_ request: [UInt8], count: Int, reply: inout [UInt8], room: Int) -> Int {
        let header = NinePHeader(request)
        let agreed = state.withLock { $0.messageSize }
        // Moved, not copied: storage with two owners could not be used again.
        var storage: [UInt8] = []
        swap(&storage, &reply)
        var writer = NinePWriter(consume storage, limit: min(room, Int(agreed ?? messageLimit)))
        let size: Int
        do throws(FileFailure) {
            guard header.messageSize >= UInt32(NinePHeader.size), Int(header.messageSize) <= count else {
                throw FileFailure.invalid
            }
            guard header.messageSize <= agreed ?? messageLimit else { throw FileFailure.messageSize }
            let parsed: NinePRequest
            do throws(NinePFault) {
                parsed = try NinePRequest(header.type, request, size: Int(header.messageSize))
            } catch {
                throw error.failure
            }
            if case .version = parsed {} else if agreed == nil { throw FileFailure.invalid }
            try perform(parsed, request, &writer)
            size =
                writer.isOverfull
                ? writer.fail(.messageSize, tag: header.tag) : writer.finish(type: header.type &+ 1, tag: header.tag)
        } catch {
            size = writer.fail(error, tag: header.tag)
        }
        reply = writer.takeStorage()
        return size
    }

    private func perform(
        _ request: NinePRequest, _ bytes: [UInt8], _ reply: inout NinePWriter
    ) throws(FileFailure) {
        switch request {
        case .version(let size, let version): try begin(size, version, &reply)
        case .attach(let fid):
            let root = tree.root
            let qid = try root.attributes().qid
            try add(fid, Fid(node: root))
            reply.qid(qid)
        case .walk(let fid, let newFid, let steps): try walk(fid, newFid, steps, &reply)
        case .clunk(let fid): _ = try take(fid)
        case .remove(let fid):
            // The fid is gone, whether the file is or not.
            let node = try take(fid).node
            try tree.apply(.removeNode(node))
        case .open, .create, .read, .write, .readdir, .fsync: try performOnFile(request, bytes, &reply)
        case .getattr(let fid): reply.attributes(try node(fid).attributes())
        case .readlink(let fid): reply.string(try node(fid).linkTarget())
        case .statfs(let fid):
            _ = try node(fid)
            reply.statistics(try tree.statistics())
        case .symlink, .rename, .setattr, .link, .mkdir, .renameat, .unlinkat: try change(request, &reply)
        case .mknod: throw tree.isReadOnly ? .readOnly : .notPermitted
        case .xattr: throw .notSupported
        case .lock(let fid):
            // Between processes of the guest its own kernel sees to locks.
            _ = try node(fid)
            reply.byte(NineP.lockSuccess)
        case .getlock(let fid, let lock):
            _ = try node(fid)
            reply.byte(NineP.unlocked)
            reply.doubleword(lock.start)
            reply.doubleword(lock.length)
            reply.word(lock.process)
            reply.string(lock.client)
        }
    }

    private func begin(_ size: UInt32, _ version: [UInt8], _ reply: inout NinePWriter) throws(FileFailure) {
        reset()
        guard size >= NineP.smallestMessage else { throw .messageSize }
        let agreed = min(size, messageLimit)
        reply.word(agreed)
        guard version == NineP.version else { return reply.string(NineP.unknownVersion) }
        reply.string(NineP.version)
        state.withLock { $0.messageSize = agreed }
    }

    private func walk(
        _ fid: UInt32, _ newFid: UInt32, _ steps: [NinePRequest.Step], _ reply: inout NinePWriter
    ) throws(FileFailure) {
        var node = try node(fid)
        var qids: [NinePQid] = []
        for (index, step) in steps.enumerated() {
            do throws(FileFailure) {
                switch step {
                case .up: node = node.parent
                case .name(let name): node = try node.entry(name)
                }
                qids.append(try node.attributes().qid)
            } catch {
                // 9P2000, walk(5): an error only when the first name is not found; else what was found so far.
                if index == 0 { throw error }
                break
            }
        }
        if qids.count == steps.count {
            if fid == newFid { try replace(fid, by: Fid(node: node)) } else { try add(newFid, Fid(node: node)) }
        }
        reply.halfword(UInt16(truncatingIfNeeded: qids.count))
        for qid in qids { reply.qid(qid) }
    }

    // MARK: Files

    private func performOnFile(
        _ request: NinePRequest, _ bytes: [UInt8], _ reply: inout NinePWriter
    ) throws(FileFailure) {
        switch request {
        case .open(let fid, let access):
            let old = try self.fid(fid)
            guard old.open == nil else { throw .invalid }
            let qid = try old.node.attributes().qid
            try replace(fid, by: Fid(node: old.node, open: try old.node.open(access)))
            reply.qid(qid)
            // The iounit: as much as a message holds.
            reply.word(0)
        case .create(let fid, let name, let access, let mode):
            let old = try self.fid(fid)
            guard old.open == nil else { throw .invalid }
            let (node, open) = try old.node.create(name, access, mode: mode)
            let qid = try node.attributes().qid
            try replace(fid, by: Fid(node: node, open: open))
            reply.qid(qid)
            reply.word(0)
        case .read(let fid, let offset, let count):
            let file = try openFile(fid)
            try reply.data(atMost: count) { bytes, range throws(FileFailure) in
                try file.read(into: &bytes, range, at: offset)
            }
        case .write(let fid, let offset, let range):
            reply.word(UInt32(truncatingIfNeeded: try openFile(fid).write(bytes, range, at: offset)))
        case .readdir(let fid, let offset, let count): try readDirectory(fid, offset, count, &reply)
        case .fsync(let fid, let dataOnly): try openFile(fid).synchronize(dataOnly: dataOnly)
        default: throw .invalid
        }
    }

    private func readDirectory(
        _ fid: UInt32, _ offset: UInt64, _ count: UInt32, _ reply: inout NinePWriter
    ) throws(FileFailure) {
        let entry = try self.fid(fid)
        guard let open = entry.open else { throw .badDescriptor }
        // The root's `..` is the root: what is outside has no number here.
        let above = try entry.node.parent.attributes().identifier
        try reply.data(atMost: count) { bytes, range throws(FileFailure) in
            var list = NinePEntryList(bytes, range)
            // The list has the only reference to the storage now.
            bytes = []
            defer { bytes = list.takeStorage() }
            try open.entries(from: offset) { entry in
                list.append(entry, identifier: entry.name == Array("..".utf8) ? above : entry.identifier)
            }
            // Linux takes no entries for the end: there is one, and it has no room.
            if list.isFull && list.count == 0 { throw FileFailure.invalid }
            return list.count
        }
    }

    // MARK: Changes

    private func change(_ request: NinePRequest, _ reply: inout NinePWriter) throws(FileFailure) {
        switch request {
        case .symlink(let fid, let name, let target):
            let directory = try node(fid)
            try tree.apply(.makeSymbolicLink(name, in: directory, target: target))
            reply.qid(try directory.entry(name).attributes().qid)
        case .mkdir(let fid, let name, let mode):
            let directory = try node(fid)
            try tree.apply(.makeDirectory(name, in: directory, mode: mode))
            reply.qid(try directory.entry(name).attributes().qid)
        case .link(let directory, let fid, let name):
            try tree.apply(.makeLink(name, in: try node(directory), to: try node(fid)))
        case .rename(let fid, let directory, let name):
            try tree.apply(.renameNode(try node(fid), to: name, in: try node(directory)))
        case .renameat(let old, let name, let new, let newName):
            try tree.apply(.rename(name, in: try node(old), to: newName, newDirectory: try node(new)))
        case .unlinkat(let fid, let name, let isDirectory):
            try tree.apply(.remove(name, in: try node(fid), isDirectory: isDirectory))
        case .setattr(let fid, let change): try tree.apply(.attributes(try node(fid), change))
        default: throw .invalid
        }
    }

    // MARK: Fids

    private func fid(_ number: UInt32) throws(FileFailure) -> Fid {
        guard let fid = state.withLock({ $0.fids[number] }) else { throw .badDescriptor }
        return fid
    }

    private func node(_ number: UInt32) throws(FileFailure) -> Tree.Node { try fid(number).node }

    private func openFile(_ number: UInt32) throws(FileFailure) -> Tree.Node.Open {
        guard let open = try fid(number).open else { throw .badDescriptor }
        return open
    }

    private func add(_ number: UInt32, _ fid: Fid) throws(FileFailure) {
        try state.withLock { state throws(FileFailure) in
            // 9P2000, walk(5), attach(5): a fid in use is an error.
            guard state.fids[number] == nil else { throw .badDescriptor }
            guard state.fids.count < Self.fidLimit else { throw .tooManyOpen }
            state.fids[number] = fid
        }
    }

    private func replace(_ number: UInt32, by fid: Fid) throws(FileFailure) {
        let old = try state.withLock { state throws(FileFailure) in
            // The driver may have given it up meanwhile.
            guard let old = state.fids[number] else { throw .badDescriptor }
            state.fids[number] = fid
            return old
        }
        _ = consume old
    }

    private func take(_ number: UInt32) throws(FileFailure) -> Fid {
        guard let fid = state.withLock({ $0.fids.removeValue(forKey: number) }) else { throw .badDescriptor }
        return fid
    }
}

extension NinePFault {
    /// What the driver is told.
    fileprivate var failure: FileFailure {
        switch self {
        case .truncated, .badName, .tooManyNames: .invalid
        case .unknownType: .notSupported
        }
    }
}
