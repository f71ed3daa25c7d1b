/// A tree of the host's files that a guest may use, and nothing beyond it: whatever a guest asks for, and whatever moves on the
/// host meanwhile, no method leaves the tree, opens a device or waits for a pipe.
///
/// Threading: any thread; each method may wait for the host's disk. Errors: Linux's numbers, which the guest gets.
package protocol SharedTree: AnyObject, Sendable {
    associatedtype Node: SharedNode

    /// Nothing in it can be changed: whatever would fails with `FileFailure.readOnly`.
    var isReadOnly: Bool { get }
    var root: Node { get }
    func statistics() throws(FileFailure) -> TreeStatistics
    func apply(_ change: TreeChange<Node>) throws(FileFailure)
}

/// A file, directory or symbolic link of a tree. It stays the same when it is renamed or has lost its name.
package protocol SharedNode: AnyObject, Sendable {
    associatedtype Open: OpenFile

    /// The directory in which it was found; the root's is the root.
    var parent: Self { get }
    func attributes() throws(FileFailure) -> FileAttributes
    func entry(_ name: FileName) throws(FileFailure) -> Self
    /// What a symbolic link says: bytes for the guest, which follows it itself.
    func linkTarget() throws(FileFailure) -> [UInt8]
    /// Opens a regular file or a directory; anything else is refused.
    func open(_ access: FileAccess) throws(FileFailure) -> Open
    /// Makes a regular file, or opens the one that is there unless `access` is exclusive.
    func create(_ name: FileName, _ access: FileAccess, mode: UInt32) throws(FileFailure) -> (node: Self, open: Open)
}

/// A file or directory that is open.
package protocol OpenFile: AnyObject, Sendable {
    /// Fills `bytes[range]` from `offset` on. Gives how many bytes: fewer at the file's end.
    func read(into bytes: inout [UInt8], _ range: Range<Int>, at offset: UInt64) throws(FileFailure) -> Int
    /// Stores `bytes[range]` at `offset`. Gives how many bytes: at least 1, unless the range is empty.
    func write(_ bytes: [UInt8], _ range: Range<Int>, at offset: UInt64) throws(FileFailure) -> Int
    /// Calls `body` with a directory's entries behind the one whose `next` is `position` (0: from the first on), until it gives
    /// false.
    func entries(from position: UInt64, _ body: (DirectoryEntry) -> Bool) throws(FileFailure)
    /// What was written is on stable storage afterwards. `dataOnly`: without times and the like.
    func synchronize(dataOnly: Bool) throws(FileFailure)
}

/// What changes a tree but for the contents of files.
package enum TreeChange<Node: SharedNode>: Sendable {
    case attributes(Node, AttributeChange)
    case makeDirectory(FileName, in: Node, mode: UInt32)
    case makeSymbolicLink(FileName, in: Node, target: [UInt8])
    case makeLink(FileName, in: Node, to: Node)
    case rename(FileName, in: Node, to: FileName, newDirectory: Node)
    case remove(FileName, in: Node, isDirectory: Bool)
    /// The same by the node, if it still has the name by which it was found.
    case renameNode(Node, to: FileName, in: Node)
    case removeNode(Node)
}

/// The name of a directory's entry: 1 to 255 bytes without a slash or NUL, and neither `.` nor `..`.
package struct FileName: Hashable, Sendable {
    /// Source: Linux, NAME_MAX.
    package static let limit = 255
    package let bytes: [UInt8]

    package init?(_ bytes: [UInt8]) {
        guard (1...Self.limit).contains(bytes.count), !bytes.contains(0), !bytes.contains(UInt8(ascii: "/")),
            bytes != [UInt8(ascii: ".")], bytes != [UInt8(ascii: "."), UInt8(ascii: ".")]
        else { return nil }
        self.bytes = bytes
    }
}

/// What a file is opened for.
package struct FileAccess: OptionSet, Hashable, Sendable {
    package let rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package static let read = FileAccess(rawValue: 1)
    package static let write = FileAccess(rawValue: 2)
    /// Without what is in it.
    package static let truncate = FileAccess(rawValue: 4)
    /// It must be a new one.
    package static let exclusive = FileAccess(rawValue: 8)
    /// Each write is on stable storage when it has returned.
    package static let synchronous = FileAccess(rawValue: 16)
    package static let directory = FileAccess(rawValue: 32)
}

package enum FileKind: Hashable, Sendable {
    case regular
    case directory
    case symbolicLink
    /// A device node, a pipe, a socket: can be seen, and not opened.
    case other
}

/// Since 1970-01-01 00:00:00 UTC.
package struct FileTime: Hashable, Sendable {
    package var seconds: Int64
    /// Below 10^9.
    package var nanoseconds: UInt32

    package init(seconds: Int64, nanoseconds: UInt32) {
        self.seconds = seconds
        self.nanoseconds = nanoseconds
    }
}

/// What Linux's `stat` tells.
package struct FileAttributes: Hashable, Sendable {
    package var kind: FileKind
    /// The same for all names of a file, and another for each file.
    package var identifier: UInt64
    /// With the bits of the kind. Source: Linux, inode(7).
    package var mode: UInt32
    package var linkCount: UInt64 = 1
    package var owner: UInt32 = 0
    package var group: UInt32 = 0
    /// What a device node stands for.
    package var device: UInt64 = 0
    /// In bytes.
    package var size: UInt64 = 0
    package var blockSize: UInt64 = 4096
    /// In units of 512 bytes.
    package var blocks: UInt64 = 0
    package var accessed = FileTime(seconds: 0, nanoseconds: 0)
    package var modified = FileTime(seconds: 0, nanoseconds: 0)
    package var changed = FileTime(seconds: 0, nanoseconds: 0)

    package init(kind: FileKind, identifier: UInt64, mode: UInt32) {
        self.kind = kind
        self.identifier = identifier
        self.mode = mode
    }
}

/// What is to be changed of a file's attributes; nil: nothing.
package struct AttributeChange: Hashable, Sendable {
    package enum Time: Hashable, Sendable {
        case now
        case at(FileTime)
    }

    package var mode: UInt32?
    package var owner: UInt32?
    package var group: UInt32?
    package var size: UInt64?
    package var accessed: Time?
    package var modified: Time?

    package init() {}
}

/// An entry of a directory. `.` and `..` are among them.
package struct DirectoryEntry: Hashable, Sendable {
    package var name: [UInt8]
    package var kind: FileKind
    package var identifier: UInt64
    /// Where the next one is to be looked for.
    package var next: UInt64

    package init(name: [UInt8], kind: FileKind, identifier: UInt64, next: UInt64) {
        self.name = name
        self.kind = kind
        self.identifier = identifier
        self.next = next
    }
}

/// What Linux's `statfs` tells of the file system that holds a tree.
package struct TreeStatistics: Hashable, Sendable {
    /// In bytes.
    package var blockSize: UInt32 = 4096
    package var blocks: UInt64 = 0
    package var freeBlocks: UInt64 = 0
    package var availableBlocks: UInt64 = 0
    package var files: UInt64 = 0
    package var freeFiles: UInt64 = 0
    /// Of names, in bytes.
    package var nameLimit: UInt32 = 255

    package init() {}
}

/// Why something about a file failed, as a guest is told.
package struct FileFailure: Error, Hashable, Sendable {
    /// An errno of Linux: alike on x86_64 and arm64.
    package let number: Int32

    package init(_ number: Int32) { self.number = number }

    package static let notPermitted = FileFailure(1)
    package static let noEntry = FileFailure(2)
    package static let inputOutput = FileFailure(5)
    package static let badDescriptor = FileFailure(9)
    package static let busy = FileFailure(16)
    package static let exists = FileFailure(17)
    package static let notADirectory = FileFailure(20)
    package static let isADirectory = FileFailure(21)
    package static let invalid = FileFailure(22)
    package static let tooManyOpen = FileFailure(24)
    package static let tooLarge = FileFailure(27)
    package static let readOnly = FileFailure(30)
    package static let nameTooLong = FileFailure(36)
    package static let messageSize = FileFailure(90)
    package static let notSupported = FileFailure(95)
}
