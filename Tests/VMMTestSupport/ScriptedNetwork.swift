internal import Synchronization
package import VMMCore

/// A network that keeps what is sent, gives what a test says, and has no room when a test wants that.
///
/// Threading: any thread sends; the test's own thread is the network's.
package final class ScriptedNetwork: MultiQueueNetwork {
    private struct State {
        var client: (any NetworkClient)?
        var isLinkUp = true
        /// Frames that there is room for; nil: for all.
        var room: Int?
        /// What happens while a frame is being sent.
        var whileSending: (@Sendable () -> Void)?
    }

    package let properties: NetworkProperties
    /// Frames, with their headers.
    package let sent = Recorder<[UInt8]>()
    /// The queues of those that were sent in one.
    package let queues = Recorder<Int>()
    package let queueCount = 2
    package let attached = Recorder<NetworkOffloads>()
    package let detached = Recorder<Bool>()
    package let commits = Recorder<Bool>()
    package let resumed = Recorder<Bool>()
    private let state = Mutex(State())

    package init(_ properties: NetworkProperties = NetworkProperties()) { self.properties = properties }

    package var isLinkUp: Bool { state.withLock { $0.isLinkUp } }
    package var isAttached: Bool { state.withLock { $0.client != nil } }

    package func attach(_ client: any NetworkClient, offloads: NetworkOffloads) {
        state.withLock { $0.client = client }
        attached.record(offloads)
    }

    package func detach() {
        state.withLock { $0.client = nil }
        detached.record(true)
    }

    package func send(_ bytes: [UInt8], _ range: Range<Int>) -> Bool {
        let (isTaken, action) = state.withLock { state in
            defer { state.whileSending = nil }
            guard let room = state.room else { return (true, state.whileSending) }
            state.room = max(0, room - 1)
            return (room > 0, state.whileSending)
        }
        action?()
        if isTaken { sent.record(Array(bytes[range])) }
        return isTaken
    }

    package func send(_ bytes: [UInt8], _ range: Range<Int>, queue: Int) -> Bool {
        queues.record(queue)
        return send(bytes, range)
    }

    package func commit() { commits.record(true) }

    package func resumeReceiving() { resumed.record(true) }

    // MARK: For tests

    /// From now on there is room for `frames` more; nil: for all. The client is told when there is some.
    package func setRoom(_ frames: Int?) {
        let client = state.withLock { state in
            state.room = frames
            return frames == 0 ? nil : state.client
        }
        client?.canSend()
    }

    /// There is room for all from now on, and nobody is told.
    package func makeRoomQuietly() { state.withLock { $0.room = nil } }

    /// Calls the client as if there were room.
    package func tellOfRoom() { state.withLock { $0.client }?.canSend() }

    package func whileSending(_ action: @escaping @Sendable () -> Void) { state.withLock { $0.whileSending = action } }

    package func setLink(isUp: Bool) {
        let client = state.withLock { state in
            state.isLinkUp = isUp
            return state.client
        }
        client?.linkChanged(isUp: isUp)
    }

    /// Gives the client a frame, header first. Nil: nobody is attached.
    @discardableResult
    package func give(_ frame: [UInt8]) -> Bool? {
        // In the middle of other bytes, as in a buffer of many frames.
        state.withLock { $0.client }?.receive([0xEE] + frame + [0xEE], 1..<1 + frame.count)
    }

    package func givenAll() { state.withLock { $0.client }?.receivedAll() }
}
