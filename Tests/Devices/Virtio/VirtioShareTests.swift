import Testing
import VMMCore
import VMMTestSupport
import VirtioDevices

/// The device and its session. Source: 9P2000.L and 9P2000 by their message, virtio 1.2 §5 by its device number.
@Suite struct VirtioShareTests {
    typealias Base = ShareFixture.Base
    typealias Register = MockMMIODriver.Register
    private static let directory: UInt8 = 0x80, link: UInt8 = 2

    private func fixture(_ tree: MemoryTree = MemoryTree()) throws -> ShareFixture { try ShareFixture(tree) }

    /// A tree with a file `f` of four bytes, a directory `d` and a link `l`.
    private func tree(isReadOnly: Bool = false) throws -> MemoryTree {
        let tree = MemoryTree(isReadOnly: isReadOnly)
        try tree.root.add(MemoryNode(.regular, tree.root, bytes: [1, 2, 3, 4]), ShareFixture.name("f"))
        try tree.root.add(MemoryNode(.directory, tree.root), ShareFixture.name("d"))
        try tree.root.add(MemoryNode(.symbolicLink, tree.root, bytes: Array("f".utf8)), ShareFixture.name("l"))
        try tree.root.add(MemoryNode(.other, tree.root), ShareFixture.name("pipe"))
        return tree
    }

    @Test("§5: device 9, one queue, VIRTIO_9P_MOUNT_TAG and the tag")
    func identity() throws {
        let driver = try fixture().base.driver
        #expect(driver.read(Register.deviceID) == 9)
        #expect(driver.offeredFeatures & 0xFF_FFFF == 1)
        #expect(driver.read(Register.config) == 0x6164_0004)
        #expect(driver.read(Register.config + 4) == 0x6174)
        #expect(driver.read(Register.config + 6 + 2) == 0)
    }

    @Test("version: the smaller size, and 9P2000.L; another version is unknown, a size below 4096 refused")
    func version() throws {
        let fixture = try ShareFixture(version: false)
        func version(_ size: UInt32, _ name: String) throws -> ShareFixture.Reply {
            try fixture.call(100, ShareFixture.words(size) + ShareFixture.string(name))
        }
        // Nothing before it.
        #expect(try fixture.call(104, ShareFixture.words(0, .max, 0, 0)).error == 22)
        #expect(try version(.max, "9P2000.L").body == ShareFixture.words(512 << 10) + ShareFixture.string("9P2000.L"))
        #expect(try version(8192, "9P2000.u").body == ShareFixture.words(8192) + ShareFixture.string("unknown"))
        #expect(try fixture.call(104, ShareFixture.words(0, .max, 0, 0)).error == 22)
        #expect(try version(4095, "9P2000.L").error == 90)
    }

    @Test("version: ends the session, with all fids")
    func versionResets() throws {
        let fixture = try fixture()
        #expect(try fixture.call(24, ShareFixture.words(0, 0xFFF, 0)).error == nil)
        try fixture.call(100, ShareFixture.words(8192) + ShareFixture.string("9P2000.L"))
        #expect(try fixture.call(24, ShareFixture.words(0, 0xFFF, 0)).error == 9)
    }

    @Test(
        "a message beyond the agreed size, shorter or longer than it says, of no known type: errors, and nothing else")
    func malformed() throws {
        let fixture = try fixture()
        #expect(try fixture.call(120, [UInt8](repeating: 0, count: 8192)).error == 90)
        for size in [0, 6, 12, UInt32.max] as [UInt32] {
            try fixture.offer(size.littleEndianBytes + [120, 7, 0] + ShareFixture.words(0))
            let used = try #require(try fixture.base.queues[0].takeUsed())
            #expect([22, 90].contains(try fixture.reply(used.length).error))
        }
        for type in [0, 1, 6, 98, 102, 106, 112, 124, 254] as [UInt8] {
            try fixture.offer(ShareFixture.message(type, tag: 7, ShareFixture.words(0, 0, 0, 0)))
            let used = try #require(try fixture.base.queues[0].takeUsed())
            #expect(try fixture.reply(used.length).error == 95)
        }
        // Cut anywhere.
        let walk = ShareFixture.words(0, 1) + UInt16(1).littleEndianBytes + ShareFixture.string("f")
        for count in 0..<walk.count { #expect(try fixture.call(110, Array(walk.prefix(count))).error == 22) }
        #expect(!fixture.base.driver.needsReset)
    }

    @Test("§5: a chain without room for header or error is a fault", arguments: [(6, 100), (7, 10)])
    func shortChains(readable: UInt32, writable: UInt32) throws {
        let fixture = try fixture()
        try fixture.base.queues[0].offer([
            .readable(Base.buffers, readable), .writable(ShareFixture.replies, writable),
        ])
        fixture.base.driver.notify(0)
        fixture.base.expectRefusal()
    }

    @Test("a reply that does not fit the driver's buffer is an error that does")
    func shortReply() throws {
        let fixture = try fixture(try tree())
        #expect(try fixture.call(24, ShareFixture.words(0, 0xFFF, 0), room: 40).error == 90)
        try fixture.walk(1, "f")
        try fixture.call(12, ShareFixture.words(1, 0))
        // A read gives what fits.
        let read = try fixture.call(116, ShareFixture.words(1, 0, 0, 100), room: 13)
        #expect(read.body == ShareFixture.words(2) + [1, 2])
    }

    @Test("walk: a fid for a name; the first that is missing is an error, a later one a shorter list and no fid")
    func walk() throws {
        let fixture = try fixture(try tree())
        let reply = try fixture.walk(1, "f")
        #expect(reply.body.count == 2 + 13 && reply.body[2] == 0)
        #expect(try fixture.walk(1, "f").error == 9)
        #expect(try fixture.walk(2, "none").error == 2)
        #expect(try fixture.walk(2, "d", "none").body.prefix(3) == [1, 0, Self.directory])
        #expect(try fixture.call(120, ShareFixture.words(2)).error == 9)
        #expect(try fixture.walk(2, "f", "x").body.prefix(2) == [1, 0])
        #expect(try fixture.walk(2, "l").body[2] == Self.link)
        // A copy, and one in place.
        #expect(try fixture.walk(3).body == [0, 0])
        #expect(
            try fixture.call(110, ShareFixture.words(3, 3) + UInt16(1).littleEndianBytes + ShareFixture.string("d"))
                .body[2] == Self.directory)
    }

    @Test("walk: `..` ends at the root; names with a slash, NUL, empty, `.` or too long are refused, and more than 16")
    func badNames() throws {
        let fixture = try fixture(try tree())
        let root = try fixture.walk(1).error
        #expect(root == nil)
        let up = try fixture.walk(2, "..", "..", "d")
        #expect(up.body.prefix(2) == [3, 0])
        for name in ["", ".", "/", "a/b", "../..", "/etc", "a\0b", String(repeating: "x", count: 256)] {
            #expect(try fixture.walk(9, name).error == 22)
            #expect(
                try fixture.call(72, ShareFixture.words(0) + ShareFixture.string(name) + ShareFixture.words(0, 0)).error
                    == 22)
        }
        #expect(
            try fixture.call(72, ShareFixture.words(0) + ShareFixture.string("..") + ShareFixture.words(0, 0)).error
                == 22)
        let many = [UInt8](UInt16(17).littleEndianBytes) + (0..<17).flatMap { _ in ShareFixture.string("d") }
        #expect(try fixture.call(110, ShareFixture.words(0, 9) + many).error == 22)
    }

    @Test("lopen, read, write, fsync: by fid, at any offset; a fid that is not open is EBADF")
    func files() throws {
        let tree = try tree()
        let fixture = try fixture(tree)
        try fixture.walk(1, "f")
        #expect(try fixture.call(116, ShareFixture.words(1, 0, 0, 10)).error == 9)
        #expect(try fixture.call(12, ShareFixture.words(1, 2)).body.count == 13 + 4)
        #expect(try fixture.call(116, ShareFixture.words(1, 1, 0, 10)).body == ShareFixture.words(3) + [2, 3, 4])
        #expect(try fixture.call(116, ShareFixture.words(1, .max, .max, .max)).body == ShareFixture.words(0))
        #expect(try fixture.call(118, ShareFixture.words(1, 3, 0, 2) + [8, 9]).word() == 2)
        #expect(try tree.root.entry(ShareFixture.name("f")).bytes == [1, 2, 3, 8, 9])
        // More data than there are.
        #expect(try fixture.call(118, ShareFixture.words(1, 3, 0, 3) + [8, 9]).error == 22)
        #expect(try fixture.call(50, ShareFixture.words(1, 0)).error == nil)
        // Open twice.
        #expect(try fixture.call(12, ShareFixture.words(1, 2)).error == 22)
        try fixture.walk(2, "pipe")
        #expect(try fixture.call(12, ShareFixture.words(2, 0)).error == 1)
    }

    @Test("lcreate: the fid becomes the file; mkdir, symlink, link, renameat, unlinkat, remove")
    func changes() throws {
        let tree = try tree()
        let fixture = try fixture(tree)
        try fixture.walk(1)
        try fixture.call(14, ShareFixture.words(1) + ShareFixture.string("new") + ShareFixture.words(0o102, 0o644, 0))
        #expect(try fixture.call(118, ShareFixture.words(1, 0, 0, 1) + [5]).word() == 1)
        #expect(try tree.root.entry(ShareFixture.name("new")).bytes == [5])
        let made = try fixture.call(
            72, ShareFixture.words(0) + ShareFixture.string("dir") + ShareFixture.words(0o755, 0))
        #expect(made.body[0] == Self.directory)
        let link = try fixture.call(
            16, ShareFixture.words(0) + ShareFixture.string("sym") + ShareFixture.string("to") + ShareFixture.words(0))
        #expect(link.body[0] == Self.link)
        try fixture.walk(2, "sym")
        #expect(try fixture.call(22, ShareFixture.words(2)).body == ShareFixture.string("to"))
        try fixture.call(70, ShareFixture.words(0, 1) + ShareFixture.string("hard"))
        #expect(try tree.root.entry(ShareFixture.name("hard")).bytes == [5])
        try fixture.walk(3, "dir")
        try fixture.call(
            74, ShareFixture.words(0) + ShareFixture.string("hard") + ShareFixture.words(3) + ShareFixture.string("h"))
        #expect(try tree.root.entry(ShareFixture.name("dir")).entry(ShareFixture.name("h")).bytes == [5])
        #expect(
            try fixture.call(76, ShareFixture.words(0) + ShareFixture.string("dir") + ShareFixture.words(0)).error == 21
        )
        #expect(
            try fixture.call(76, ShareFixture.words(0) + ShareFixture.string("sym") + ShareFixture.words(0)).error
                == nil)
        #expect(try fixture.walk(4, "sym").error == 2)
        // The fid goes with the file, and also when the file stays.
        #expect(try fixture.call(122, ShareFixture.words(1)).error == nil)
        #expect(try fixture.call(120, ShareFixture.words(1)).error == 9)
        #expect(try fixture.call(122, ShareFixture.words(0)).error == 16)
        #expect(try fixture.call(120, ShareFixture.words(0)).error == 9)
    }

    @Test("readdir: as many entries as fit, the rest from the last one's offset on; `..` of the root is the root")
    func readDirectory() throws {
        let fixture = try fixture(try tree())
        try fixture.walk(1)
        #expect(try fixture.call(40, ShareFixture.words(1, 0, 0, 100)).error == 9)
        try fixture.call(12, ShareFixture.words(1, 0o200000))
        let root = try fixture.call(24, ShareFixture.words(0, 0x7FF, 0))
        var names: [String] = []
        var offset: UInt64 = 0
        for _ in 0..<10 {
            let reply = try fixture.call(
                40, ShareFixture.words(1) + offset.littleEndianBytes + ShareFixture.words(60))
            let count = Int(reply.word())
            #expect(count <= 60 && reply.body.count == 4 + count)
            guard count > 0 else { break }
            var place = 4
            while place < 4 + count {
                offset = reply.doubleword(place + 13)
                let length = Int(reply.body[place + 22])
                let name = String(decoding: reply.body[(place + 24)..<(place + 24 + length)], as: UTF8.self)
                if name == ".." { #expect(reply.doubleword(place + 5) == root.doubleword(8 + 5)) }
                names.append(name)
                place += 24 + length
            }
        }
        #expect(names == [".", "..", "f", "d", "l", "pipe"])
        // No entry fits: that is not the end.
        #expect(try fixture.call(40, ShareFixture.words(1, 0, 0, 10)).error == 22)
    }

    @Test("getattr, setattr, statfs: fields where their tables have them")
    func attributes() throws {
        let tree = try tree()
        let fixture = try fixture(tree)
        try fixture.walk(1, "f")
        let reply = try fixture.call(24, ShareFixture.words(1, 0x7FF, 0))
        #expect(reply.body.count == 153)
        #expect(reply.doubleword(0) == 0x7FF)
        #expect(reply.word(21) == 0o100644)
        #expect(reply.doubleword(8 + 13 + 12 + 16) == 4)
        // MODE and SIZE.
        let change = ShareFixture.words(1, 9, 0o600, 0, 0, 2, 0) + [UInt8](repeating: 0, count: 32)
        #expect(try fixture.call(26, change).error == nil)
        let after = try fixture.call(24, ShareFixture.words(1, 0x7FF, 0))
        #expect(after.word(21) == 0o600 && after.doubleword(49) == 2)
        let statfs = try fixture.call(8, ShareFixture.words(1))
        #expect(statfs.body.count == 60 && statfs.word() == 0x0102_1997)
        #expect(statfs.doubleword(8) == 100 && statfs.doubleword(16) == 50 && statfs.doubleword(24) == 40)
    }

    @Test("lock and getlock: granted, and unlocked; mknod EPERM, xattrwalk EOPNOTSUPP")
    func rest() throws {
        let fixture = try fixture(try tree())
        let range = UInt64(1).littleEndianBytes + UInt64(2).littleEndianBytes + ShareFixture.words(3)
        let owner = ShareFixture.string("me")
        let lock: [UInt8] = ShareFixture.words(0) + [1] + ShareFixture.words(0) + range + owner
        #expect(try fixture.call(52, lock).body == [0])
        let query: [UInt8] = ShareFixture.words(0) + [1] + range + owner
        let held: [UInt8] = [2] + range + owner
        #expect(try fixture.call(54, query).body == held)
        let node = ShareFixture.words(0) + ShareFixture.string("null") + ShareFixture.words(0o20666, 1, 3, 0)
        #expect(try fixture.call(18, node).error == 1)
        #expect(try fixture.call(30, ShareFixture.words(0, 5) + ShareFixture.string("user.x")).error == 95)
    }

    @Test("a read-only share: EROFS for all that changes something")
    func readOnly() throws {
        let fixture = try fixture(try tree(isReadOnly: true))
        try fixture.walk(1, "f")
        let zeros = [UInt8](repeating: 0, count: 32)
        let requests: [(UInt8, [UInt8])] = [
            (16, ShareFixture.words(0) + ShareFixture.string("s") + ShareFixture.string("t") + ShareFixture.words(0)),
            (18, []), (20, ShareFixture.words(1, 0) + ShareFixture.string("g")),
            (26, ShareFixture.words(1, 1, 0, 0, 0, 0, 0) + zeros),
            (70, ShareFixture.words(0, 1) + ShareFixture.string("h")),
            (72, ShareFixture.words(0) + ShareFixture.string("e") + ShareFixture.words(0, 0)),
            (74, ShareFixture.words(0) + ShareFixture.string("f") + ShareFixture.words(0) + ShareFixture.string("g")),
            (76, ShareFixture.words(0) + ShareFixture.string("f") + ShareFixture.words(0)),
            (122, ShareFixture.words(1)),
        ]
        for (type, body) in requests { #expect(try fixture.call(type, body).error == 30, "type \(type)") }
    }

    // MARK: Many at once

    @Test("requests complete in any order, each with its own tag")
    func order() throws {
        let fixture = try fixture(try tree())
        fixture.work.keep()
        for tag in 1...3 as ClosedRange<UInt16> {
            let message = ShareFixture.message(24, tag: tag, ShareFixture.words(0, 0x7FF, 0))
            try fixture.offer(message, place: UInt64(tag), room: 0x1000)
        }
        #expect(fixture.work.perform(latestFirst: true) == 3)
        for tag in [3, 2, 1] as [UInt16] {
            let used = try #require(try fixture.base.queues[0].takeUsed())
            #expect(try fixture.reply(used.length, place: UInt64(tag)).tag == tag)
        }
    }

    @Test("flush(5): the answer comes behind that of the request it names; of an unknown tag, and of its own, at once")
    func flush() throws {
        let fixture = try fixture(try tree())
        fixture.work.keep()
        try fixture.offer(ShareFixture.message(24, tag: 1, ShareFixture.words(0, 0, 0)), place: 1, room: 0x1000)
        // Waits for 1, and the next one for this.
        try fixture.offer(ShareFixture.message(108, tag: 2, UInt16(1).littleEndianBytes), place: 2, room: 0x1000)
        try fixture.offer(ShareFixture.message(108, tag: 3, UInt16(2).littleEndianBytes), place: 3, room: 0x1000)
        #expect(try fixture.base.queues[0].takeUsed() == nil)
        #expect(fixture.work.perform() == 1)
        var tags: [UInt16] = []
        for place in 1...3 as ClosedRange<UInt64> {
            let used = try #require(try fixture.base.queues[0].takeUsed())
            tags.append(try fixture.reply(used.length, place: place).tag)
        }
        #expect(tags == [1, 2, 3])
        try fixture.offer(ShareFixture.message(108, tag: 4, UInt16(4).littleEndianBytes), place: 1, room: 0x1000)
        #expect(try fixture.base.queues[0].takeUsed() != nil)
        try fixture.offer(ShareFixture.message(108, tag: 5, UInt16(77).littleEndianBytes), place: 1, room: 0x1000)
        let used = try #require(try fixture.base.queues[0].takeUsed())
        #expect(try fixture.reply(used.length, place: 1).type == 109)
    }

    @Test("§2.1: a reset forgets requests that wait, and all fids")
    func reset() throws {
        let fixture = try fixture(try tree())
        fixture.work.keep()
        try fixture.offer(ShareFixture.message(24, tag: 1, ShareFixture.words(0, 0, 0)), room: 0x1000)
        try fixture.offer(ShareFixture.message(108, tag: 2, UInt16(1).littleEndianBytes), place: 1, room: 0x1000)
        fixture.base.driver.write(0, Register.status)
        #expect(fixture.base.driver.status == 0)
        #expect(fixture.work.perform() == 0)
        #expect(!fixture.base.line.isAsserted)
        fixture.work.keep(false)
        for queue in fixture.base.queues {
            try fixture.base.memory.fill(GuestAddress(queue.driverArea), count: 0x200, with: 0)
        }
        fixture.base.queues[0] = MockDriverQueue(fixture.base.memory, at: Base.ram, size: 8)
        fixture.base.start(1)
        #expect(try fixture.call(24, ShareFixture.words(0, 0, 0)).error == 22)
    }
}
