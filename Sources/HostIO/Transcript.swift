internal import Synchronization
package import VMMCore

/// A line that the guest printed, with the time of its first byte.
package struct ConsoleLine: Hashable, Sendable {
    package let time: Nanoseconds
    /// Without the line's end. Bytes that are not UTF-8 show as U+FFFD. Cut after `Transcript`'s limit.
    package let text: String
}

/// Remembers the end of what a guest printed, and tells a tap of each line.
///
/// Threading: any thread. The tap is called on the writing thread, without a lock held. Without a tap, `record`
/// allocates nothing.
final class Transcript: Sendable {
    private struct State {
        var recent: ByteRing
        var line: [UInt8] = []
        var lineStart: Nanoseconds?
    }

    /// The longest line that a tap gets whole; a guest that prints none must not fill the host's memory.
    private static let lineLimit = 4096

    private let clock: any Clock
    private let tap: (@Sendable (ConsoleLine) -> Void)?
    private let state: Mutex<State>

    init(capacity: Int, clock: any Clock, tap: (@Sendable (ConsoleLine) -> Void)?) {
        self.clock = clock
        self.tap = tap
        state = Mutex(State(recent: ByteRing(capacity: capacity)))
    }

    func record(_ byte: UInt8) {
        guard let tap else { return state.withLock { $0.recent.appendDroppingOldest(byte) } }
        let line = state.withLock { state -> ConsoleLine? in
            state.recent.appendDroppingOldest(byte)
            let start = state.lineStart ?? clock.now
            state.lineStart = start
            if byte != UInt8(ascii: "\n") {
                if byte != UInt8(ascii: "\r") { state.line.append(byte) }
                guard state.line.count >= Self.lineLimit else { return nil }
            }
            defer {
                state.line.removeAll(keepingCapacity: true)
                state.lineStart = nil
            }
            return ConsoleLine(time: start, text: String(decoding: state.line, as: UTF8.self))
        }
        if let line { tap(line) }
    }

    /// The last lines, the oldest first, without empty ones at the end; the first may have lost its start.
    func lines(last limit: Int) -> [String] {
        let bytes = state.withLock { $0.recent.contents }
        let lines = bytes.filter { $0 != UInt8(ascii: "\r") }
            .split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
            .map { String(decoding: $0, as: UTF8.self) }
        let end = (lines.lastIndex { !$0.isEmpty } ?? -1) + 1
        return Array(lines[..<end].suffix(max(limit, 0)))
    }
}
