/// What a side of a vsock stream does no more.
package struct VsockHalves: OptionSet, Hashable, Sendable {
    package let rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package static let sends = VsockHalves(rawValue: 1)
    package static let receives = VsockHalves(rawValue: 2)
}

/// What came of moving bytes between a stream and its host's end.
package enum VsockTransfer: Hashable, Sendable {
    /// So many, at least one.
    case moved(Int)
    /// None. The client is told when it is worth to try again, which may be before it knows of this.
    case wouldBlock
    /// The host's program sends no more (reading), or receives no more (writing).
    case ended
    /// The end is good for nothing any more.
    case failed
}

/// The host's end of a stream: a program's connection. It keeps no bytes itself.
///
/// Threading: any thread; one reads and one writes at a time. It calls nobody with a lock held that its client's methods take.
package protocol VsockEnd: AnyObject, Sendable {
    /// What its client and it know the stream by; no other stream of the back end ever has it.
    var number: UInt64 { get }

    /// The guest has accepted the stream that this end has asked for. `hostPort`: the stream's port on this side.
    func accepted(hostPort: UInt32)

    /// Reads what there is for the guest, up to `limit` bytes, to the start of `bytes`.
    func read(into bytes: inout [UInt8], limit: Int) -> VsockTransfer

    /// Writes the first `count` of the guest's `bytes`, or fewer of them.
    func write(_ bytes: [UInt8], count: Int) -> VsockTransfer

    /// Tells the program what the guest does no more; all that it has sent was written.
    func shutDown(_ halves: VsockHalves)

    /// Ends the connection; the program still gets what was written. Called again it does nothing.
    func close()
}

/// Who has the guest's side of vsock streams: a device. Numbers that it does not know mean nothing to it.
package protocol VsockClient: AnyObject, Sendable {
    /// A program asks for a stream to port `guestPort`. False: nobody can answer, or there are too many streams. Else the end is
    /// told that it was accepted, or closed.
    func connect(_ end: any VsockEnd, guestPort: UInt32) -> Bool

    /// The program does not wait for the guest's answer any longer.
    func abandon(_ number: UInt64)

    /// There is something to read, after a read that would have blocked.
    func canRead(_ number: UInt64)

    /// There is room to write, after a write that would have blocked.
    func canWrite(_ number: UInt64)

    /// It is the client's turn again, after `VsockBackend.callBack()`.
    func proceed()
}

/// The host's side of a guest's vsock. It outlives its clients: machines of a session come and go.
///
/// Threading: any thread; call it without a lock held that its client's methods take.
package protocol VsockBackend: AnyObject, Sendable {
    /// Gives streams to `client` from now on.
    func attach(_ client: any VsockClient)

    /// Closes all ends, and asks the client for no stream any more; a call that is under way may still arrive.
    func detach()

    /// The guest asks for a stream to the host's port. Nil: nobody listens there, or there is no client. Answered at once.
    func open(hostPort: UInt32) -> (any VsockEnd)?

    /// Asks for a call of `VsockClient.proceed()` on the back end's thread, once others have had their turn there.
    func callBack()
}
