/// Who has work to do that may wait for the host: a device, whose vCPU threads must not.
package protocol HostWorkClient: AnyObject, Sendable {
    /// Does what the client knows by `item`. On any thread, also during `HostWorkQueue.submit`, without a lock of the queue held.
    func perform(_ item: Int)
}

/// Does devices' work, elsewhere and in the order of its coming, or at once. It outlives its clients.
///
/// Threading: any thread; call it without a lock held that `perform` takes.
package protocol HostWorkQueue: AnyObject, Sendable {
    func submit(_ item: Int, for client: any HostWorkClient)

    /// Forgets work of `client` that has not begun, and waits for what has. Nobody submits for the client meanwhile.
    func drain(_ client: any HostWorkClient)
}
