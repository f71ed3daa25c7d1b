internal import HostIO
internal import Synchronization
internal import VMMCore

/// The trace's file: lines are collected, and written by whoever fills the buffer. Nothing is dropped while the file takes it; when it
/// does not, the end of the session says so.
///
/// Threading: any thread.
final class TraceFile: Sendable {
    /// Lines are written in pieces of about this many bytes.
    private static let pieceSize = 256 << 10

    private struct State {
        var buffer: [UInt8] = []
        var failure: HostFileError?
        var lost: UInt64 = 0
    }

    private let output: HostFileWriter
    private let state = Mutex(State())

    init(_ path: String) throws(HostFileError) { output = try HostFileWriter(path) }

    /// Writes a line; `text` has no line end.
    func line(_ text: String) {
        state.withLock { state in
            guard state.failure == nil else {
                state.lost &+= 1
                return
            }
            state.buffer += text.utf8
            state.buffer.append(UInt8(ascii: "\n"))
            if state.buffer.count >= Self.pieceSize { flush(&state) }
        }
    }

    /// Writes out what is left. Throws why lines were lost.
    func close() throws(BootError) {
        let (failure, lost) = state.withLock { state in
            if state.failure == nil { flush(&state) }
            return (state.failure, state.lost)
        }
        if let failure { throw .trace(failure, lostLines: lost) }
    }

    private func flush(_ state: inout State) {
        do throws(HostFileError) {
            try output.write(state.buffer)
        } catch {
            state.failure = error
            state.lost = UInt64(state.buffer.count { $0 == UInt8(ascii: "\n") })
        }
        state.buffer.removeAll(keepingCapacity: true)
    }
}
