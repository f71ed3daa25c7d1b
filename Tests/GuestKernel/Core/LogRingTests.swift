import KernelCore
import Testing

@Suite struct LogRingTests {
    @Test(
        "random lines: the last ones are there, whole and in order, as many as fit",
        arguments: 1...10 as ClosedRange<UInt64>)
    func model(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let host = try #require(HostWindow(start: 1 << 30, size: 0x1_0000))
        host.soil(PhysicalRange(start: 1 << 30, size: 0x1_0000))
        let capacity = 1024 + Int(seed) * 8
        var ring = LogRing(storage: host.storage(at: 8, count: capacity))
        var lines: [(LogRing.Line, [UInt8])] = []
        var follower = LogRing.Cursor()
        var followed = 0
        for number in 0..<500 as Range<UInt32> {
            let text = (0..<Int.random(in: 0...(number % 50 == 0 ? 700 : 90), using: &random)).map { _ in
                UInt8.random(in: 0...255, using: &random)
            }
            let level = LogLevel(rawValue: UInt8(number % 6)) ?? .debug
            ring.append(text.span, level: level, time: UInt64(number) * 7, cpu: UInt8(number % 4))
            lines.append(
                (
                    LogRing.Line(time: UInt64(number) * 7, sequence: number, level: level, cpu: UInt8(number % 4)),
                    Array(text.prefix(LogRing.lengthLimit))
                ))
            var cursor = LogRing.Cursor()
            var got: [(LogRing.Line, [UInt8])] = []
            var buffer: [UInt8] = []
            while let line = ring.read(&cursor, into: &buffer) { got.append((line, buffer)) }
            let expected = lines.suffix(got.count)
            #expect(got.elementsEqual(expected) { $0.0 == $1.0 && $0.1 == $1.1 })
            let count = ring.count
            #expect(got.count == count && cursor.missed == number + 1 - UInt32(count))
            // Not one line less than fits.
            var size = 0
            var fitting = 0
            for line in lines.reversed() {
                size += 16 + (line.1.count + 7) & ~7
                if size > capacity { break }
                fitting += 1
            }
            #expect(got.count == fitting)
            // A reader that comes now and then misses some, and knows how many.
            if Int.random(in: 0..<12, using: &random) == 0 {
                while let line = ring.read(&follower, into: &buffer) {
                    followed += 1
                    #expect(buffer == lines[Int(line.sequence)].1)
                }
                #expect(followed + Int(follower.missed) == lines.count)
            }
        }
    }
}
