internal import Glibc
internal import HostIO
internal import NetworkFrames
internal import Slirp
internal import VMMCore

/// Frames between swvmm's socket and libslirp. What libslirp has for a guest that does not read waits in the host's sockets, and what
/// is too much even so is dropped, as networks do.
final class SlirpRelay {
    private let socket: Int32
    private let stack: SlirpStack
    private let output: FrameQueue
    private var input = FrameInput(.present)
    private var polled: [pollfd] = []

    /// Gives up what it does not need, and tells swvmm how it began. Nil: something was refused.
    init?(_ settings: SlirpSettings, socket: Int32) {
        self.socket = socket
        let output = FrameQueue(socket)
        self.output = output
        guard let stack = SlirpStack(settings.user, mtu: settings.mtu, output: { output.append($0, $1) }) else {
            Self.answer(.settingsRefused, socket)
            return nil
        }
        self.stack = stack
        for (index, forward) in settings.user.forwards.enumerated() {
            do throws(SlirpStack.ForwardRefused) {
                try stack.add(forward, in: settings.user.network)
            } catch {
                Self.answer(.forwardRefused(index: index, errno: error.errno), socket)
                return nil
            }
        }
        if let code = Confinement.internet.enter() {
            StandardError.print("swvmm-slirp: no seccomp filter: \(HostFacts.describe(errno: code))")
            return nil
        }
        Self.answer(.ready, socket)
    }

    /// A short record, which the empty socket takes as a whole.
    private static func answer(_ answer: SlirpAnswer, _ socket: Int32) {
        let text = Array(answer.text.utf8)
        var record: [UInt8] = [0, 0, 0, 0]
        record.setBigWord(UInt32(text.count), at: 0)
        record += text
        // SAFETY: the array outlives the call.
        unsafe _ = send(socket, record, record.count, Int32(MSG_NOSIGNAL))
    }

    /// Returns when swvmm has closed the socket.
    func run() {
        while true {
            // While swvmm does not read, nothing new is made for it.
            let isBehind = output.isBlocked
            let (watches, timeout) = isBehind ? ([], nil) : stack.prepareWait()
            polled.removeAll(keepingCapacity: true)
            let events = POLLIN | (isBehind ? POLLOUT : 0)
            polled.append(pollfd(fd: socket, events: Int16(events), revents: 0))
            for watch in watches { polled.append(pollfd(fd: watch.descriptor, events: watch.events, revents: 0)) }
            // SAFETY: the array has `count` entries.
            let count = unsafe poll(&polled, nfds_t(polled.count), timeout ?? -1)
            guard count >= 0 || errno == EINTR else { return }
            if !isBehind {
                stack.finishWait(zip(watches, polled.dropFirst()).map { $0.found($1.revents) })
            }
            guard takeInput() else { return }
            guard output.flush() else { return }
        }
    }

    /// False: the other end is gone, or breaks the stream's rules.
    private func takeInput() -> Bool {
        switch input.fill(from: socket) {
        case .moved: break
        case .wouldBlock: return true
        case .ended, .failed: return false
        }
        do throws(FrameInput.BadLength) {
            while let frame = try input.next() {
                take(frame)
                input.consume()
            }
            return true
        } catch {
            return false
        }
    }

    /// What a large frame stands for reaches the host's socket in one piece anyway: it stays one, with its checksum complete.
    private func take(_ frame: Range<Int>) {
        let ethernet = frame.dropFirst(NetworkFrame.headerSize)
        guard let header = try? OffloadHeader(input.bytes, at: frame.lowerBound, frameLength: ethernet.count) else {
            return
        }
        input.withBytes { bytes in _ = header.completingChecksum(of: &bytes, ethernet) }
        stack.input(input.bytes, ethernet)
    }
}

/// Frames for swvmm.
private final class FrameQueue {
    private let socket: Int32
    private var frames = FrameOutput(.present)
    private(set) var isBlocked = false

    init(_ socket: Int32) { self.socket = socket }

    func append(_ frame: [UInt8], _ range: Range<Int>) {
        if frames.isWorthFlushing, !isBlocked { _ = flush() }
        _ = frames.append(frame, range)
    }

    /// False: the other end is gone.
    func flush() -> Bool {
        switch frames.flush(to: socket) {
        case .moved: isBlocked = false
        case .wouldBlock: isBlocked = true
        case .ended, .failed: return false
        }
        return true
    }
}

extension SlirpStack.Watch {
    fileprivate func found(_ events: Int16) -> SlirpStack.Watch {
        var watch = self
        watch.found = events
        return watch
    }
}
