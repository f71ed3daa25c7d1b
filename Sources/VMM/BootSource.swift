internal import HostIO
internal import VMMCore

/// Where a session's machines come from: the configuration's files, which are read for each machine, so that no copy of them takes
/// memory while a guest runs.
package struct BootSource {
    private let configuration: MachineConfiguration
    private var files = BootFiles()
    /// What was read and is for the next machine.
    private var prepared: BootPreparation?
    let guest: GuestFacts
    let imageName: String
    let architecture: MachineConfiguration.Architecture

    package init(_ configuration: MachineConfiguration) throws(BootError) {
        let preparation = try BootPreparation(configuration, &files)
        try preparation.checkImage()
        self.configuration = configuration
        guest = GuestFacts(preparation)
        (imageName, architecture) = (preparation.imageName, preparation.architecture)
        prepared = preparation
    }

    /// What the next machine is made of. Throws when a file was written to since the first one.
    package mutating func next() throws(BootError) -> BootPreparation {
        defer { prepared = nil }
        return if let prepared { prepared } else { try BootPreparation(configuration, &files) }
    }
}

/// The files that a session's boots read, each opened once.
struct BootFiles {
    /// How much the host reads of one file. Far above any kernel, below what would hurt the host.
    private static let sizeLimit: UInt64 = 4 << 30

    private var opened: [String: KeptHostFile] = [:]

    /// A file's bytes; it is looked up in the host path unless its name is absolute.
    mutating func read(_ path: String, in hostPath: String?) throws(BootError) -> [UInt8] {
        let full = if let hostPath, !path.hasPrefix("/") { "\(hostPath)/\(path)" } else { path }
        do throws(HostFileError) {
            let file = if let known = opened[full] { known } else { try KeptHostFile(full, limit: Self.sizeLimit) }
            opened[full] = file
            return try file.read()
        } catch {
            throw .file(error)
        }
    }
}
