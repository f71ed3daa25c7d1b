internal import Synchronization
internal import VMMCore

/// What a guest writes to a snapshot: kept in memory, in clusters, on top of an image that stays as it is.
///
/// Clusters live in a file in memory at their own positions, so that all transfers are between a file and guest memory. A
/// cluster is taken over from the image when a part of it is first written. One request at a time. Threading: any thread.
final class DiskOverlay: Sendable {
    /// Large enough that the map of a terabyte is 2 MiB; a write of less copies so much, once.
    static let clusterSize: UInt64 = 64 << 10

    private let base: DiskFile
    private let top: DiskFile
    /// A bit for each cluster that the overlay has.
    private let map: Mutex<[UInt64]>

    init(over base: DiskFile, path: String) throws(DiskError) {
        self.base = base
        top = try DiskFile(inMemory: base.size, path: path)
        let clusters = (base.size + Self.clusterSize - 1) / Self.clusterSize
        map = Mutex([UInt64](repeating: 0, count: Int((clusters + 63) / 64)))
    }

    func transfer(
        _ direction: FileTransfer, at offset: UInt64, _ buffers: [GuestBuffer], range: Range<UInt64>,
        memory: GuestMemory
    ) throws(FileTransferError) {
        try map.withLock { map throws(FileTransferError) in
            // Runs of clusters in the same file go together.
            for run in runs(offset..<offset + range.length, map, asOne: direction == .write) {
                if direction == .write { try takeOver(run.range, &map) }
                let from = range.lowerBound + (run.range.lowerBound - offset)
                let file = direction == .write || run.isOnTop ? top : base
                try file.transfer(
                    direction, at: run.range.lowerBound, buffers, range: from..<from + run.range.length,
                    memory: memory)
            }
        }
    }

    func writeZeroes(_ range: Range<UInt64>) throws(FileTransferError) {
        try map.withLock { map throws(FileTransferError) in
            try takeOver(range, &map)
            try top.writeZeroes(range, mayUnmap: true)
        }
    }

    private struct Run {
        var range: Range<UInt64>
        var isOnTop: Bool
    }

    /// `range` in pieces that lie in one of the files each; `asOne`: in one piece.
    private func runs(_ range: Range<UInt64>, _ map: [UInt64], asOne: Bool) -> [Run] {
        if asOne { return [Run(range: range, isOnTop: true)] }
        var runs: [Run] = []
        var position = range.lowerBound
        while position < range.upperBound {
            let cluster = position / Self.clusterSize
            let end = min((cluster + 1) * Self.clusterSize, range.upperBound)
            let isOnTop = has(cluster, map)
            if let last = runs.indices.last, runs[last].isOnTop == isOnTop {
                runs[last].range = runs[last].range.lowerBound..<end
            } else {
                runs.append(Run(range: position..<end, isOnTop: isOnTop))
            }
            position = end
        }
        return runs
    }

    private func has(_ cluster: UInt64, _ map: [UInt64]) -> Bool {
        map[Int(cluster / 64)] >> (cluster % 64) & 1 == 1
    }

    /// Makes the clusters of a range that is about to be written the overlay's. What the write covers is not copied.
    private func takeOver(_ range: Range<UInt64>, _ map: inout [UInt64]) throws(FileTransferError) {
        var position = range.lowerBound
        while position < range.upperBound {
            let cluster = position / Self.clusterSize
            let start = cluster * Self.clusterSize
            let end = min(start + Self.clusterSize, base.size)
            if !has(cluster, map) {
                if range.lowerBound > start || range.upperBound < end { try top.copy(start..<end, from: base) }
                map[Int(cluster / 64)] |= 1 << (cluster % 64)
            }
            position = end
        }
    }
}
