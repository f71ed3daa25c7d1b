/// The operations, by their numbers. Source: ARM-software/abi-aa, semihosting, "Semihosting operations".
enum SemihostingOperation: UInt32 {
    case open = 0x01
    case close = 0x02
    case writeCharacter = 0x03
    case writeString = 0x04
    case write = 0x05
    case read = 0x06
    case readCharacter = 0x07
    case isError = 0x08
    case isTerminal = 0x09
    case seek = 0x0A
    case length = 0x0C
    case temporaryName = 0x0D
    case remove = 0x0E
    case rename = 0x0F
    case clock = 0x10
    case time = 0x11
    case system = 0x12
    case errno = 0x13
    case commandLine = 0x15
    case heapInformation = 0x16
    case exit = 0x18
    case exitExtended = 0x20
    case elapsed = 0x30
    case tickFrequency = 0x31

    /// How many 64-bit words its parameter block has that are read.
    var parameterCount: Int {
        switch self {
        case .open, .write, .read: 3
        case .seek, .commandLine, .exit, .exitExtended: 2
        case .close, .isError, .isTerminal, .length, .heapInformation: 1
        case .writeCharacter, .writeString, .readCharacter, .temporaryName, .remove, .rename, .clock, .time, .system,
            .errno, .elapsed, .tickFrequency:
            0
        }
    }
}

/// A parameter block, read once. A word that the operation does not have is zero.
struct SemihostingParameters {
    private let words: [UInt64]

    init(_ words: [UInt64]) { self.words = words }

    subscript(index: Int) -> UInt64 { words.indices.contains(index) ? words[index] : 0 }
}

/// What SYS_ERRNO gives: the numbers of Linux.
enum SemihostingErrno: UInt64, Error {
    case none = 0
    case badHandle = 9
    case notPermitted = 13
    case badAddress = 14
    case invalid = 22
    case tooMany = 24
    case nameTooLong = 36
    case notImplemented = 38
}

/// The open handles.
struct SemihostingFiles {
    enum File {
        case input
        case output
        /// `:semihosting-features`, with the position in it.
        case features(Int)

        var isConsole: Bool {
            if case .features = self { return false }
            return true
        }
        var isReadable: Bool {
            if case .output = self { return false }
            return true
        }
        var isWritable: Bool {
            if case .output = self { return true }
            return false
        }
    }

    /// The magic bytes, then SH_EXT_EXIT_EXTENDED and SH_EXT_STDOUT_STDERR.
    static let features = Array("SHFB".utf8) + [0b11]

    private let limit: Int
    /// By handle less 1; nil: closed.
    private var files: [File?] = []

    init(limit: Int) { self.limit = limit }

    /// - Parameter mode: 0 to 3 read, 4 to 7 write, 8 to 11 append: of `:tt` input, output and error output.
    mutating func open(_ name: [UInt8], mode: UInt64) -> Result<UInt64, SemihostingErrno> {
        let file: File
        switch name {
        case Array(":tt".utf8): file = mode < 4 ? .input : .output
        case Array(":semihosting-features".utf8) where mode < 4: file = .features(0)
        default: return .failure(.notPermitted)
        }
        if let free = files.firstIndex(where: { $0 == nil }) {
            files[free] = file
            return .success(UInt64(free) + 1)
        }
        guard files.count < limit else { return .failure(.tooMany) }
        files.append(file)
        return .success(UInt64(files.count))
    }

    func file(_ handle: UInt64) -> Result<File, SemihostingErrno> {
        guard let index = index(handle), let file = files[index] else { return .failure(.badHandle) }
        return .success(file)
    }

    private func index(_ handle: UInt64) -> Int? {
        guard handle >= 1, handle <= UInt64(files.count) else { return nil }
        return Int(handle) - 1
    }

    mutating func close(_ handle: UInt64) -> Result<UInt64, SemihostingErrno> {
        guard let index = index(handle), files[index] != nil else { return .failure(.badHandle) }
        files[index] = nil
        return .success(0)
    }

    mutating func seek(_ handle: UInt64, to position: UInt64) -> Result<UInt64, SemihostingErrno> {
        file(handle).flatMap { file in
            guard let index = index(handle), case .features = file, position <= UInt64(Self.features.count) else {
                return .failure(.invalid)
            }
            files[index] = .features(Int(position))
            return .success(0)
        }
    }

    func length(_ handle: UInt64) -> Result<UInt64, SemihostingErrno> {
        file(handle).flatMap { $0.isConsole ? .failure(.invalid) : .success(UInt64(Self.features.count)) }
    }

    /// The next bytes of the features.
    mutating func readFeatures(_ handle: UInt64, _ size: UInt64) -> [UInt8] {
        guard let index = index(handle), case .features(let position)? = files[index] else { return [] }
        let rest = Self.features.count - position
        let count = size < UInt64(rest) ? Int(size) : rest
        files[index] = .features(position + count)
        return Array(Self.features[position..<position + count])
    }
}
