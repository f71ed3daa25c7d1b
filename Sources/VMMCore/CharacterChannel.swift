/// The host's end of a character device: takes what the guest prints, gives what the user types.
package protocol CharacterChannel: AnyObject, Sendable {
    /// Takes one character from the guest, on a vCPU thread. May wait while the host's reader is slow and the buffer is
    /// full, so that a guest cannot fill the host's memory; returns at once when the machine stops.
    func write(_ byte: UInt8)

    /// The next character of input, or nil while there is none.
    func read() -> UInt8?

    /// Installs what is called, on the event loop's thread, when input arrives after there was none; nil removes it.
    func setInputHandler(_ handler: (@Sendable () -> Void)?)
}

/// The size of a terminal, in characters.
package struct ConsoleSize: Hashable, Sendable {
    package var columns: UInt16
    package var rows: UInt16

    package init(columns: UInt16, rows: UInt16) {
        self.columns = columns
        self.rows = rows
    }
}
