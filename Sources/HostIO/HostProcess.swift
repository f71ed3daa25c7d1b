internal import HostBridge

/// This process, as the host sees it.
package enum HostProcess {
    /// Gives back to the host what was needed to begin and is not any more: memory that was freed, and the program's pages. Those that
    /// are needed come again, from the host's page cache.
    package static func giveBackMemory() { host_give_back_memory() }
}
