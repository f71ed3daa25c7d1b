internal import HostIO

extension DiskArgumentError {
    var words: String {
        switch self {
        case .noPath(let argument): "--disk '\(argument)': a path is wanted first"
        case .unknownKey(let argument, let key):
            "--disk \(argument): '\(key)' is none of ro, snapshot=on, serial=TEXT, id=NAME, aio=auto|io_uring|threads, direct=on|off, \(RateLimitSettings.words); a comma in the path is written twice"
        case .repeatedKey(let argument, let key): "--disk \(argument): '\(key)' is there twice"
        case .badValue(let argument, let key, let wanted): "--disk \(argument): \(key): \(wanted)"
        case .badLimit(let argument, let error): "--disk \(argument): \(error.words)"
        case .readOnlySnapshot(let argument):
            "--disk \(argument): ro or snapshot=on: with a snapshot the guest can write"
        case .ringSnapshot(let argument):
            "--disk \(argument): aio=io_uring or snapshot=on: threads do the work of a snapshot"
        case .notOfServers(let argument, "snapshot"):
            "--disk \(argument): snapshot is for images: a server makes one by itself (qemu-nbd --snapshot, nbdkit --filter=cow)"
        case .notOfServers(let argument, let key): "--disk \(argument): \(key) is for images, not for a server's disks"
        case .repeatedID(let name): "--disk: two disks are called '\(name)'"
        }
    }
}

extension DiskError {
    /// One line with what would help.
    var words: String {
        switch problem {
        case .cannotOpen(let code): "\(path): cannot be opened: \(HostFacts.describe(errno: code))"
        case .notWritable(let code):
            "\(path): cannot be opened for writing: \(HostFacts.describe(errno: code)); add ,ro or ,snapshot=on"
        case .isDirectory: "\(path): is a directory, a disk image is wanted"
        case .notADisk: "\(path): neither a regular file nor a block device"
        case .empty: "\(path): is empty; a disk needs at least a sector: truncate -s SIZE \(path)"
        case .notSectorSized(let size):
            "\(path): \(size) bytes, which is not a multiple of 512; truncate -s %512 \(path) fills it up"
        case .notPersistentMemorySized(let size):
            "\(path): \(size) bytes, but persistent memory is a multiple of 2 MiB; truncate -s %2M \(path) fills it up"
        case .locked:
            "\(path): is in use by another program (another swvmm?); a disk has one writer, or readers (,ro or ,snapshot=on) only"
        case .deviceInUse: "\(path): the host uses it itself: is it mounted?"
        case .cannotLock(let code):
            "\(path): cannot be locked: \(HostFacts.describe(errno: code)); use a file system with locks"
        case .noOverlay(let code):
            "\(path): snapshot=on: the host gave no memory: \(HostFacts.describe(errno: code))"
        case .noRing(let code):
            "\(path): aio=io_uring: the host refuses io_uring: \(HostFacts.describe(errno: code)); leave it out, or say aio=threads"
        case .noDirect(let code):
            "\(path): direct=on: its file system refuses direct I/O: \(HostFacts.describe(errno: code)); say direct=off"
        case .export(let problem): "\(path): \(problem.words)"
        case .noThread(let code): "\(path): no thread: \(HostFacts.describe(errno: code))"
        }
    }
}

extension NBDProblem {
    fileprivate var words: String {
        switch self {
        case .noProgram(let program, let code):
            "\(program) cannot be started: \(HostFacts.describe(errno: code)); disks of servers need it beside swvmm"
        case .programFailed(let program): "\(program) has ended at its start"
        case .hostRefused(let code): HostFacts.describe(errno: code)
        case .refused(let words): words
        case .noAnswer: "the server does not answer"
        case .notWritable: "the server's disk cannot be written; add ,ro"
        case .empty: "the server's disk is empty"
        case .notSectorSized(let size): "the server's disk has \(size) bytes, which is not a multiple of 512"
        case .blocksTooLarge(let size):
            "the server takes only requests of whole blocks of \(size) bytes; 4096 is the most"
        case .notRepeatable: "a server answers when it likes: no part of a --deterministic run"
        }
    }
}
