/// The kernel's log: a ring, shown by `dmesg`. Nothing of it goes to the console, where each character costs an exit.
enum Log {
    private static let lock = SpinLock()
    // SAFETY: under `lock`.
    nonisolated(unsafe) private static var ring = LogRing(storage: Heap.permanentStorage(order: 2))
    nonisolated(unsafe) private static var line = TextBuffer(capacity: LogRing.lengthLimit)

    /// Adds a line, which `write` writes without its end.
    static func add(_ level: LogLevel = .information, _ write: (TextOutput) -> Void) {
        let time = Clock.now
        lock.withLock {
            unsafe line.clear()
            write(unsafe line)
            let text = unsafe line.bytes
            unsafe ring.append(
                text.span, level: level, time: time, cpu: UInt8(truncatingIfNeeded: CPU.currentIndex))
        }
    }

    static func add(_ level: LogLevel = .information, _ text: StaticString) { add(level) { $0.write(text) } }

    /// The line at `cursor`, see `LogRing.read`.
    static func read(_ cursor: inout LogRing.Cursor, into text: inout [UInt8]) -> LogRing.Line? {
        let wereOn = lock.acquire()
        defer { lock.release(wereOn) }
        return unsafe ring.read(&cursor, into: &text)
    }
}
