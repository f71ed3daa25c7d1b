internal import HostIO
internal import VMMCore

/// A file that is persistent memory of a session's machines: opened and locked once, mapped into each of them.
struct SessionPersistentMemory: Sendable {
    let name: String
    let file: PersistentFile
    /// Where its flushes are done.
    let work: any HostWorkQueue

    /// Opens the files of a configuration. The host's failures are told to `say` from then on.
    static func open(
        _ configuration: MachineConfiguration, clock: any Clock, say: @escaping @Sendable (SessionMessage) -> Void
    ) throws(BootError) -> [SessionPersistentMemory] {
        let log = GuestFaultLog(clock: clock, limitPerSecond: 10) { say(SessionMessage(level: .notice, text: $0)) }
        var memories: [SessionPersistentMemory] = []
        for (number, memory) in configuration.persistentMemories.enumerated() {
            let name = memory.id ?? "pmem\(number)"
            let path = memory.path
            let work: any HostWorkQueue
            do throws(HostThreadError) {
                // A run that repeats does one thing after the other.
                work =
                    configuration.repeatability != nil ? WorkInTurn() : try WorkerThreads(name: "\(name)-", count: 1)
            } catch {
                throw .thread(error)
            }
            do throws(DiskError) {
                let file = try PersistentFile(path, memory.isSnapshot ? .snapshot : .readWrite) { failure in
                    log.report("\(name) (\(path)): \(failure.words)")
                }
                memories.append(SessionPersistentMemory(name: name, file: file, work: work))
            } catch {
                throw .persistentMemory(error)
            }
        }
        return memories
    }
}

extension [SessionPersistentMemory] {
    /// Places are multiples of it, so that guests can use pages of any size.
    private static var alignment: UInt64 { 1 << 30 }

    /// The files in a machine's memory, in their order.
    ///
    /// - Parameters:
    ///   - ram: the machine's, ascending: they are behind it.
    ///   - room: the machine's addresses for memory that RAM may share with them.
    func placed(behind ram: [GuestRange], in room: Range<UInt64>) throws(BootError) -> [GuestMemory.MappedFile] {
        var end = Swift.max(room.lowerBound, ram.last?.end.rawValue ?? 0)
        var files: [GuestMemory.MappedFile] = []
        for memory in self {
            let start = (end + Self.alignment - 1) & ~(Self.alignment - 1)
            guard start < room.upperBound, memory.file.size <= room.upperBound - start,
                let range = GuestRange(start: GuestAddress(start), size: memory.file.size)
            else { throw .noRoomForPersistentMemory(name: memory.name, size: memory.file.size) }
            files.append(memory.file.mapped(at: range))
            end = range.end.rawValue
        }
        return files
    }
}
