internal import Glibc
internal import HostBridge
internal import Synchronization
package import VMMCore

/// How many descriptors a tree has, and what all of its nodes need. Closed with the last of them.
final class DescriptorBudget: Sendable {
    /// /proc/self/fd.
    let links: Int32
    let limit: Int
    let isReadOnly: Bool
    private let count = Atomic<Int>(0)

    init(links: Int32, limit: Int, isReadOnly: Bool) {
        self.links = links
        self.limit = limit
        self.isReadOnly = isReadOnly
    }

    deinit { close(links) }

    /// Counts a descriptor, or closes it when there are too many.
    func take(_ descriptor: Int32) throws(FileFailure) {
        guard descriptor >= 0 else { throw FileFailure(errno) }
        guard count.add(1, ordering: .relaxed).newValue <= limit else {
            giveBack(descriptor)
            throw .tooManyOpen
        }
    }

    func giveBack(_ descriptor: Int32) {
        close(descriptor)
        count.subtract(1, ordering: .relaxed)
    }
}

/// A node of a shared directory: a descriptor of O_PATH, which names it and opens nothing.
package final class SharedDirectoryNode: SharedNode {
    let descriptor: Int32
    /// Nil: the root.
    private let upper: SharedDirectoryNode?
    /// Under which it was found.
    private let name: FileName?
    private let depth: Int
    private let budget: DescriptorBudget

    /// A node keeps those above it: deeper than any path of the host can be written, nobody needs to go.
    private static let depthLimit = 2048

    /// The root, with a descriptor that becomes its own.
    init(taking descriptor: Int32, _ budget: DescriptorBudget) throws(FileFailure) {
        try budget.take(descriptor)
        self.descriptor = descriptor
        self.budget = budget
        (upper, name, depth) = (nil, nil, 0)
    }

    private init(taking descriptor: Int32, in upper: SharedDirectoryNode, as name: FileName) throws(FileFailure) {
        try upper.budget.take(descriptor)
        self.descriptor = descriptor
        self.upper = upper
        self.name = name
        budget = upper.budget
        depth = upper.depth + 1
    }

    deinit { budget.giveBack(descriptor) }

    var links: Int32 { budget.links }

    package var parent: SharedDirectoryNode { upper ?? self }

    package func attributes() throws(FileFailure) -> FileAttributes { try FileAttributes(Self.status(descriptor)) }

    static func status(_ descriptor: Int32) throws(FileFailure) -> stat {
        var status = stat()
        // SAFETY: a live local of the right type.
        guard unsafe fstat(descriptor, &status) == 0 else { throw FileFailure(errno) }
        return status
    }

    package func entry(_ name: FileName) throws(FileFailure) -> SharedDirectoryNode {
        guard depth < Self.depthLimit else { throw .nameTooLong }
        return try SharedDirectoryNode(taking: try descriptor(of: name), in: self, as: name)
    }

    private func descriptor(of name: FileName) throws(FileFailure) -> Int32 {
        var found: Int32 = -1
        try unsafe named(name) { name, directory in
            // SAFETY: the name is terminated.
            found = unsafe host_tree_find(directory, name)
            return found >= 0 ? 0 : errno
        }
        return found
    }

    /// Whether names can be looked up here at all.
    func find(_ name: StaticString) throws(FileFailure) {
        // SAFETY: a constant is terminated.
        let found = unsafe host_tree_find(descriptor, name.description)
        guard found >= 0 else { throw FileFailure(errno) }
        close(found)
    }

    /// Calls `body` with the name as C reads it, and this directory's descriptor. It gives 0 or an errno.
    func named(
        _ name: FileName, _ body: (UnsafePointer<CChar>, Int32) -> Int32
    ) throws(FileFailure) {
        // SAFETY: the name is a terminated copy for the length of the call.
        let reason = unsafe name.bytes.terminated.withUnsafeBufferPointer { name in
            guard let start = name.baseAddress else { return EINVAL }
            return unsafe body(start, descriptor)
        }
        guard reason == 0 else { throw FileFailure(reason) }
    }

    /// The name by which it was found, if it has that still.
    func presentName() throws(FileFailure) -> FileName {
        guard let upper, let name else { throw .busy }
        let found = try upper.descriptor(of: name)
        defer { close(found) }
        let (there, here) = (try Self.status(found), try Self.status(descriptor))
        guard there.st_ino == here.st_ino, there.st_dev == here.st_dev else { throw .noEntry }
        return name
    }

    package func linkTarget() throws(FileFailure) -> [UInt8] {
        var target = [UInt8](repeating: 0, count: Int(PATH_MAX))
        // SAFETY: the buffer has as many bytes as the call is told.
        let count = unsafe target.withUnsafeMutableBytes { buffer in
            unsafe host_tree_link_target(
                descriptor, buffer.baseAddress?.assumingMemoryBound(to: CChar.self), buffer.count)
        }
        // Linux says ENOENT of a node that is no link.
        guard count >= 0 else { throw errno == ENOENT ? .invalid : FileFailure(errno) }
        return Array(target.prefix(count))
    }

    // MARK: Opening

    package func open(_ access: FileAccess) throws(FileFailure) -> SharedDirectoryFile {
        let kind = try attributes().kind
        let writes = access.contains(.write) || access.contains(.truncate)
        guard !writes || !budget.isReadOnly else { throw .readOnly }
        switch kind {
        case .regular:
            guard !access.contains(.directory) else { throw .notADirectory }
            return try SharedDirectoryFile(reopen(access.hostFlags), isDirectory: false, budget)
        case .directory:
            guard !writes else { throw .isADirectory }
            return try SharedDirectoryFile(reopen(O_RDONLY | O_DIRECTORY), isDirectory: true, budget)
        // A device node, a pipe, a socket: opening alone can do something. And a link is the guest's to follow.
        case .symbolicLink, .other: throw .notPermitted
        }
    }

    private func reopen(_ flags: Int32) -> Int32 { host_tree_reopen(budget.links, descriptor, flags) }

    package func create(
        _ name: FileName, _ access: FileAccess, mode: UInt32
    ) throws(FileFailure) -> (node: SharedDirectoryNode, open: SharedDirectoryFile) {
        guard !budget.isReadOnly else { throw .readOnly }
        guard depth < Self.depthLimit else { throw .nameTooLong }
        var made: Int32 = -1
        do throws(FileFailure) {
            try unsafe named(name) { name, directory in
                // SAFETY: the name is terminated.
                made = unsafe host_tree_create(directory, name, access.hostFlags, Self.fileMode(mode))
                return made >= 0 ? 0 : errno
            }
        } catch {
            // The one that is there, if it is a file: opened as such.
            guard error == .exists, !access.contains(.exclusive) else { throw error }
            let node = try entry(name)
            return (node, try node.open(access))
        }
        // The guest has applied its own mask already; swvmm's is not wanted.
        fchmod(made, Self.fileMode(mode))
        let file = try SharedDirectoryFile(made, isDirectory: false, budget)
        let node = try SharedDirectoryNode(
            taking: host_tree_node(budget.links, made), in: self, as: name)
        return (node, file)
    }

    // MARK: Changes

    /// Without what would give others the rights of swvmm's user.
    static func fileMode(_ mode: UInt32) -> mode_t { mode_t(mode & 0o1777) }

    func makeDirectory(_ name: FileName, mode: UInt32) throws(FileFailure) {
        let mode = Self.fileMode(mode)
        // SAFETY: the name is terminated.
        try unsafe named(name) { unsafe mkdirat($1, $0, mode) == 0 ? 0 : errno }
        let made = try descriptor(of: name)
        defer { close(made) }
        _ = host_tree_set_mode(budget.links, made, mode)
    }

    func change(_ change: AttributeChange) throws(FileFailure) {
        if let size = change.size { try truncate(to: size) }
        if change.owner != nil || change.group != nil {
            // All ones: as it is.
            try check(host_tree_set_owner(descriptor, change.owner ?? .max, change.group ?? .max))
        }
        if let mode = change.mode {
            try check(host_tree_set_mode(budget.links, descriptor, Self.fileMode(mode)))
        }
        if change.accessed != nil || change.modified != nil {
            let times = [timespec(change.accessed), timespec(change.modified)]
            // SAFETY: two entries, as the call wants.
            try check(unsafe host_tree_set_times(descriptor, times))
        }
    }

    private func truncate(to size: UInt64) throws(FileFailure) {
        guard let length = off_t(exactly: size) else { throw .tooLarge }
        switch try attributes().kind {
        case .regular: break
        case .directory: throw .isADirectory
        case .symbolicLink, .other: throw .invalid
        }
        let file = reopen(O_WRONLY)
        guard file >= 0 else { throw FileFailure(errno) }
        defer { close(file) }
        try check(ftruncate(file, length) == 0 ? 0 : errno)
    }

    private func check(_ reason: Int32) throws(FileFailure) {
        guard reason == 0 else { throw FileFailure(reason) }
    }
}

extension FileAccess {
    /// Those of open(2). What is read-only or exclusive is seen to elsewhere.
    fileprivate var hostFlags: Int32 {
        let access = contains(.write) ? (contains(.read) ? O_RDWR : O_WRONLY) : O_RDONLY
        return access | (contains(.truncate) ? O_TRUNC : 0) | (contains(.synchronous) ? O_SYNC : 0)
    }
}

extension timespec {
    /// Source: utimensat(2), UTIME_NOW, UTIME_OMIT.
    fileprivate init(_ change: AttributeChange.Time?) {
        switch change {
        case nil: self.init(tv_sec: 0, tv_nsec: (1 << 30) - 2)
        case .now: self.init(tv_sec: 0, tv_nsec: (1 << 30) - 1)
        case .at(let time): self.init(tv_sec: Int(time.seconds), tv_nsec: Int(time.nanoseconds))
        }
    }
}

extension FileAttributes {
    init(_ status: stat) {
        let kind: FileKind =
            switch status.st_mode & S_IFMT {
            case S_IFREG: .regular
            case S_IFDIR: .directory
            case S_IFLNK: .symbolicLink
            default: .other
            }
        self.init(
            kind: kind, identifier: Self.identifier(UInt64(status.st_ino), on: UInt64(status.st_dev)),
            mode: status.st_mode)
        linkCount = UInt64(status.st_nlink)
        owner = status.st_uid
        group = status.st_gid
        self.device = UInt64(status.st_rdev)
        size = UInt64(max(0, status.st_size))
        blockSize = UInt64(max(0, status.st_blksize))
        blocks = UInt64(max(0, status.st_blocks))
        accessed = FileTime(status.st_atim)
        modified = FileTime(status.st_mtim)
        changed = FileTime(status.st_ctim)
    }

    /// File systems number their files each for itself: the device keeps those of a mount below the directory apart.
    static func identifier(_ number: UInt64, on device: UInt64) -> UInt64 { number ^ (device << 40 | device >> 24) }
}

extension FileTime {
    fileprivate init(_ time: timespec) {
        self.init(seconds: Int64(time.tv_sec), nanoseconds: UInt32(truncatingIfNeeded: time.tv_nsec))
    }
}
