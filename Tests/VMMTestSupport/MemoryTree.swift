internal import Synchronization
package import VMMCore

/// A tree of files in memory: as much of the contract as tests need. Threading: any thread.
package final class MemoryTree: SharedTree {
    package let isReadOnly: Bool
    package let root: MemoryNode
    /// What was asked of it, in words.
    package let changes = Recorder<String>()

    package init(isReadOnly: Bool = false) {
        self.isReadOnly = isReadOnly
        root = MemoryNode(.directory, nil)
    }

    package func statistics() throws(FileFailure) -> TreeStatistics {
        var statistics = TreeStatistics()
        (statistics.blocks, statistics.freeBlocks, statistics.availableBlocks) = (100, 50, 40)
        return statistics
    }

    package func apply(_ change: TreeChange<MemoryNode>) throws(FileFailure) {
        guard !isReadOnly else { throw .readOnly }
        switch change {
        case .attributes(let node, let change):
            changes.record("attributes")
            node.state.withLock { state in
                if let mode = change.mode { state.mode = mode }
                if let size = change.size {
                    let kept = state.bytes.prefix(Int(min(size, 1 << 16)))
                    state.bytes = Array(kept) + [UInt8](repeating: 0, count: Int(min(size, 1 << 16)) - kept.count)
                }
            }
        case .makeDirectory(let name, let directory, _): try directory.add(MemoryNode(.directory, directory), name)
        case .makeSymbolicLink(let name, let directory, let target):
            try directory.add(MemoryNode(.symbolicLink, directory, bytes: target), name)
        case .makeLink(let name, let directory, let node): try directory.add(node, name)
        case .rename(let name, let directory, let newName, let newDirectory):
            let node = try directory.entry(name)
            try directory.drop(name)
            try? newDirectory.drop(newName)
            try newDirectory.add(node, newName)
        case .remove(let name, let directory, let isDirectory):
            guard isDirectory == (try directory.entry(name).kind == .directory) else { throw .isADirectory }
            try directory.drop(name)
        case .renameNode(let node, let newName, let newDirectory):
            let name = try node.parent.name(of: node)
            try apply(.rename(name, in: node.parent, to: newName, newDirectory: newDirectory))
        case .removeNode(let node): try node.parent.drop(try node.parent.name(of: node))
        }
    }
}

package final class MemoryNode: SharedNode {
    struct State {
        var mode: UInt32
        var bytes: [UInt8]
        var entries: [(name: FileName, node: MemoryNode)] = []
    }

    package let kind: FileKind
    private weak let upper: MemoryNode?
    let state: Mutex<State>

    package init(_ kind: FileKind, _ upper: MemoryNode?, bytes: [UInt8] = []) {
        self.kind = kind
        self.upper = upper
        state = Mutex(State(mode: kind == .directory ? 0o40755 : 0o100644, bytes: bytes))
    }

    package var bytes: [UInt8] { state.withLock { $0.bytes } }
    package var parent: MemoryNode { upper ?? self }
    /// Tells nodes apart, and repeats from run to run as little as an inode's number.
    private var identifier: UInt64 { UInt64(UInt(bitPattern: ObjectIdentifier(self).hashValue)) }

    package func attributes() throws(FileFailure) -> FileAttributes {
        state.withLock { state in
            var attributes = FileAttributes(kind: kind, identifier: identifier, mode: state.mode)
            attributes.size = UInt64(state.bytes.count)
            return attributes
        }
    }

    package func entry(_ name: FileName) throws(FileFailure) -> MemoryNode {
        guard kind == .directory else { throw .notADirectory }
        guard let found = state.withLock({ $0.entries.first { $0.name == name } }) else { throw .noEntry }
        return found.node
    }

    package func linkTarget() throws(FileFailure) -> [UInt8] {
        guard kind == .symbolicLink else { throw .invalid }
        return bytes
    }

    package func open(_ access: FileAccess) throws(FileFailure) -> MemoryFile {
        guard kind == .regular || kind == .directory else { throw .notPermitted }
        if access.contains(.truncate) { state.withLock { $0.bytes = [] } }
        return MemoryFile(self)
    }

    package func create(
        _ name: FileName, _ access: FileAccess, mode: UInt32
    ) throws(FileFailure) -> (node: MemoryNode, open: MemoryFile) {
        let node = MemoryNode(.regular, self)
        try add(node, name)
        return (node, MemoryFile(node))
    }

    package func add(_ node: MemoryNode, _ name: FileName) throws(FileFailure) {
        guard kind == .directory else { throw .notADirectory }
        try state.withLock { state throws(FileFailure) in
            guard !state.entries.contains(where: { $0.name == name }) else { throw .exists }
            state.entries.append((name, node))
        }
    }

    func drop(_ name: FileName) throws(FileFailure) {
        _ = try entry(name)
        let removed = state.withLock { state in
            let old = state.entries
            state.entries.removeAll { $0.name == name }
            return old
        }
        _ = consume removed
    }

    func name(of node: MemoryNode) throws(FileFailure) -> FileName {
        guard let found = state.withLock({ $0.entries.first { $0.node === node } }) else { throw .busy }
        return found.name
    }

    fileprivate var entries: [(name: FileName, node: MemoryNode)] { state.withLock { $0.entries } }
}

package final class MemoryFile: OpenFile {
    private let node: MemoryNode
    init(_ node: MemoryNode) { self.node = node }

    package func read(
        into bytes: inout [UInt8], _ range: Range<Int>, at offset: UInt64
    ) throws(FileFailure) -> Int {
        guard node.kind == .regular else { throw .isADirectory }
        let source = node.bytes
        guard offset < UInt64(source.count) else { return 0 }
        let piece = source[Int(offset)...].prefix(range.count)
        for (index, byte) in piece.enumerated() { bytes[range.lowerBound + index] = byte }
        return piece.count
    }

    package func write(_ bytes: [UInt8], _ range: Range<Int>, at offset: UInt64) throws(FileFailure) -> Int {
        guard offset < 1 << 16 else { throw .tooLarge }
        node.state.withLock { state in
            let end = Int(offset) + range.count
            if state.bytes.count < end { state.bytes += [UInt8](repeating: 0, count: end - state.bytes.count) }
            state.bytes.replaceSubrange(Int(offset)..<end, with: bytes[range])
        }
        return range.count
    }

    package func entries(
        from position: UInt64, _ body: (DirectoryEntry) -> Bool
    ) throws(FileFailure) {
        guard node.kind == .directory else { throw .notADirectory }
        var all: [DirectoryEntry] = []
        for name in [".", ".."] {
            all.append(
                DirectoryEntry(name: Array(name.utf8), kind: .directory, identifier: 99, next: UInt64(all.count) + 1))
        }
        for (name, child) in node.entries {
            let identifier = try child.attributes().identifier
            all.append(
                DirectoryEntry(name: name.bytes, kind: child.kind, identifier: identifier, next: UInt64(all.count) + 1))
        }
        for entry in all.dropFirst(Int(min(position, UInt64(all.count)))) {
            guard body(entry) else { return }
        }
    }

    package func synchronize(dataOnly: Bool) throws(FileFailure) {}
}
