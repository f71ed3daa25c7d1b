import Testing

@testable import VMM

/// What a program can ask of a balloon.
@Suite struct BalloonLineTests {
    private func requests(_ text: String) -> [BalloonRequest] {
        var line = BalloonLine()
        return text.utf8.compactMap { line.take($0) }
    }

    @Test(
        "a size is a target, an empty line a question; a carriage return does not count; a line without an end is none yet"
    )
    func lines() {
        #expect(requests("128M\n\n0\r\n64K") == [.setTarget(128 << 20), .show, .setTarget(0)])
    }

    @Test("no size: nonsense, and so is a line that is too long; the next line counts again")
    func nonsense() {
        #expect(
            requests("-1\nmuch\n 1M\n\0\n1M\n") == [.nonsense, .nonsense, .nonsense, .nonsense, .setTarget(1 << 20)])
        let long = String(repeating: "1", count: 100_000)
        #expect(requests("\(long)\n\(String(repeating: "0", count: 64))\n") == [.nonsense, .setTarget(0)])
    }
}
