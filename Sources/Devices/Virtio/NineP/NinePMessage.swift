/// The messages of 9P2000.L, of which requests have even numbers and their replies the next odd one.
///
/// A message is size[4] type[1] tag[2] and a body, integers little-endian; a string is length[2] and its bytes.
/// Source: 9P2000.L, "Messages"; Linux, include/net/9p/9p.h, enum p9_msg_t.
enum NinePType: UInt8 {
    case errorReply = 7
    case statfs = 8
    case open = 12
    case create = 14
    case symlink = 16
    case mknod = 18
    case rename = 20
    case readlink = 22
    case getattr = 24
    case setattr = 26
    case xattrwalk = 30
    case xattrcreate = 32
    case readdir = 40
    case fsync = 50
    case lock = 52
    case getlock = 54
    case link = 70
    case mkdir = 72
    case renameat = 74
    case unlinkat = 76
    case version = 100
    case auth = 102
    case attach = 104
    case flush = 108
    case walk = 110
    case read = 116
    case write = 118
    case clunk = 120
    case remove = 122
}

/// What each message begins with.
struct NinePHeader: Hashable {
    static let size = 7

    /// Of the whole message, in bytes.
    var messageSize: UInt32
    var type: UInt8
    var tag: UInt16

    /// - Parameter bytes: at least `size` of them.
    init(_ bytes: [UInt8]) {
        messageSize = UInt32(truncatingIfNeeded: NinePReader.integer(bytes, at: 0, size: 4))
        type = bytes[4]
        tag = UInt16(truncatingIfNeeded: NinePReader.integer(bytes, at: 5, size: 2))
    }
}

/// Numbers of the protocol.
enum NineP {
    static let version = Array("9P2000.L".utf8)
    static let unknownVersion = Array("unknown".utf8)
    /// Names of a walk. Source: 9P2000, walk(5), MAXWELEM.
    static let walkLimit = 16
    /// The smallest message size that a driver may ask for: any message but reads and writes fits. Linux refuses less too.
    static let smallestMessage: UInt32 = 4096
    /// size[4] type[1] tag[2] ecode[4].
    static let errorReplySize = 11
    /// Where the data of a Rread or Rreaddir begin: behind count[4].
    static let dataOffset = 11

    /// Unlink a directory. Source: 9P2000.L, "unlinkat"; Linux's AT_REMOVEDIR.
    static let removeDirectory: UInt32 = 0x200
    /// Linux's V9FS_MAGIC, which is what Rstatfs tells as the type.
    static let fileSystemType: UInt32 = 0x0102_1997
    /// P9_GETATTR_BASIC: what `stat` wants.
    static let basicAttributes: UInt64 = 0x7FF
    static let lockSuccess: UInt8 = 0
    static let unlocked: UInt8 = 2

    /// Bits of Tlopen and Tlcreate's flags. Source: Linux, enum p9_open_mode_t of 9P2000.L.
    enum Open {
        static let accessMask: UInt32 = 3
        static let exclusive: UInt32 = 0o200
        static let truncate: UInt32 = 0o1000
        static let dataSync: UInt32 = 0o10000
        static let directory: UInt32 = 0o200000
        static let sync: UInt32 = 0o4000000
    }

    /// Bits of Tsetattr's `valid`. Source: 9P2000.L, "setattr".
    enum SetAttribute {
        static let mode: UInt32 = 1
        static let owner: UInt32 = 2
        static let group: UInt32 = 4
        static let size: UInt32 = 8
        static let accessed: UInt32 = 0x10
        static let modified: UInt32 = 0x20
        /// The time is in the message; without it, it is now.
        static let accessedIsGiven: UInt32 = 0x80
        static let modifiedIsGiven: UInt32 = 0x100
    }
}

/// What tells a file from all others. Source: 9P2000, intro(5): type[1] version[4] path[8].
struct NinePQid: Hashable {
    static let size = 13
    var type: UInt8
    var path: UInt64
}
