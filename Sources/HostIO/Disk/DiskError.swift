package import VMMCore

/// Why a disk image could not be opened.
package struct DiskError: Error, Hashable, Sendable {
    package enum Problem: Hashable, Sendable {
        case cannotOpen(errno: Int32)
        /// It is there, and may be read: `ro` or `snapshot=on` would do.
        case notWritable(errno: Int32)
        case isDirectory
        /// Neither a regular file nor a block device.
        case notADisk
        case empty
        /// Not a whole number of sectors of 512 bytes.
        case notSectorSized(UInt64)
        /// Not a whole number of the pieces that persistent memory is used in.
        case notPersistentMemorySized(UInt64)
        /// Another opening writes it, or this one would write what another one reads.
        case locked
        /// The host has mounted the device, or uses it otherwise.
        case deviceInUse
        case cannotLock(errno: Int32)
        /// The host gave no memory for what a snapshot's guest writes.
        case noOverlay(errno: Int32)
        case noThread(errno: Int32)
        /// Past the page cache was asked for.
        case noDirect(errno: Int32)
        /// Of a server's disk.
        case export(NBDProblem)
        /// io_uring was asked for.
        case noRing(errno: Int32)
    }

    /// Of the image, or the URI of a server's disk.
    package let path: String
    package let problem: Problem

    package init(path: String, problem: Problem) {
        self.path = path
        self.problem = problem
    }
}

/// A request of a guest that the host could not carry out: the guest gets an I/O error.
package struct DiskFailure: Error, Hashable, Sendable {
    package let operation: BlockOperation
    /// In bytes.
    package let offset: UInt64
    package let length: UInt64
    package let reason: FileTransferError
}
