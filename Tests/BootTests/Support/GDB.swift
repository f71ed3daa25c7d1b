internal import Glibc
internal import HostSupport
internal import Testing

/// gdb-multiarch, run from a script.
enum GDB {
    static let path = "/usr/bin/gdb-multiarch"
    /// Ample on a busy machine; after it the run counts as hanging.
    private static let patience = 60

    // SAFETY: a constant path.
    static var isInstalled: Bool { unsafe access(path, X_OK) == 0 }

    /// Runs the commands on the debugger port, and gives what gdb printed.
    static func run(_ commands: [String], on port: String, symbols: String? = nil) throws -> String {
        var readEnd: Int32 = -1
        var writeEnd: Int32 = -1
        // SAFETY: both are valid for the call.
        let reason = unsafe host_pipe(&readEnd, &writeEnd)
        guard reason == 0 else { throw HostRefusal(call: "pipe", errno: reason) }
        // SAFETY: a constant path.
        let nothing = unsafe open("/dev/null", O_RDONLY | O_CLOEXEC)
        defer {
            close(readEnd)
            close(nothing)
        }
        let setUp = ["set pagination off", "set confirm off", "set width 0", "target remote \(port)"]
        let process = try ChildProcess(
            ["/usr/bin/timeout", "\(patience)", path, "-nx", "-q", "-batch"]
                + (setUp + commands).flatMap { ["-ex", $0] } + (symbols.map { [$0] } ?? []),
            input: nothing, output: writeEnd, errors: writeEnd)
        close(writeEnd)
        var output: [UInt8] = []
        while let piece = HostText.readPiece(readEnd) { output += piece }
        let text = String(decoding: output, as: UTF8.self)
        let ending = process.wait()
        guard ending == .exited(0) else { throw GDBFailure(ending: "\(ending)", output: text) }
        return text
    }

    /// The unikernel with its symbols, which its build leaves beside the products; nil: not found.
    static func unikernel(_ architecture: String) -> String? {
        guard let swvmm = try? Swvmm.executable() else { return nil }
        var parts = swvmm.split(separator: "/", omittingEmptySubsequences: false)
        // Up to the build directory, which holds the plugins' output.
        while parts.count > 1 {
            parts.removeLast()
            let outputs = parts.joined(separator: "/") + "/plugins/outputs"
            for package in HostText.names(in: outputs) {
                let path =
                    "\(outputs)/\(package)/GuestKernel/destination/GuestKernelPlugin/guest-\(architecture).elf"
                // SAFETY: the string lives through the call.
                if unsafe access(path, R_OK) == 0 { return path }
            }
        }
        return nil
    }
}

struct GDBFailure: Error, CustomStringConvertible {
    let ending: String
    let output: String
    var description: String { "gdb: \(ending)\n\(output)" }
}

extension Trait where Self == ConditionTrait {
    /// The test runs gdb.
    static var needsGDB: Self { .enabled(if: GDB.isInstalled, "needs \(GDB.path), of Debian's package gdb-multiarch") }
}

/// A debugger that speaks the protocol itself, for what gdb does not do.
///
/// Threading: one thread.
final class RemoteDebugger {
    private let descriptor: Int32
    private var unread: [UInt8] = []

    /// Connects to the Unix socket at `path`, and turns acknowledgements off.
    init(path: String) throws {
        descriptor = try Loopback.connect(toPath: path)
        try send("QStartNoAckMode")
        guard try receive() == "OK" else { throw HostRefusal(call: "QStartNoAckMode", errno: 0) }
        try HostText.write(Array("+".utf8), to: descriptor)
    }

    deinit { Glibc.close(descriptor) }

    func send(raw bytes: [UInt8]) throws { try HostText.write(bytes, to: descriptor) }

    func send(_ payload: String) throws {
        let sum = payload.utf8.reduce(UInt8(0)) { $0 &+ $1 }
        let digits = String(sum, radix: 16)
        try send(raw: Array("$\(payload)#\(digits.utf8.count == 1 ? "0" : "")\(digits)".utf8))
    }

    /// The next packet's payload; nil: the connection has ended, or nothing came for a minute.
    func receive() throws -> String? {
        while true {
            if let end = unread.firstIndex(of: UInt8(ascii: "#")), unread.count >= end + 3 {
                let start = unread.firstIndex(of: UInt8(ascii: "$")) ?? end
                let payload = String(decoding: unread[start..<end].dropFirst(), as: UTF8.self)
                unread.removeFirst(end + 3)
                return payload
            }
            guard let piece = HostText.readPiece(descriptor) else { return nil }
            unread += piece
        }
    }

    func ask(_ payload: String) throws -> String? {
        try send(payload)
        return try receive()
    }
}
