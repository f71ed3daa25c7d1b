internal import Boot
internal import HostIO
internal import VMMCore

/// Where a session's machines come from: the configuration's files, which are read for each machine, straight into its memory, so
/// that no copy of them takes time or memory.
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
struct BootFiles: Sendable {
    /// How much the host reads of one file. Far above any kernel, below what would hurt the host.
    private static let sizeLimit: UInt64 = 4 << 30

    private var opened: [String: KeptHostFile] = [:]

    /// A file that is read where it is needed; it is looked up in the host path unless its name is absolute.
    mutating func open(_ path: String, in hostPath: String?) throws(BootError) -> ImageBytes {
        do throws(HostFileError) {
            let file = try file(path, in: hostPath)
            try file.check()
            return ImageBytes(file)
        } catch {
            throw .file(error)
        }
    }

    /// All bytes of a file.
    mutating func read(_ path: String, in hostPath: String?) throws(BootError) -> [UInt8] {
        do throws(HostFileError) { return try file(path, in: hostPath).read() } catch { throw .file(error) }
    }

    private mutating func file(_ path: String, in hostPath: String?) throws(HostFileError) -> KeptHostFile {
        let full = if let hostPath, !path.hasPrefix("/") { "\(hostPath)/\(path)" } else { path }
        if let known = opened[full] { return known }
        let file = try KeptHostFile(full, limit: Self.sizeLimit)
        opened[full] = file
        return file
    }

    /// Throws when a file may have been written to since it was opened.
    func check() throws(BootError) {
        do throws(HostFileError) {
            for file in opened.values { try file.check() }
        } catch {
            throw .file(error)
        }
    }

    /// Why bytes of a file could not be read.
    var problem: HostFileError? { opened.values.lazy.compactMap(\.problem).first }
}

extension KeptHostFile: ImageFile {}
