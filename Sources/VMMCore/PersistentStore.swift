/// What is behind memory that keeps its contents: a file that is mapped into the guest.
package protocol PersistentStore: AnyObject, Sendable {
    /// Makes permanent what was stored in the memory before. It may wait for the host's disk: not on a vCPU's thread. False: the host
    /// failed, and what was stored may be lost; the owner of the store was told why.
    func flush() -> Bool
}
