internal import Synchronization
internal import VMMCore

/// The diagnostic port of a PC: keeps the last power-on self-test code, gives it back, and remembers the ones before it
/// for a report.
///
/// Threading: any thread.
package final class POSTCodeDevice: ByteRegisterPortDevice {
    private struct State {
        var ring = InlineArray<16, UInt8>(repeating: 0)
        var next = 0
        var count = 0
    }

    /// How many codes are kept.
    package static let historyLength = 16
    private let state = Mutex(State())

    package init() {}

    package var portCount: UInt16 { 1 }

    /// The last code, 0 before the first.
    package func readByte(at offset: UInt16) -> UInt8 {
        state.withLock { $0.ring[($0.next + Self.historyLength - 1) % Self.historyLength] }
    }

    package func writeByte(_ value: UInt8, at offset: UInt16) {
        state.withLock { state in
            state.ring[state.next] = value
            state.next = (state.next + 1) % Self.historyLength
            state.count = min(state.count + 1, Self.historyLength)
        }
    }

    /// The last codes, oldest first, at most `historyLength`. Allocates: for reports.
    package var recentCodes: [UInt8] {
        state.withLock { state in
            (0..<state.count).map {
                state.ring[(state.next + Self.historyLength - state.count + $0) % Self.historyLength]
            }
        }
    }
}
