internal import Glibc
internal import HostSupport

/// A run of the real `swvmm`: what it prints is collected while the test waits for something, and it is killed when
/// the deadline has passed.
///
/// Threading: one thread.
final class Swvmm {
    enum Input {
        /// `/dev/null`: at its end at once.
        case nothing
        /// A pipe with these bytes, closed behind them.
        case text(String)
        /// A pipe that stays open: `send` and `closeInput`.
        case pipe
        /// Standard input and output are a terminal; standard error stays a pipe.
        case terminal
    }

    enum Stream: Int { case output, errors }

    /// Ample on a busy machine. It ends hanging tests, and decides nothing else.
    static let patience = 60
    /// More than any test here prints.
    private static let collectionLimit = 64 << 20

    let process: ChildProcess
    let terminal: PseudoTerminal?
    private let descriptors: [Int32]
    private var collected: [[UInt8]] = [[], []]
    private var isOpen = [true, true]
    /// Up to where `expect` has looked.
    private var seen = [0, 0]
    private var inputDescriptor: Int32?
    private let deadline: Int

    /// - Parameters:
    ///   - launcher: a command that runs swvmm in other surroundings, given before its path.
    init(_ arguments: [String], input: Input = .nothing, launcher: [String] = []) throws {
        deadline = Self.seconds + Self.patience
        let output = try Self.makePipe()
        let errors = try Self.makePipe()
        defer { close(errors.write) }
        var standardInput: Int32
        switch input {
        case .nothing:
            terminal = nil
            standardInput = unsafe open("/dev/null", O_RDONLY | O_CLOEXEC)
        case .text, .pipe:
            terminal = nil
            let pipe = try Self.makePipe()
            standardInput = pipe.read
            inputDescriptor = pipe.write
        case .terminal:
            let terminal = try PseudoTerminal()
            self.terminal = terminal
            standardInput = dup(terminal.user)
            inputDescriptor = dup(terminal.host)
        }
        defer { close(standardInput) }
        if let terminal {
            close(output.read)
            close(output.write)
            descriptors = [dup(terminal.host), errors.read]
        } else {
            descriptors = [output.read, errors.read]
        }
        process = try ChildProcess(
            launcher + [try Self.executable()] + arguments, input: standardInput,
            output: terminal?.user ?? output.write, errors: errors.write)
        if terminal == nil { close(output.write) }
        if case .text(let text) = input {
            // At most what a pipe holds without a reader.
            precondition(text.utf8.count <= 60_000)
            try HostText.write(Array(text.utf8), to: inputDescriptor ?? -1)
            closeInput()
        }
    }

    deinit {
        process.kill()
        closeInput()
        for descriptor in descriptors { close(descriptor) }
    }

    /// The `swvmm` built beside the tests, or what the environment variable SWVMM names.
    static func executable() throws -> String {
        // SAFETY: getenv's string is copied at once; readlink writes at most the buffer.
        if let named = unsafe getenv("SWVMM") { return unsafe String(cString: named) }
        var own = [CChar](repeating: 0, count: 4096)
        let length = unsafe readlink("/proc/self/exe", &own, own.count)
        let bytes = own.prefix(max(0, length)).map { UInt8(bitPattern: $0) }
        let parts = String(decoding: bytes, as: UTF8.self).split(separator: "/", omittingEmptySubsequences: false)
        let path = (parts.dropLast() + ["swvmm"]).joined(separator: "/")
        guard unsafe access(path, X_OK) == 0 else {
            throw HostRefusal(call: "no swvmm at \(path) (run `swift build`, or set SWVMM)", errno: ENOENT)
        }
        return path
    }

    // MARK: - Input

    func send(_ text: String) throws { try HostText.write(Array(text.utf8), to: inputDescriptor ?? -1) }

    func closeInput() {
        if let inputDescriptor { close(inputDescriptor) }
        inputDescriptor = nil
    }

    // MARK: - Output

    func text(_ stream: Stream) -> String { String(decoding: collected[stream.rawValue], as: UTF8.self) }

    /// Waits for `text` behind what was found before, and gives what came before it.
    @discardableResult
    func expect(_ text: String, in stream: Stream = .output) throws -> String {
        let wanted = Array(text.utf8)
        let index = stream.rawValue
        while true {
            if let found = Self.position(of: wanted, in: collected[index], from: seen[index]) {
                defer { seen[index] = found + wanted.count }
                return String(decoding: collected[index][seen[index]..<found], as: UTF8.self)
            }
            guard isOpen[index], isOpen[Stream.errors.rawValue] else {
                throw Disappointment(wanted: "'\(text)'", got: "its end: \(process.wait())", self)
            }
            try pump(wanted: "'\(text)'")
        }
    }

    /// Waits for the process's end.
    ///
    /// - Parameter reading: whether its standard output is read meanwhile.
    func finish(reading: Bool = true) throws -> Ended {
        while isOpen[Stream.errors.rawValue] { try pump(reading: reading, wanted: "the end of the process") }
        let ending = process.wait()
        // A terminal that this test holds open has no end.
        while reading, isOpen[0], terminal == nil || waitReadable([0], milliseconds: 0) {
            try pump(wanted: "the end of the output")
        }
        return Ended(
            ending: ending, output: text(.output), errors: text(.errors), leavesNothing: process.groupIsGone)
    }

    /// Reads what there is, or waits for it.
    private func pump(reading: Bool = true, wanted: String) throws {
        let left = deadline - Self.seconds
        guard left > 0 else {
            process.kill()
            throw Disappointment(wanted: wanted, got: "nothing within \(Self.patience) s", self)
        }
        for index in [0, 1] where isOpen[index] && (reading || index == 1) {
            guard waitReadable([index], milliseconds: 0) else { continue }
            if let piece = HostText.readPiece(descriptors[index]) {
                collected[index] += piece
                guard collected[index].count <= Self.collectionLimit else {
                    throw Disappointment(wanted: wanted, got: "a flood", self)
                }
            } else {
                isOpen[index] = false
            }
            return
        }
        _ = waitReadable([0, 1].filter { isOpen[$0] && (reading || $0 == 1) }, milliseconds: Int32(left * 1000))
    }

    private func waitReadable(_ indices: [Int], milliseconds: Int32) -> Bool {
        var entries = indices.map { pollfd(fd: descriptors[$0], events: Int16(POLLIN), revents: 0) }
        // SAFETY: as many entries as told.
        return unsafe poll(&entries, nfds_t(entries.count), milliseconds) > 0
    }

    private static func position(of wanted: [UInt8], in bytes: [UInt8], from start: Int) -> Int? {
        guard bytes.count - start >= wanted.count else { return nil }
        return (start...(bytes.count - wanted.count)).first { bytes[$0..<($0 + wanted.count)].elementsEqual(wanted) }
    }

    private static func makePipe() throws -> (read: Int32, write: Int32) {
        var readEnd: Int32 = -1
        var writeEnd: Int32 = -1
        // SAFETY: both are valid for the call.
        let reason = unsafe host_pipe(&readEnd, &writeEnd)
        guard reason == 0 else { throw HostRefusal(call: "pipe", errno: reason) }
        return (readEnd, writeEnd)
    }

    private static var seconds: Int {
        var now = timespec()
        unsafe _ = clock_gettime(CLOCK_MONOTONIC, &now)
        return now.tv_sec
    }
}

/// A process that has ended.
struct Ended {
    let ending: ChildProcess.Ending
    let output: String
    let errors: String
    /// No process of its group is left.
    let leavesNothing: Bool
}

/// What a test waited for did not come.
struct Disappointment: Error, CustomStringConvertible {
    let description: String

    init(wanted: String, got: String, _ run: Swvmm) {
        description = """
            wanted \(wanted), got \(got)
            --- standard output
            \(run.text(.output).suffix(3000))
            --- standard error
            \(run.text(.errors).suffix(3000))
            """
    }
}

extension Swvmm {
    /// Runs it to its end.
    static func run(_ arguments: String..., input: Input = .nothing) throws -> Ended {
        try Swvmm(arguments, input: input).finish()
    }

    static func run(_ arguments: [String], input: Input = .nothing, launcher: [String] = []) throws -> Ended {
        try Swvmm(arguments, input: input, launcher: launcher).finish()
    }
}
