import Glibc
import HostIO
import Testing
import VMMCore
import VMMTestSupport

/// A directory of the host as a guest gets it: what is in it, and that nothing leads out.
@Suite struct SharedDirectoryTests {
    /// A directory with a share in it and something beside; gone with the test.
    private final class Place: Sendable {
        let path = "/tmp/swvmm-share.\(getpid()).\(UInt64.random(in: 0 ... .max))"
        var share: String { path + "/share" }

        init() throws {
            for directory in [path, share, share + "/sub"] { #expect(unsafe mkdir(directory, 0o755) == 0) }
            try HostFile.write(Array("secret".utf8), to: path + "/outside")
            try HostFile.write(Array("inside".utf8), to: share + "/file")
            try HostFile.write(Array("deep".utf8), to: share + "/sub/deep")
            unsafe _ = symlink("../outside", share + "/up")
            unsafe _ = symlink("/etc", share + "/etc")
            unsafe _ = symlink("file", share + "/near")
            unsafe _ = mkfifo(share + "/pipe", 0o600)
        }

        deinit {
            func remove(_ directory: String) {
                guard let stream = unsafe opendir(directory) else { return }
                while let entry = unsafe readdir(stream) {
                    let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                        unsafe pointer.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
                    }
                    guard name != ".", name != ".." else { continue }
                    let path = directory + "/" + name
                    if unsafe unlink(path) != 0 { remove(path) }
                }
                unsafe _ = closedir(stream)
                unsafe _ = rmdir(directory)
            }
            remove(path)
        }
    }

    private let place: Place
    private let share: SharedDirectory

    init() throws {
        place = try Place()
        share = try SharedDirectory(place.share, isReadOnly: false)
    }

    private func name(_ text: String) throws -> FileName { try #require(FileName(Array(text.utf8))) }

    private func find(_ names: String...) throws -> SharedDirectoryNode {
        var node = share.root
        for text in names { node = try node.entry(try name(text)) }
        return node
    }

    private func failure(_ body: () throws -> Void) -> Int32? {
        do {
            try body()
            return nil
        } catch {
            return (error as? FileFailure)?.number ?? -1
        }
    }

    private func contents(_ file: SharedDirectoryFile) throws -> String {
        var bytes = [UInt8](repeating: 0, count: 100)
        let count = try file.read(into: &bytes, 0..<100, at: 0)
        return String(decoding: bytes[..<count], as: UTF8.self)
    }

    private func names(_ node: SharedDirectoryNode) throws -> [String] {
        var found: [String] = []
        try node.open(.read).entries(from: 0) { entry in
            found.append(String(decoding: entry.name, as: UTF8.self))
            return true
        }
        return found.sorted()
    }

    @Test("what is in it is found, told and read")
    func reading() throws {
        #expect(try contents(find("file").open(.read)) == "inside")
        #expect(try contents(find("sub", "deep").open(.read)) == "deep")
        let attributes = try find("sub", "deep").attributes()
        #expect(attributes.kind == .regular && attributes.size == 4 && attributes.owner == getuid())
        #expect(try names(share.root) == [".", "..", "etc", "file", "near", "pipe", "sub", "up"])
        #expect(failure { _ = try find("none") } == ENOENT)
        #expect(failure { _ = try find("file", "x") } == ENOTDIR)
        #expect(try share.statistics().blocks > 0)
    }

    @Test("a symbolic link is told as one, and never followed, wherever it leads")
    func links() throws {
        #expect(try find("up").linkTarget() == Array("../outside".utf8))
        for text in ["up", "etc", "near"] {
            let link = try find(text)
            #expect(try link.attributes().kind == .symbolicLink)
            #expect(failure { _ = try link.entry(name("passwd")) } == ENOTDIR)
            #expect(failure { _ = try link.open(.read) } == EPERM)
            #expect(failure { _ = try share.root.create(name(text), .write, mode: 0o644) } == EPERM)
        }
        #expect(failure { _ = try find("file").linkTarget() } == EINVAL)
        #expect(try HostFile.read(place.path + "/outside", limit: 100) == Array("secret".utf8))
    }

    @Test("the parent of the top is the top; a node's is where it was found")
    func parents() throws {
        #expect(share.root.parent === share.root)
        let sub = try find("sub")
        #expect(try find("sub", "deep").parent.attributes().identifier == sub.attributes().identifier)
    }

    @Test("a pipe is not opened, not even for a moment: nobody waits and no writer sees a reader")
    func pipes() throws {
        let pipe = try find("pipe")
        #expect(try pipe.attributes().kind == .other)
        for access in [.read, .write, [.read, .write], .truncate] as [FileAccess] {
            #expect(failure { _ = try pipe.open(access) } == EPERM)
        }
        #expect(failure { _ = try share.root.create(name("pipe"), [.read, .write], mode: 0o600) } == EPERM)
        var change = AttributeChange()
        change.size = 0
        #expect(failure { try share.apply(.attributes(pipe, change)) } == EINVAL)
    }

    @Test("a name that becomes a link to the outside while it is looked up never leads there")
    func race() throws {
        let path = place.share + "/flip"
        let target = place.path
        let flipper = VMMTestSupport.HostThread {
            for _ in 0..<2000 {
                unsafe _ = mkdir(path, 0o755)
                unsafe _ = rmdir(path)
                unsafe _ = symlink(target, path)
                unsafe _ = unlink(path)
            }
        }
        for _ in 0..<4000 {
            guard let node = try? find("flip") else { continue }
            #expect(failure { _ = try node.entry(name("outside")) } != nil)
        }
        #expect(flipper.finishes(within: 60))
    }

    @Test("a file is made, written, cut, renamed, linked and removed; a node stays the same through it")
    func writing() throws {
        let (node, file) = try share.root.create(name("new"), [.read, .write, .exclusive], mode: 0o6755)
        #expect(try file.write(Array("0123456789".utf8), 2..<8, at: 1) == 6)
        #expect(try contents(file) == "\u{0}234567")
        // The mask of swvmm's process plays no part, and no bit gives others its user's rights.
        #expect(try node.attributes().mode == 0o100755)
        #expect(failure { _ = try share.root.create(name("new"), [.write, .exclusive], mode: 0o644) } == EEXIST)
        _ = try share.root.create(name("new"), [.write, .truncate], mode: 0o644)
        #expect(try node.attributes().size == 0)
        try share.apply(.rename(name("new"), in: share.root, to: name("other"), newDirectory: find("sub")))
        try share.apply(.makeLink(name("second"), in: share.root, to: node))
        #expect(try node.attributes().linkCount == 2)
        // Its name is another one now.
        #expect(failure { try share.apply(.removeNode(node)) } == ENOENT)
        try share.apply(.removeNode(find("sub", "other")))
        try share.apply(.remove(name("second"), in: share.root, isDirectory: false))
        #expect(try node.attributes().linkCount == 0)
        #expect(try file.write([1], 0..<1, at: 0) == 1)
        try file.synchronize(dataOnly: true)
    }

    @Test("directories and links are made and removed; the top is not")
    func directories() throws {
        try share.apply(.makeDirectory(name("made"), in: share.root, mode: 0o2777))
        #expect(try find("made").attributes().mode == 0o40777)
        try share.apply(.makeSymbolicLink(name("link"), in: find("made"), target: Array("/anything".utf8)))
        #expect(failure { try share.apply(.remove(name("made"), in: share.root, isDirectory: true)) } == ENOTEMPTY)
        #expect(failure { try share.apply(.remove(name("made"), in: share.root, isDirectory: false)) } == EISDIR)
        try share.apply(.remove(name("link"), in: find("made"), isDirectory: false))
        try share.apply(.renameNode(find("made"), to: name("moved"), in: find("sub")))
        try share.apply(.removeNode(find("sub", "moved")))
        #expect(failure { try share.apply(.removeNode(share.root)) } == EBUSY)
        #expect(failure { _ = try find("sub").open([.read, .write]) } == EISDIR)
        #expect(failure { _ = try find("file").open([.read, .directory]) } == ENOTDIR)
    }

    @Test("mode, times and size; an owner that is not ours to give is refused")
    func attributes() throws {
        let node = try find("file")
        var change = AttributeChange()
        change.mode = 0o4711
        change.size = 3
        change.modified = .at(FileTime(seconds: 1000, nanoseconds: 5))
        try share.apply(.attributes(node, change))
        let after = try node.attributes()
        #expect(after.mode == 0o100711 && after.size == 3 && after.modified == FileTime(seconds: 1000, nanoseconds: 5))
        change = AttributeChange()
        change.size = .max
        #expect(failure { try share.apply(.attributes(node, change)) } == EFBIG)
        change = AttributeChange()
        change.owner = getuid()
        #expect(failure { try share.apply(.attributes(node, change)) } == nil)
        // Of a link, the link's own.
        change = AttributeChange()
        change.accessed = .now
        #expect(failure { try share.apply(.attributes(find("up"), change)) } == nil)
        change = AttributeChange()
        change.mode = 0o600
        #expect(failure { try share.apply(.attributes(find("up"), change)) } != nil)
    }

    @Test("read-only: nothing is made or changed")
    func readOnly() throws {
        let share = try SharedDirectory(place.share, isReadOnly: true)
        let file = try share.root.entry(name("file"))
        #expect(try contents(file.open(.read)) == "inside")
        for access in [.write, [.read, .write], [.read, .truncate]] as [FileAccess] {
            #expect(failure { _ = try file.open(access) } == EROFS)
        }
        #expect(failure { _ = try share.root.create(name("x"), .read, mode: 0o644) } == EROFS)
        #expect(failure { try share.apply(.makeDirectory(name("x"), in: share.root, mode: 0o755)) } == EROFS)
        #expect(failure { try share.apply(.remove(name("file"), in: share.root, isDirectory: false)) } == EROFS)
    }

    @Test("as many descriptors as allowed, then EMFILE; given back, they can be had again")
    func budget() throws {
        let share = try SharedDirectory(place.share, isReadOnly: false, descriptorLimit: 10)
        var held: [SharedDirectoryNode] = []
        for _ in 0..<9 { held.append(try share.root.entry(name("file"))) }
        #expect(failure { _ = try share.root.entry(name("file")) } == EMFILE)
        #expect(failure { _ = try held[0].open(.read) } == EMFILE)
        held = []
        #expect(failure { _ = try share.root.entry(name("file")) } == nil)
    }

    @Test("a directory can be read on from any entry's place; a place that is none harms nobody")
    func listing() throws {
        let open = try share.root.open(.read)
        var names: Set<[UInt8]> = []
        var position: UInt64 = 0
        while true {
            var entry: DirectoryEntry?
            try open.entries(from: position) { found in
                entry = found
                return false
            }
            guard let entry else { break }
            #expect(names.insert(entry.name).inserted)
            position = entry.next
        }
        #expect(names.count == 8)
        for place in [12345, .max, 1 << 63] as [UInt64] {
            _ = failure { try open.entries(from: place) { _ in true } }
        }
        #expect(failure { try find("file").open(.read).entries(from: 0) { _ in true } } == ENOTDIR)
    }

    @Test("what is no directory, or not there, cannot be shared")
    func refused() throws {
        func problem(_ path: String) -> SharedDirectoryError.Problem? {
            do throws(SharedDirectoryError) {
                _ = try SharedDirectory(path, isReadOnly: true)
                return nil
            } catch {
                return error.problem
            }
        }
        #expect(problem(place.share + "/file") == .notADirectory)
        #expect(problem("/nonexistent/share") == .cannotOpen(errno: ENOENT))
        #expect(problem(place.share) == nil)
    }
}
