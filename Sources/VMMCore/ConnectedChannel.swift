/// A channel whose other side comes and goes, as a client of a socket does.
package protocol ConnectedChannel: CharacterChannel {
    /// How often the other side came or went so far: odd while it is there. It never falls, so that what is seen late is known to
    /// be late, and no change is lost between two looks.
    var connectionChanges: UInt64 { get }

    /// Installs what is called, on the event loop's thread, after `connectionChanges` has grown; nil removes it.
    func setConnectionHandler(_ handler: (@Sendable () -> Void)?)
}
