import DeviceFuzzing
import Testing
import VMMTestSupport

/// The fuzzers' targets without a fuzzer: they run, and random programs find nothing.
@Suite struct DeviceFuzzingTests {
    @Test("random programs of each target end", arguments: FuzzTarget.all.map(\.name))
    func random(_ name: String) throws {
        let target = try #require(FuzzTarget.all.first { $0.name == name })
        var random = SeededGenerator(seed: 4)
        target.run([])
        for _ in 0..<200 { target.run((0..<random.next() % 500).map { _ in UInt8(truncatingIfNeeded: random.next()) }) }
    }
}
