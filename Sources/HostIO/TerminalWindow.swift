internal import Glibc
internal import Synchronization
package import VMMCore

/// The size of the terminal that shows a console, and its changes (SIGWINCH).
///
/// Threading: made like a `SignalSource`, in the main thread before others run; the handler is called on the loop's thread.
package final class TerminalWindow: Sendable {
    private let descriptor: Int32
    private let changes: SignalSource
    private let handler: Mutex<(@Sendable (ConsoleSize) -> Void)?>

    /// Nil when `descriptor` is no terminal, or one that knows no size.
    package init?(descriptor: Int32, loop: EventLoop) throws(SignalSourceError) {
        guard Self.size(of: descriptor) != nil else { return nil }
        self.descriptor = descriptor
        let box = WeakWindow()
        handler = Mutex(nil)
        changes = try SignalSource([SIGWINCH], loop: loop, forcesOnRepeat: false) { _ in box.window?.changed() }
        box.window = self
    }

    /// The size now.
    package var size: ConsoleSize? { Self.size(of: descriptor) }

    /// Installs what is called at each change; nil removes it.
    package func setHandler(_ new: (@Sendable (ConsoleSize) -> Void)?) { handler.withLock { $0 = new } }

    private func changed() {
        guard let size, let handler = handler.withLock({ $0 }) else { return }
        handler(size)
    }

    private static func size(of descriptor: Int32) -> ConsoleSize? {
        var window = winsize()
        // SAFETY: `window` is valid for the call, which fills it.
        guard unsafe ioctl(descriptor, UInt(TIOCGWINSZ), &window) == 0, window.ws_col > 0, window.ws_row > 0 else {
            return nil
        }
        return ConsoleSize(columns: window.ws_col, rows: window.ws_row)
    }
}

/// The signal's handler must not keep the window, which keeps the signal's source.
private final class WeakWindow: Sendable {
    private struct Reference: Sendable {
        weak var window: TerminalWindow?
    }

    private let reference = Mutex(Reference())

    var window: TerminalWindow? {
        get { reference.withLock { $0.window } }
        set { reference.withLock { $0.window = newValue } }
    }
}
