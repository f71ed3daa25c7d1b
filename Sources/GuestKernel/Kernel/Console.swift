import Synchronization

/// A device that shows and reads characters. Subclassed by each driver.
class ConsoleDevice {
    var name: StaticString { "none" }
    /// True when an interrupt tells of input.
    var interruptsOnInput: Bool { false }
    func write(_ bytes: Span<UInt8>) {}
    /// The next byte of input, or nil when there is none now.
    func read() -> UInt8? { nil }
    /// Routes the device's interrupt; the scheduler runs by now.
    func enableInterrupt() {}
}

/// The system console: text out under a lock, bytes in for one reading thread.
final class Console: TextOutput {
    // SAFETY: never replaced; its state is under its lock, or the boot CPU's before others start.
    nonisolated(unsafe) private static let system = Console()
    static var shared: Console { unsafe system }

    private(set) var device = ConsoleDevice()
    private let lock = SpinLock()
    private var reader: Thread?
    /// Consecutive polls without input.
    private var idlePolls: UInt64 = 0

    func attach(_ device: ConsoleDevice) { self.device = device }

    override func put(_ byte: UInt8) {
        let one: InlineArray<1, UInt8> = [byte]
        put(bytes: one.span)
    }

    override func put(bytes: Span<UInt8>) {
        if Panic.isUnderWay { return device.write(bytes) }
        let wereOn = lock.acquire()
        device.write(bytes)
        lock.release(wereOn)
    }

    /// Waits for a byte of input. One thread at a time may read.
    ///
    /// With an interrupt the thread sleeps until it comes. Without one (bvmconsole) it polls: every 2 ms for 50 ms after
    /// input, every 10 ms for half a second, then every 40 ms, which an idle machine hardly notices.
    func readByte() -> UInt8 {
        reader = Scheduler.currentThread
        while true {
            if let byte = lock.withLock({ device.read() }) {
                idlePolls = 0
                Trace.emit(.consoleRead, UInt64(byte))
                return byte
            }
            if device.interruptsOnInput {
                Scheduler.park()
            } else {
                idlePolls += 1
                let milliseconds: UInt64 = idlePolls < 25 ? 2 : idlePolls < 75 ? 10 : 40
                Scheduler.sleep(nanoseconds: milliseconds * 1_000_000)
            }
        }
    }

    /// Input has come.
    func interrupt() {
        if let reader { Scheduler.unpark(reader) }
    }
}
