import ARM64Vector
import Glibc

/// `qemu-aarch64-static -cpu cortex-a57` executing single instructions by `Runner/runner.S`: Armv8.0-A with AES, SHA, CRC32.
struct Oracle: Sendable {
    /// One set of register values.
    struct Operands: Sendable {
        var x0: UInt64 = 0
        var x1: UInt64 = 0
        var x2: UInt64 = 0
        /// N in bit 3.
        var nzcv: UInt8 = 0
        var v0 = Vector128.zero
        var v1 = Vector128.zero
        var v2 = Vector128.zero
        var v3 = Vector128.zero
    }

    /// What an instruction left.
    struct Outcome: Equatable, Sendable {
        var v2: Vector128
        var x2: UInt64
        var fpsr: UInt32
        var nzcv: UInt8
        var isUndefined = false
    }

    let directory: String

    /// The runner assembled and linked, or nil with the tools missing.
    static let shared = Oracle()
    static let missing = "needs qemu-aarch64-static (package qemu-user-static), clang and ld.lld"

    private init?() {
        let source = #filePath.prefix(upTo: #filePath.lastIndex(of: "/") ?? #filePath.endIndex) + "/Runner/runner.S"
        guard Self.shell("command -v qemu-aarch64-static clang ld.lld >/dev/null") else { return nil }
        guard let directory = Self.makeDirectory() else { return nil }
        self.directory = directory
        atexit { Oracle.shared?.removeDirectory() }
        guard
            Self.shell(
                "clang --target=aarch64-unknown-linux-gnu -c '\(source)' -o \(directory)/runner.o "
                    + "&& ld.lld -o \(directory)/runner \(directory)/runner.o")
        else { return nil }
    }

    private static func makeDirectory() -> String? {
        var template = Array("/tmp/swvmm-vector-oracle.XXXXXX".utf8CString)
        // SAFETY: the array is the zero-terminated template that mkdtemp() fills in place; the string is a copy.
        guard unsafe mkdtemp(&template) != nil else { return nil }
        return String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    private func removeDirectory() { _ = Self.shell("rm -rf \(directory)") }

    private static func shell(_ command: String) -> Bool {
        // SAFETY: system() reads the string during the call only.
        unsafe system(command) == 0
    }

    /// Outcomes by word, then control, then operands. At most 100,000 words. `name` keeps parallel tests apart.
    func run(
        _ words: [UInt32], controls: [FPCR], operands: [Operands], name: String
    ) throws(OracleError) -> [Outcome] {
        var input: [UInt8] = []
        input.reserveCapacity(words.count * 4 + operands.count * 96 + 64)
        func append<T: FixedWidthInteger>(_ value: T) {
            for shift in stride(from: 0, to: T.bitWidth, by: 8) {
                input.append(UInt8(truncatingIfNeeded: value >> T(shift)))
            }
        }
        append(UInt32(words.count))
        append(UInt32(controls.count))
        append(UInt32(operands.count))
        append(0 as UInt32)
        for word in words { append(word) }
        if words.count % 2 == 1 { append(0 as UInt32) }
        for control in controls { append(UInt64(control.rawValue)) }
        for operand in operands {
            for value in [operand.x0, operand.x1, operand.x2, UInt64(operand.nzcv) << 28] { append(value) }
            for vector in [operand.v0, operand.v1, operand.v2, operand.v3] {
                append(vector.low)
                append(vector.high)
            }
        }
        let inputPath = "\(directory)/\(name).in"
        let outputPath = "\(directory)/\(name).out"
        defer {
            // SAFETY: unlink() reads the paths during the call only.
            unsafe unlink(inputPath)
            unsafe unlink(outputPath)
        }
        try Self.write(input, to: inputPath)
        guard
            Self.shell("qemu-aarch64-static -cpu cortex-a57 \(directory)/runner <\(inputPath) >\(outputPath)")
        else { throw .runnerFailed }
        let output = try Self.read(outputPath)
        let count = words.count * controls.count * operands.count
        guard output.count == count * 32 else { throw .shortOutput(output.count, expected: count * 32) }
        return (0..<count).map { Self.outcome(output, at: $0 * 32) }
    }

    private static func outcome(_ bytes: [UInt8], at offset: Int) -> Outcome {
        func load(_ position: Int, _ count: Int) -> UInt64 {
            (0..<count).reduce(0) { $0 | UInt64(bytes[offset + position + $1]) << UInt64(8 * $1) }
        }
        let flags = load(28, 4)
        return Outcome(
            v2: Vector128(low: load(0, 8), high: load(8, 8)), x2: load(16, 8),
            fpsr: UInt32(truncatingIfNeeded: load(24, 4)), nzcv: UInt8(flags >> 28), isUndefined: flags & 1 != 0)
    }

    private static func write(_ bytes: [UInt8], to path: String) throws(OracleError) {
        // SAFETY: open() reads the path, write() the array's bytes, both during the call.
        let file = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        guard file >= 0 else { throw .file(errno) }
        defer { close(file) }
        var done = 0
        while done < bytes.count {
            let count = unsafe bytes[done...].withUnsafeBytes { unsafe Glibc.write(file, $0.baseAddress, $0.count) }
            guard count > 0 else { throw .file(errno) }
            done += count
        }
    }

    private static func read(_ path: String) throws(OracleError) -> [UInt8] {
        // SAFETY: open() reads the path during the call.
        let file = unsafe open(path, O_RDONLY)
        guard file >= 0 else { throw .file(errno) }
        defer { close(file) }
        let size = Int(lseek(file, 0, SEEK_END))
        lseek(file, 0, SEEK_SET)
        // SAFETY: read() fills at most the buffer's bytes, and what it returns is initialized.
        return unsafe [UInt8](unsafeUninitializedCapacity: max(size, 0)) { buffer, count in
            while count < buffer.count {
                let got = unsafe Glibc.read(file, buffer.baseAddress.map { unsafe $0 + count }, buffer.count - count)
                if got <= 0 { break }
                count += got
            }
        }
    }
}

enum OracleError: Error {
    case file(Int32)
    case runnerFailed
    case shortOutput(Int, expected: Int)
}
