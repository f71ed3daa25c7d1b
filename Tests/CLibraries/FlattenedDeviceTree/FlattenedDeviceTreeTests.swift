import FlattenedDeviceTree
import Testing
import VMMTestSupport

@Suite("Flattened device trees") struct FlattenedDeviceTreeTests {
    private let root = DeviceTreeNode(
        "", [.init("compatible", strings: "a", "b"), .init("#address-cells", cells: 2)],
        children: [
            DeviceTreeNode("chosen", [.init("bootargs", strings: "old")]),
            DeviceTreeNode(
                "soc", [.init("ranges")], children: [DeviceTreeNode("uart@9000", [.init("reg", pairs: [0x9000])])]),
        ])

    private func error(_ bytes: [UInt8]) -> FlattenedDeviceTreeError? {
        do throws(FlattenedDeviceTreeError) {
            _ = try FlattenedDeviceTree(checking: bytes)
            return nil
        } catch { return error }
    }

    @Test("values in the specification's encodings (2.2.4), found by path")
    func values() throws {
        let tree = try FlattenedDeviceTree(root: root)
        #expect(tree.property("compatible", at: "/") == Array("a\0b\0".utf8))
        #expect(tree.property("#address-cells", at: "/") == [0, 0, 0, 2])
        #expect(tree.property("ranges", at: "/soc") == [])
        #expect(tree.property("reg", at: "/soc/uart@9000") == [0, 0, 0, 0, 0, 0, 0x90, 0])
        #expect(tree.property("reg", at: "/soc") == nil)
        #expect(tree.property("reg", at: "/nowhere") == nil)
    }

    @Test("setting properties of a node keeps the others; a node that is missing is added")
    func setting() throws {
        let tree = try FlattenedDeviceTree(root: root)
        let changed = try tree.setting([.init("bootargs", strings: "longer than before"), .init("x")], of: "chosen")
        #expect(changed.property("bootargs", at: "/chosen") == Array("longer than before\0".utf8))
        #expect(changed.property("x", at: "/chosen") == [])
        #expect(changed.property("compatible", at: "/") == tree.property("compatible", at: "/"))
        let added = try tree.setting([.init("serial0", strings: "/soc/uart@9000")], of: "aliases")
        #expect(added.property("serial0", at: "/aliases") != nil)
        #expect(try FlattenedDeviceTree(checking: added.bytes) == added)
    }

    @Test("a tree that would be larger than 2 MiB is refused")
    func tooLarge() {
        let limit = FlattenedDeviceTree.maximumSize
        let large = DeviceTreeNode("", [.init("x", bytes: [UInt8](repeating: 0, count: limit))])
        #expect(throws: FlattenedDeviceTreeError.tooLarge(limit: limit)) { try FlattenedDeviceTree(root: large) }
    }

    @Test("bytes behind totalsize are left out")
    func tail() throws {
        let tree = try FlattenedDeviceTree(root: root)
        #expect(try FlattenedDeviceTree(checking: tree.bytes + [1, 2, 3]) == tree)
    }

    @Test("every truncation is refused, and says how much is wanted")
    func truncations() throws {
        let bytes = try FlattenedDeviceTree(root: root).bytes
        for count in 0..<bytes.count {
            let wanted = count < 40 ? 40 : bytes.count
            #expect(
                error(Array(bytes.prefix(count))) == .truncated(needed: UInt64(wanted), size: UInt64(count)))
        }
    }

    @Test("another magic number, another version")
    func header() throws {
        let bytes = try FlattenedDeviceTree(root: root).bytes
        var other = bytes
        other[0] = 0xD1
        #expect(error(other) == .badMagic)
        other = bytes
        other[23] = 1
        #expect(error(other) == .malformed(.version))
    }

    @Test("random corruption is refused or leaves a tree that can be read and changed")
    func corruption() throws {
        let bytes = try FlattenedDeviceTree(root: root).bytes
        var generator = SeededGenerator(seed: 4)
        var refused = 0
        for _ in 0..<20_000 {
            var corrupt = bytes
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                corrupt[Int.random(in: 0..<bytes.count, using: &generator)] = UInt8.random(
                    in: 0...255, using: &generator)
            }
            do throws(FlattenedDeviceTreeError) {
                let tree = try FlattenedDeviceTree(checking: corrupt)
                _ = tree.property("reg", at: "/soc/uart@9000")
                _ = try tree.setting([.init("bootargs", strings: "new")], of: "chosen")
            } catch { refused += 1 }
        }
        #expect(refused > 0)
    }
}
