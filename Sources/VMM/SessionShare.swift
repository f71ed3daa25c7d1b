internal import HostIO
internal import VMMCore

/// A shared directory of a session: opened once, used by each of its machines.
struct SessionShare: Sendable {
    let tag: String
    let tree: SharedDirectory
    let work: any HostWorkQueue

    /// Requests of a share that the host works on at once.
    private static let threadCount = 4

    /// Opens the directories of a configuration.
    static func open(_ configuration: MachineConfiguration) throws(BootError) -> [SessionShare] {
        var shares: [SessionShare] = []
        // Together they get what one would.
        let limit = SharedDirectory.usualDescriptorLimit / max(1, configuration.shares.count)
        for (number, share) in configuration.shares.enumerated() {
            let work: any HostWorkQueue
            do throws(HostThreadError) {
                // A run that repeats does one thing after the other.
                work =
                    configuration.repeatability != nil
                    ? WorkInTurn() : try WorkerThreads(name: "share\(number)-", count: threadCount)
            } catch {
                throw .thread(error)
            }
            do throws(SharedDirectoryError) {
                let tree = try SharedDirectory(share.path, isReadOnly: share.isReadOnly, descriptorLimit: limit)
                shares.append(SessionShare(tag: share.tag, tree: tree, work: work))
            } catch {
                throw .share(error)
            }
        }
        return shares
    }
}
