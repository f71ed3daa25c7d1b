internal import HostBridge

/// What a program that works for swvmm needs of the host once it is set up. All else it gives up, for good, before it hears from a
/// guest or goes on with a server: a hole in it is then worth no more than what it has anyway.
package enum Confinement {
    /// The descriptors that it has.
    case descriptors
    /// Those, connections by IP, and the address of the host's name server.
    case internet

    /// From here on any other system call ends the process. Call it before there is a second thread. Returns the host's `errno`; nil: it is so.
    package func enter() -> Int32? {
        let code = host_confine(self == .internet)
        return code == 0 ? nil : code
    }
}
