import Glibc
import HostIO
import Synchronization
import Testing
import VMMCore

/// A device's place at a back end: keeps what comes, and refuses when it is told to.
final class RecordingClient: NetworkClient {
    struct State {
        var frames: [[UInt8]] = []
        var batches = 0
        var links: [Bool] = []
        /// How many frames it still takes.
        var room = Int.max
    }

    let state = Mutex(State())
    /// Opened for each frame that came, for each refused one, for `canSend`, and for `linkChanged`.
    let arrived = Gate()
    let refused = Gate()
    let mayGoOn = Gate()
    let linkHasChanged = Gate()

    var frames: [[UInt8]] { state.withLock { $0.frames } }
    func setRoom(_ room: Int) { state.withLock { $0.room = room } }

    func receive(_ bytes: [UInt8], _ range: Range<Int>) -> Bool {
        let isTaken = state.withLock { state in
            guard state.room > 0 else { return false }
            state.room -= 1
            state.frames.append(Array(bytes[range]))
            return true
        }
        (isTaken ? arrived : refused).open()
        return isTaken
    }

    func receivedAll() { state.withLock { $0.batches += 1 } }
    func canSend() { mayGoOn.open() }

    func linkChanged(isUp: Bool) {
        state.withLock { $0.links.append(isUp) }
        linkHasChanged.open()
    }
}

/// What a back end says of the host.
final class Failures: Sendable {
    private let state = Mutex<[NetworkFailure]>([])
    var all: [NetworkFailure] { state.withLock { $0 } }
    func add(_ failure: NetworkFailure) { state.withLock { $0.append(failure) } }
}

enum Frames {
    static let noHeader = [UInt8](repeating: 0, count: NetworkFrame.headerSize)

    /// An Ethernet frame of so many bytes that nobody has a meaning for.
    static func ethernet(_ mark: UInt8, count: Int = 60) -> [UInt8] {
        [UInt8](repeating: mark, count: 12) + [0x88, 0xB5] + [UInt8](repeating: mark, count: max(0, count - 14))
    }

    /// As the stream has it.
    static func framed(_ bytes: [UInt8]) -> [UInt8] { UInt32(bytes.count).bigEndianBytes + bytes }
}

extension UInt32 {
    var bigEndianBytes: [UInt8] { [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: self >> $0) } }
}

extension NetworkBackend {
    /// As a device does it.
    func send(_ frame: [UInt8]) -> Bool { send([0xEE] + frame, 1..<1 + frame.count) }
}
