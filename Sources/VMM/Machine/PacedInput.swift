internal import HostIO
internal import Synchronization
internal import VMMCore

/// A console whose input reaches the guest at points that the guest's own doings decide, never the host's timing.
///
/// The machine offers the guest a byte when the guest wants one and has become quiet; if the host has none yet, the machine
/// waits for it, and time stands still meanwhile. Quiet is: all vCPUs wait, and nothing was printed or typed for a second of
/// virtual time (a millisecond within a line). A guest that polls its console instead is quiet after so many reads of devices in
/// a row. One that is never quiet gets its input all the same, ten seconds of virtual time after it took the last line.
///
/// A script that waits for the guest's prompt before it writes works so, unless the guest rests for a second before its prompt.
///
/// From a terminal input is live: it comes when it comes, and nothing repeats.
///
/// Threading: the machine's one thread; live input on the event loop's.
final class PacedInput: CharacterChannel {
    static let pauseBetweenLines = Nanoseconds.seconds(1)
    static let pauseWithinLine = Nanoseconds.milliseconds(1)
    static let patienceWithBusyGuest = Nanoseconds.seconds(10)
    static let pollsBetweenLines = 1000
    static let pollsWithinLine = 16

    private struct State {
        /// Offered, and not yet taken.
        var offered: UInt8?
        var hasEnded = false
        /// The guest has asked since it was given the last byte.
        var isWanted = false
        var isWithinLine = false
        /// When something was last printed or typed.
        var lastActivity = Nanoseconds.zero
        /// When the last byte was taken, or the first one wanted.
        var lastTaken = Nanoseconds.zero
        var handler: (@Sendable () -> Void)?
        var wake: (@Sendable () -> Void)?
    }

    private let console: any CharacterChannel
    private let waitForByte: @Sendable () -> UInt8?
    private let clock: VirtualClock
    /// Input comes from a terminal.
    let isLive: Bool
    private let state = Mutex(State())

    /// - Parameters:
    ///   - console: where output goes, and where live input comes from.
    ///   - waitForByte: waits for the next byte of input; nil: there will be none.
    init(
        console: any CharacterChannel, clock: VirtualClock, isLive: Bool, waitForByte: @escaping @Sendable () -> UInt8?
    ) {
        self.console = console
        self.clock = clock
        self.isLive = isLive
        self.waitForByte = waitForByte
    }

    // MARK: The guest's side

    func write(_ byte: UInt8) {
        if !isLive {
            let now = clock.now
            state.withLock { $0.lastActivity = now }
        }
        console.write(byte)
    }

    func read() -> UInt8? {
        if isLive { return console.read() }
        let now = clock.now
        return state.withLock { state in
            guard let byte = state.offered else {
                if !state.isWanted && state.lastTaken == .zero { state.lastTaken = now }
                state.isWanted = true
                return nil
            }
            state.offered = nil
            state.lastTaken = now
            state.lastActivity = now
            return byte
        }
    }

    func setInputHandler(_ handler: (@Sendable () -> Void)?) {
        guard isLive else { return state.withLock { $0.handler = handler } }
        guard let handler else { return console.setInputHandler(nil) }
        console.setInputHandler { [weak self] in
            handler()
            self?.state.withLock { $0.wake }?()
        }
    }

    // MARK: The machine's side

    /// Installs what is called when live input has come, on the event loop's thread.
    func setWake(_ wake: (@Sendable () -> Void)?) { state.withLock { $0.wake = wake } }

    /// When the guest is to be offered a byte, if nothing happens before.
    struct Appointment: Hashable {
        /// If all vCPUs wait then.
        let whenIdle: Nanoseconds
        /// In any case.
        let atLast: Nanoseconds
        /// After so many reads of devices in a row.
        let polls: Int
    }

    /// Nil: the guest wants none, has not taken the last one, or there are no more.
    var appointment: Appointment? {
        guard !isLive else { return nil }
        return state.withLock { state in
            guard state.isWanted, state.offered == nil, !state.hasEnded else { return nil }
            let isWithin = state.isWithinLine
            return Appointment(
                whenIdle: state.lastActivity + (isWithin ? Self.pauseWithinLine : Self.pauseBetweenLines),
                atLast: state.lastTaken + (isWithin ? Self.pauseWithinLine : Self.patienceWithBusyGuest),
                polls: isWithin ? Self.pollsWithinLine : Self.pollsBetweenLines)
        }
    }

    /// Gets the next byte, waiting for it, and tells the guest.
    func offer() {
        let byte = waitForByte()
        let handler = state.withLock { state -> (@Sendable () -> Void)? in
            guard let byte else {
                state.hasEnded = true
                return nil
            }
            state.offered = byte
            state.isWanted = false
            state.isWithinLine = byte != UInt8(ascii: "\n") && byte != UInt8(ascii: "\r")
            return state.handler
        }
        handler?()
    }
}
