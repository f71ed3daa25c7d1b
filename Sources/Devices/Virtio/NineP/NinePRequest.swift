internal import VMMCore

/// A request of a driver, read once and checked as far as it can be without the tree. Pure.
///
/// Source: 9P2000.L; the parameters in the order of each message's table.
enum NinePRequest: Hashable {
    case version(messageSize: UInt32, version: [UInt8])
    case attach(fid: UInt32)
    case statfs(fid: UInt32)
    case open(fid: UInt32, FileAccess)
    case create(fid: UInt32, FileName, FileAccess, mode: UInt32)
    case symlink(fid: UInt32, FileName, target: [UInt8])
    case mknod
    case rename(fid: UInt32, directory: UInt32, FileName)
    case readlink(fid: UInt32)
    case getattr(fid: UInt32)
    case setattr(fid: UInt32, AttributeChange)
    case xattr
    case readdir(fid: UInt32, offset: UInt64, count: UInt32)
    case fsync(fid: UInt32, dataOnly: Bool)
    case lock(fid: UInt32)
    case getlock(fid: UInt32, NinePLock)
    case link(directory: UInt32, fid: UInt32, FileName)
    case mkdir(directory: UInt32, FileName, mode: UInt32)
    case renameat(directory: UInt32, FileName, newDirectory: UInt32, FileName)
    case unlinkat(directory: UInt32, FileName, isDirectory: Bool)
    case walk(fid: UInt32, newFid: UInt32, [Step])
    case read(fid: UInt32, offset: UInt64, count: UInt32)
    /// The data are a range of the message's bytes.
    case write(fid: UInt32, offset: UInt64, Range<Int>)
    case clunk(fid: UInt32)
    case remove(fid: UInt32)

    /// A step of a walk.
    enum Step: Hashable {
        case up
        case name(FileName)
    }

    /// The body behind the header of a message that is all there.
    ///
    /// - Parameter bytes: the message, `size` bytes of it.
    init(_ type: UInt8, _ bytes: [UInt8], size: Int) throws(NinePFault) {
        var reader = NinePReader(bytes, NinePHeader.size..<size)
        guard let kind = NinePType(rawValue: type) else { throw .unknownType(type) }
        switch kind {
        case .version: self = .version(messageSize: try reader.word(), version: try reader.string())
        case .attach: self = .attach(fid: try reader.word())
        case .statfs: self = .statfs(fid: try reader.word())
        case .open: self = .open(fid: try reader.word(), FileAccess(flags: try reader.word()))
        case .create:
            self = .create(
                fid: try reader.word(), try reader.name(), FileAccess(flags: try reader.word()),
                mode: try reader.word())
        case .symlink: self = .symlink(fid: try reader.word(), try reader.name(), target: try reader.string())
        case .mknod: self = .mknod
        case .rename: self = .rename(fid: try reader.word(), directory: try reader.word(), try reader.name())
        case .readlink: self = .readlink(fid: try reader.word())
        case .getattr: self = .getattr(fid: try reader.word())
        case .setattr: self = .setattr(fid: try reader.word(), try reader.attributeChange())
        case .xattrwalk, .xattrcreate: self = .xattr
        case .readdir:
            self = .readdir(fid: try reader.word(), offset: try reader.doubleword(), count: try reader.word())
        case .fsync: self = .fsync(fid: try reader.word(), dataOnly: try reader.word() != 0)
        case .lock: self = .lock(fid: try reader.word())
        case .getlock: self = .getlock(fid: try reader.word(), try NinePLock(&reader))
        case .link: self = .link(directory: try reader.word(), fid: try reader.word(), try reader.name())
        case .mkdir: self = .mkdir(directory: try reader.word(), try reader.name(), mode: try reader.word())
        case .renameat:
            self = .renameat(
                directory: try reader.word(), try reader.name(), newDirectory: try reader.word(), try reader.name())
        case .unlinkat:
            self = .unlinkat(
                directory: try reader.word(), try reader.name(),
                isDirectory: try reader.word() & NineP.removeDirectory != 0)
        case .walk: self = .walk(fid: try reader.word(), newFid: try reader.word(), try reader.steps())
        case .read: self = .read(fid: try reader.word(), offset: try reader.doubleword(), count: try reader.word())
        case .write:
            let (fid, offset) = (try reader.word(), try reader.doubleword())
            self = .write(fid: fid, offset: offset, try reader.skip(Int(try reader.word())))
        case .clunk: self = .clunk(fid: try reader.word())
        case .remove: self = .remove(fid: try reader.word())
        case .errorReply, .auth, .flush: throw .unknownType(type)
        }
    }
}

/// What Tgetlock asks about, and Rgetlock repeats. Source: 9P2000.L, "getlock".
struct NinePLock: Hashable {
    var start: UInt64
    var length: UInt64
    var process: UInt32
    var client: [UInt8]

    init(_ reader: inout NinePReader) throws(NinePFault) {
        // The kind of lock: the answer is the same for each.
        _ = try reader.byte()
        start = try reader.doubleword()
        length = try reader.doubleword()
        process = try reader.word()
        client = try reader.string()
    }
}

extension NinePReader {
    fileprivate mutating func name() throws(NinePFault) -> FileName {
        guard let name = FileName(try string()) else { throw .badName }
        return name
    }

    fileprivate mutating func steps() throws(NinePFault) -> [NinePRequest.Step] {
        let count = Int(try halfword())
        guard count <= NineP.walkLimit else { throw .tooManyNames }
        var steps: [NinePRequest.Step] = []
        for _ in 0..<count {
            let text = try string()
            if text == Array("..".utf8) {
                steps.append(.up)
            } else if let name = FileName(text) {
                steps.append(.name(name))
            } else {
                throw .badName
            }
        }
        return steps
    }

    fileprivate mutating func attributeChange() throws(NinePFault) -> AttributeChange {
        typealias Bit = NineP.SetAttribute
        let valid = try word()
        let (mode, owner, group, size) = (try word(), try word(), try word(), try doubleword())
        let (accessed, modified) = (try time(), try time())
        var change = AttributeChange()
        if valid & Bit.mode != 0 { change.mode = mode }
        if valid & Bit.owner != 0 { change.owner = owner }
        if valid & Bit.group != 0 { change.group = group }
        if valid & Bit.size != 0 { change.size = size }
        if valid & Bit.accessed != 0 { change.accessed = valid & Bit.accessedIsGiven != 0 ? .at(accessed) : .now }
        if valid & Bit.modified != 0 { change.modified = valid & Bit.modifiedIsGiven != 0 ? .at(modified) : .now }
        return change
    }

    private mutating func time() throws(NinePFault) -> FileTime {
        let seconds = Int64(bitPattern: try doubleword())
        return FileTime(seconds: seconds, nanoseconds: UInt32(truncatingIfNeeded: try doubleword() % 1_000_000_000))
    }
}

extension FileAccess {
    /// Of a Tlopen or Tlcreate. O_APPEND means nothing here: the driver says where each write goes.
    init(flags: UInt32) {
        switch flags & NineP.Open.accessMask {
        case 0: self = .read
        case 1: self = .write
        default: self = [.read, .write]
        }
        if flags & NineP.Open.truncate != 0 { insert(.truncate) }
        if flags & NineP.Open.exclusive != 0 { insert(.exclusive) }
        if flags & (NineP.Open.dataSync | NineP.Open.sync) != 0 { insert(.synchronous) }
        if flags & NineP.Open.directory != 0 { insert(.directory) }
    }
}
