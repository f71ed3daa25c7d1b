import Glibc

/// A program of the toolchain, run to its end. Its messages go to this process's standard error, as they are.
struct Tool {
    let path: String

    /// Runs the tool; `input`, when given, is its standard input and the result its standard output.
    @discardableResult
    func run(_ arguments: [String], inputFile: String? = nil, outputFile: String? = nil) throws(BuilderError) -> [UInt8]
    {
        let words = [path] + arguments
        // SAFETY: the actions live in this frame; strdup'ed words are freed below, after the spawn.
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe _ = posix_spawn_file_actions_destroy(&actions) }
        if let inputFile {
            unsafe _ = posix_spawn_file_actions_addopen(&actions, 0, inputFile, O_RDONLY, 0)
        }
        if let outputFile {
            unsafe _ = posix_spawn_file_actions_addopen(&actions, 1, outputFile, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
        }
        var argv = unsafe words.map { unsafe strdup($0) } + [nil]
        defer { unsafe argv.forEach { unsafe free($0) } }
        var pid: pid_t = 0
        let failure = unsafe posix_spawn(&pid, path, &actions, nil, &argv, environ)
        guard failure == 0 else { throw .system(call: "posix_spawn", path: path, errno: failure) }
        var status: Int32 = 0
        // SAFETY: waits for the child made above.
        while unsafe waitpid(pid, &status, 0) < 0 && errno == EINTR {}
        guard status == 0 else { throw .toolFailed(name: path, status: status) }
        return try outputFile.map { path throws(BuilderError) in try Files.read(path) } ?? []
    }
}
