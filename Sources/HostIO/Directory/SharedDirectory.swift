internal import Glibc
internal import HostBridge
package import VMMCore

/// A directory of the host and all below it, for a guest.
///
/// The tree is held by a descriptor of its top; everything else is found one name at a time from a descriptor of where it is,
/// with `openat2` that follows no symbolic link and no way up. So neither names that a guest makes up nor what the host renames
/// meanwhile lead out. A directory that the host moves out of the tree while the guest holds it stays in its reach, as it would for
/// a process of the host. What is mounted below the directory belongs to the tree.
///
/// Files are made and changed as the user who runs swvmm, whoever it is in the guest; their set-user-ID and set-group-ID bits cannot
/// be set. Only regular files and directories are opened, by what `fstat` says of the descriptor that is then opened.
///
/// Threading: any thread.
package final class SharedDirectory: SharedTree {
    package let isReadOnly: Bool
    package let root: SharedDirectoryNode

    /// Opens `path`, which must be a directory.
    ///
    /// - Parameter descriptorLimit: how many files of it may be held open at once.
    package init(
        _ path: String, isReadOnly: Bool, descriptorLimit: Int = SharedDirectory.usualDescriptorLimit
    ) throws(SharedDirectoryError) {
        self.isReadOnly = isReadOnly
        func failure(_ problem: SharedDirectoryError.Problem) -> SharedDirectoryError {
            SharedDirectoryError(path: path, problem: problem)
        }
        // SAFETY: the paths are terminated copies for the length of the calls.
        let links = unsafe open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard links >= 0 else { throw failure(.noProc(errno: errno)) }
        let budget = DescriptorBudget(links: links, limit: descriptorLimit, isReadOnly: isReadOnly)
        let descriptor = unsafe host_tree_open(path)
        guard descriptor >= 0 else {
            throw failure(errno == ENOTDIR ? .notADirectory : .cannotOpen(errno: errno))
        }
        do throws(FileFailure) {
            root = try SharedDirectoryNode(taking: descriptor, budget)
            // Says early that the host is too old, or the directory not to be read.
            _ = try root.open([.read, .directory])
            try root.find(".")
        } catch {
            throw failure(error.number == ENOSYS ? .noOpenat2 : .cannotOpen(errno: error.number))
        }
    }

    /// Raises the process's limit of descriptors, of which a guest may use the most.
    package static let usualDescriptorLimit: Int = {
        let limit = Int(clamping: host_descriptor_limit(1 << 16))
        // The rest is for swvmm itself.
        return max(64, min(limit - 512, limit / 2))
    }()

    package func statistics() throws(FileFailure) -> TreeStatistics {
        var host = statvfs()
        // SAFETY: a live local of the right type.
        guard unsafe fstatvfs(root.descriptor, &host) == 0 else { throw FileFailure(errno) }
        var statistics = TreeStatistics()
        statistics.blockSize = UInt32(clamping: host.f_frsize)
        statistics.blocks = UInt64(host.f_blocks)
        statistics.freeBlocks = UInt64(host.f_bfree)
        statistics.availableBlocks = UInt64(host.f_bavail)
        statistics.files = UInt64(host.f_files)
        statistics.freeFiles = UInt64(host.f_ffree)
        statistics.nameLimit = UInt32(clamping: host.f_namemax)
        return statistics
    }

    package func apply(_ change: TreeChange<SharedDirectoryNode>) throws(FileFailure) {
        guard !isReadOnly else { throw .readOnly }
        switch change {
        case .attributes(let node, let change): try node.change(change)
        case .makeDirectory(let name, let directory, let mode): try directory.makeDirectory(name, mode: mode)
        case .makeSymbolicLink(let name, let directory, let target):
            guard !target.isEmpty, !target.contains(0) else { throw .invalid }
            // SAFETY: both are terminated copies for the length of the call.
            try unsafe directory.named(name) { name, directory in
                unsafe target.terminated.withUnsafeBufferPointer { target in
                    guard let start = target.baseAddress else { return EINVAL }
                    return unsafe symlinkat(start, directory, name) == 0 ? 0 : errno
                }
            }
        case .makeLink(let name, let directory, let node):
            try unsafe directory.named(name) { unsafe host_tree_link(node.links, node.descriptor, $1, $0) }
        case .rename(let name, let directory, let newName, let newDirectory):
            try Self.rename(name, in: directory, to: newName, in: newDirectory)
        case .renameNode(let node, let newName, let newDirectory):
            let name = try node.presentName()
            try Self.rename(name, in: node.parent, to: newName, in: newDirectory)
        case .remove(let name, let directory, let isDirectory):
            // Linux's AT_REMOVEDIR.
            try unsafe directory.named(name) { unsafe unlinkat($1, $0, isDirectory ? 0x200 : 0) == 0 ? 0 : errno }
        case .removeNode(let node):
            let name = try node.presentName()
            let isDirectory = try node.attributes().kind == .directory
            try unsafe node.parent.named(name) { unsafe unlinkat($1, $0, isDirectory ? 0x200 : 0) == 0 ? 0 : errno }
        }
    }

    private static func rename(
        _ name: FileName, in directory: SharedDirectoryNode, to newName: FileName,
        in newDirectory: SharedDirectoryNode
    ) throws(FileFailure) {
        try unsafe directory.named(name) { old, oldDirectory in
            // SAFETY: a terminated copy for the length of the call.
            unsafe newName.bytes.terminated.withUnsafeBufferPointer { new in
                guard let new = new.baseAddress else { return EINVAL }
                return unsafe renameat(oldDirectory, old, newDirectory.descriptor, new) == 0 ? 0 : errno
            }
        }
    }
}

/// Why a directory cannot be shared.
package struct SharedDirectoryError: Error, Hashable, Sendable {
    package enum Problem: Hashable, Sendable {
        case notADirectory
        case cannotOpen(errno: Int32)
        /// A Linux before 5.6.
        case noOpenat2
        /// /proc is not there.
        case noProc(errno: Int32)
    }

    package let path: String
    package let problem: Problem

    package init(path: String, problem: Problem) {
        self.path = path
        self.problem = problem
    }
}

extension [UInt8] {
    /// As C reads it.
    var terminated: [CChar] { map { CChar(bitPattern: $0) } + [0] }
}
