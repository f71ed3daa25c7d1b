internal import Glibc
internal import Testing

/// A program of the host that a test uses as its judge.
enum HostTool {
    static let deviceTreeCompiler = "/usr/bin/dtc"
    static let acpiCompiler = "/usr/bin/iasl"
    static let smbiosDecoder = "/usr/sbin/dmidecode"

    /// dt-schema, where `scripts/install-dependencies test` puts it: below the build directory that holds this test.
    static let deviceTreeSchema: String? = {
        guard let executable = try? Swvmm.executable(), let end = executable.firstRange(of: "/.build/") else {
            return nil
        }
        let path = executable[..<end.upperBound] + "dtschema/bin/dt-validate"
        return isThere(String(path)) ? String(path) : nil
    }()

    static func isThere(_ path: String) -> Bool {
        // SAFETY: the path is a terminated copy for the length of the call.
        unsafe access(path, X_OK) == 0
    }

    /// Runs it to its end; what it prints, on both streams, is in the result.
    static func run(_ arguments: [String], in directory: TemporaryDirectory) throws -> (
        code: ChildProcess.Ending, text: String
    ) {
        let path = try directory.file("tool-output", [])
        // SAFETY: constant and terminated paths for the length of the calls.
        let output = unsafe open(path, O_WRONLY | O_CLOEXEC)
        let input = unsafe open("/dev/null", O_RDONLY | O_CLOEXEC)
        defer {
            close(output)
            close(input)
        }
        let process = try ChildProcess(arguments, input: input, output: output, errors: output)
        let ending = process.wait()
        return (ending, try HostText.read(path))
    }
}
