import KernelCore
import Testing

@Suite struct SymbolTableTests {
    static let base: UInt64 = 0x20_0000

    static func encoded() -> [UInt8] {
        var writer = SymbolTableWriter(base: base, extent: 0x1000)
        writer.add("third", at: base + 0x800)
        writer.add("first", at: base + 0x10)
        writer.add("second", at: base + 0x20)
        writer.add("alias", at: base + 0x20)
        writer.add("outside", at: base + 0x1000)
        writer.add("below", at: base - 1)
        return writer.encoded()
    }

    static func table(_ bytes: [UInt8], at address: UInt64 = 0x9000) -> SymbolTable<ArrayMemory>? {
        SymbolTable(
            memory: ArrayMemory(base: address, bytes: bytes), address: address, size: UInt64(bytes.count))
    }

    @Test(
        "an address gives the symbol it lies in and the offset",
        arguments: [
            (0, nil), (0xF, nil), (0x10, "first+0"), (0x1F, "first+15"), (0x20, "second+0"), (0x7FF, "second+2015"),
            (0x800, "third+0"), (0xFFF, "third+2047"), (0x1000, nil),
        ] as [(UInt64, String?)])
    func lookUp(offset: UInt64, expected: String?) throws {
        let table = try #require(Self.table(Self.encoded()))
        #expect(table.count == 3)
        #expect(table.symbol(at: Self.base + offset).map { "\($0.name.string)+\($0.offset)" } == expected)
        #expect(table.symbol(at: 0)?.offset == nil && table.symbol(at: .max)?.offset == nil)
    }

    @Test("every symbol of a large table is found")
    func large() throws {
        var writer = SymbolTableWriter(base: 0, extent: 100_000)
        for number in (0..<1000).reversed() { writer.add("s\(number)", at: UInt64(number) * 100) }
        let table = try #require(Self.table(writer.encoded()))
        for number in 0..<1000 { #expect(table.symbol(at: UInt64(number) * 100 + 99)?.name.string == "s\(number)") }
    }

    @Test("a damaged or cut table traps nothing")
    func damagedTables() {
        for bytes in damaged(Self.encoded(), count: 3000, seed: 5) {
            guard let table = Self.table(bytes) else { continue }
            for offset in [0, 0x10, 0x25, 0x900] as [UInt64] { _ = table.symbol(at: Self.base + offset)?.name.bytes }
        }
        #expect(Self.table([])?.count == nil && Self.table(Array(Self.encoded().dropLast()))?.count == nil)
        #expect(Self.table(Self.encoded(), at: .max - 50)?.count == nil)
    }
}
