internal import Glibc
internal import Testing

/// `swvmm test`, through the executables, with the arm64 unikernel on the software CPU: nothing of the host is needed.
@Suite struct SuiteCommandTests {
    private static let defaults = "defaults: {arch: arm64, accel: software, memory: 32M, timeout: 60}\n"
    private static let passing = "- name: good\n  steps: [{expect: 'unikernel> '}, {send: poweroff}]\n"

    private func suite(_ cases: String, in directory: TemporaryDirectory) throws -> String {
        try directory.file("suite.yaml", Array((Self.defaults + "cases:\n" + cases).utf8))
    }

    /// What another program says of a file; its exit code.
    private func check(_ command: String...) throws -> ChildProcess.Ending {
        let null = unsafe open("/dev/null", O_RDWR | O_CLOEXEC)
        defer { close(null) }
        return try ChildProcess(command, input: null, output: null, errors: null).wait()
    }

    @Test("a case that passes gives 0, and logs, timeline, JUnit and JSON that others read")
    func passes() throws {
        let directory = try TemporaryDirectory()
        let path = try suite(Self.passing, in: directory)
        let ended = try Swvmm.run("test", path, "--output", directory.path)
        #expect(ended.ending == .exited(0), "\(ended.output)\(ended.errors)")
        #expect(ended.output.contains("1/1 ok    good"))
        #expect(ended.output.contains("1 passed in"))
        #expect(ended.leavesNothing)
        #expect(
            Set(directory.names) == [
                "suite.yaml", "good.console.log", "good.swvmm.log", "good.timeline.html", "junit.xml", "results.json",
            ])
        #expect(try HostText.read("\(directory.path)/good.console.log").contains("unikernel arm64, 1 CPU, 32 MiB"))
        #expect(try check("/usr/bin/xmllint", "--noout", "\(directory.path)/junit.xml") == .exited(0))
        #expect(try check("/usr/bin/python3", "-m", "json.tool", "\(directory.path)/results.json") == .exited(0))
    }

    @Test("a step that waits in vain gives 1, the step with its place, the console and the vCPU's state")
    func fails() throws {
        let directory = try TemporaryDirectory()
        let path = try suite(
            "- name: \"bad <&> \\e[1m\"\n  steps:\n  - expect: 'unikernel> '\n  - send: echo \"\\e[31m\" <&>\n"
                .replacing("\"bad <&> \\e[1m\"", with: "'bad <&>'")
                + "  - {expect: 'never (\\d+)', timeout: 0.5}\n" + Self.passing, in: directory)
        let ended = try Swvmm.run("test", path, "--output", directory.path)
        #expect(ended.ending == .exited(1), "\(ended.errors)")
        for part in [
            "FAIL  bad <&>", "no 'never (\\d+)' (step 3) within the step's 0.5 s", "suite.yaml:7:14", "  | unikernel>",
            "swvmm boot ended with exit code 131", "vCPU 0 after", "pc =", "code:", "1 passed, 1 failed",
        ] {
            #expect(ended.output.contains(part), "no '\(part)' in \(ended.output)")
        }
        #expect(try check("/usr/bin/xmllint", "--noout", "\(directory.path)/junit.xml") == .exited(0))
        let junit = try HostText.read("\(directory.path)/junit.xml")
        #expect(junit.contains("tests=\"2\" failures=\"1\""))
        #expect(junit.contains("<failure message=\"no 'never (\\d+)'"))
        #expect(junit.contains("name=\"bad &lt;&amp;&gt;\""))
        guard case .object(let members) = try JSONText.parse(try HostText.read("\(directory.path)/results.json")) else {
            Issue.record("no object")
            return
        }
        #expect(members["failed"] == .word("1"))
    }

    @Test("control characters of a console are no obstacle for readers of the reports")
    func controlCharacters() throws {
        let directory = try TemporaryDirectory()
        let path = try suite(
            "- name: x\n  environment: {odd: \"\\e[31m\\u0007 ]]> \\uFFFE <é>\"}\n"
                + "  steps: [{expect: '> '}, {send: env odd}, {expect: never, timeout: 1}]\n", in: directory)
        #expect(try Swvmm.run("test", path, "--output", directory.path).ending == .exited(1))
        #expect(try check("/usr/bin/xmllint", "--noout", "\(directory.path)/junit.xml") == .exited(0))
        _ = try JSONText.parse(try HostText.read("\(directory.path)/results.json"))
    }

    @Test(
        "ends that are not what was wanted",
        arguments: [
            ("steps: [{expect: '> '}, {send: poweroff}]\n  exit: 3", "ended with exit code 0, wanted was 3"),
            ("steps: [{expect: '> '}, {send: panic}]", "ended with exit code 3, wanted was 0"),
            ("steps: [{expect: '> '}, {send: poweroff}, {expect: never}]", "exit code 0 before 'never' (step 3) came"),
            ("timeout: 1\n  steps: [{expect: never}]", "no 'never' (step 1) when the case's 1 s had passed"),
            ("timeout: 2\n  steps: [{expect: '> '}]", "the guest ran on until the case's 2 s had passed"),
            ("reject: 'unikernel arm\\d+'\n  steps: [{expect: never}]", "which 'unikernel arm\\d+' rejects"),
            ("args: [--no-such-option]", "ended with exit code 2, wanted was 0"),
        ])
    func wrongEnds(lines: String, words: String) throws {
        let directory = try TemporaryDirectory()
        let ended = try Swvmm.run("test", try suite("- name: x\n  \(lines)\n", in: directory))
        #expect(ended.ending == .exited(1), "\(ended.errors)")
        #expect(ended.output.contains(words), "no '\(words)' in \(ended.output)")
        #expect(ended.leavesNothing)
    }

    @Test("a panic, a timeout and a stop by the runner can be what is wanted")
    func wantedEnds() throws {
        let directory = try TemporaryDirectory()
        let path = try suite(
            "- name: panic\n  steps: [{expect: '> '}, {send: panic}]\n  exit: 3\n"
                + "- name: timeout\n  timeout: 2\n  steps: [{expect: '> '}]\n  exit: 124\n"
                + "- name: stop\n  steps: [{expect: 'unikernel> '}]\n  exit: stop\n", in: directory)
        let ended = try Swvmm.run("test", path)
        #expect(ended.ending == .exited(0), "\(ended.output)")
        #expect(ended.output.contains("3 passed in"))
    }

    @Test("a case that cannot run here is skipped with the reason, and fails under --no-skip")
    func skipped() throws {
        let directory = try TemporaryDirectory()
        let path = try suite(
            "- name: foreign\n  arch: x86_64\n- name: absent\n  needs: {files: no-such, hint: fetch it}\n"
                + "- name: told\n  skip: later\n", in: directory)
        let ended = try Swvmm.run("test", path)
        #expect(ended.ending == .exited(0), "\(ended.output)")
        #expect(ended.output.contains("skip  foreign: the software CPU executes no x86_64 guests"))
        #expect(ended.output.contains("no-such is not there: fetch it"))
        #expect(ended.output.contains("skip  told: later"))
        #expect(ended.output.contains("0 passed, 3 skipped"))
        let strict = try Swvmm.run("test", path, "--no-skip")
        #expect(strict.ending == .exited(1))
        #expect(strict.output.contains("0 passed, 2 failed, 1 skipped"))
    }

    @Test("--list, --filter, --repeat, --shuffle")
    func selection() throws {
        let directory = try TemporaryDirectory()
        let path = try suite(Self.passing + "- name: other\n  matrix: {cpus: [1, 2]}\n", in: directory)
        let list = try Swvmm.run("test", path, "--list")
        #expect(list.output == "good\nother[cpus=1]\nother[cpus=2]\n")
        #expect(try Swvmm.run("test", path, "--list", "--filter", "cpus=2").output == "other[cpus=2]\n")
        let repeated = try Swvmm.run("test", path, "--filter", "good", "--repeat", "3", "--shuffle")
        #expect(repeated.ending == .exited(0))
        #expect(repeated.output.contains("shuffled: --shuffle="))
        for part in ["good (1/3)", "good (2/3)", "good (3/3)", "3 passed"] { #expect(repeated.output.contains(part)) }
        let first = try Swvmm.run("test", path, "--list", "--shuffle=7")
        #expect(try Swvmm.run("test", path, "--list", "--shuffle=7").output == first.output)
        #expect(try Swvmm.run("test", path, "--filter", "good", "--shuffle=7").output.contains("--shuffle=7 repeats"))
    }

    @Test("--fail-fast begins nothing after a failure")
    func failFast() throws {
        let directory = try TemporaryDirectory()
        let path = try suite("- name: bad\n  args: [--no-such-option]\n" + Self.passing, in: directory)
        let ended = try Swvmm.run("test", path, "--fail-fast", "--jobs", "1")
        #expect(ended.ending == .exited(1))
        #expect(ended.output.contains("skip  good: not begun"))
    }

    @Test("--retries: a case that fails once passes, and it is told; one that fails each time fails")
    func retries() throws {
        let directory = try TemporaryDirectory()
        let path = try suite(Self.passing, in: directory)
        // Fails as often as there are marks to take away.
        let program = try directory.file(
            "swvmm",
            Array(
                "#!/bin/sh\nrm '\(directory.path)/mark' 2> /dev/null && exit 9\nexec '\(try Swvmm.executable())' \"$@\"\n"
                    .utf8))
        #expect(unsafe chmod(program, 0o755) == 0)
        _ = try directory.file("mark", [])
        let flaky = try Swvmm.run(
            "test", path, "--swvmm", program, "--retries", "2", "--json", "\(directory.path)/json")
        #expect(flaky.ending == .exited(0), "\(flaky.output)")
        for part in ["again FAIL  good", "1/1 ok    good", ", on try 2)", "1 passed (1 of them not on the first try)"] {
            #expect(flaky.output.contains(part), "no '\(part)' in \(flaky.output)")
        }
        #expect(try HostText.read("\(directory.path)/json").contains("\"flaky\": 1"))
        let bad = try suite("- name: bad\n  args: [--no-such-option]\n", in: directory)
        let failed = try Swvmm.run("test", bad, "--retries", "2")
        #expect(failed.ending == .exited(1))
        #expect(failed.output.split(separator: "\n").count { $0.contains("FAIL  bad") } == 3, "\(failed.output)")
        #expect(failed.output.contains("0 passed, 1 failed in"))
    }

    @Test(
        "mistakes give 2, and one line with the place",
        arguments: [
            ("- name: a\n  cpuz: 2\n", "suite.yaml:4:3: unknown key 'cpuz' in a case, did you mean 'cpus'?"),
            ("- name: a\n  cmdline: ${x}\n", "suite.yaml:4:12: no variable 'x'; --define x=VALUE gives it one"),
            ("- name: a\n  image: none\n", "suite.yaml:4:10: image: there is no /"),
            ("- name: a\n  steps: [{expect: '('}]\n", "suite.yaml:4:20: '(' is not a regular expression"),
            ("- name: [\n", "suite.yaml:4:1: while parsing"),
        ])
    func mistakes(cases: String, words: String) throws {
        let directory = try TemporaryDirectory()
        let ended = try Swvmm.run("test", try suite(cases + Self.passing, in: directory))
        #expect(ended.ending == .exited(2))
        #expect(ended.output == "")
        #expect(ended.errors.contains(words), "no '\(words)' in \(ended.errors)")
        #expect(ended.errors.split(separator: "\n").count == 1)
    }

    @Test("usage errors give 2, and --help is swvmm test's own")
    func usage() throws {
        let directory = try TemporaryDirectory()
        let path = try suite(Self.passing, in: directory)
        #expect(try Swvmm.run("test").ending == .exited(2))
        #expect(
            try Swvmm.run("test", "/no/such").errors
                == "swvmm: error: /no/such: cannot be opened: No such file or directory\n")
        for arguments in [
            ["--jobs", "0"], ["--repeat", "0"], ["--retries", "-1"], ["--shuffle=x"], ["--define", "x"],
            ["--filter", "("],
            ["--filter", "nothing"], ["--output", "/dev/null/x"], ["--junit", "/no/such/x"], ["--no-such"],
            ["--swvmm", "/no/such"],
        ] {
            #expect(try Swvmm.run(["test", path] + arguments).ending == .exited(2), "\(arguments)")
        }
        let help = try Swvmm.run("test", "--help")
        #expect(help.ending == .exited(0))
        #expect(help.output.contains("USAGE: swvmm test"))
        #expect(help.output.contains("--no-skip"))
    }

    /// A guest that never ends, one that does, and more that never end.
    private static let endless =
        "- name: first\n  steps: [{expect: never}]\n" + passing
        + "- name: more\n  matrix: {cpus: [1, 2]}\n  steps: [{expect: never}]\n"

    @Test("INT and TERM end every guest, and the reports are written", arguments: [SIGINT, SIGTERM])
    func interrupted(signal: Int32) throws {
        let directory = try TemporaryDirectory()
        let path = try suite(Self.endless, in: directory)
        let run = try Swvmm(["test", path, "--jobs", "2", "--output", directory.path])
        // The first one runs since before that.
        try run.expect("ok    good")
        run.process.send(signal)
        let ended = try run.finish()
        #expect(ended.ending == .exited(128 + signal))
        #expect(ended.output.contains("FAIL  first") && ended.output.contains("interrupted"))
        #expect(ended.output.contains("skip  more[cpus=2]: not begun"))
        #expect(try check("/usr/bin/xmllint", "--noout", "\(directory.path)/junit.xml") == .exited(0))
        #expect(try check("/usr/bin/pgrep", "-f", "timeline=\(directory.path)") == .exited(1))
    }

    @Test("killed outright, it leaves no guest behind")
    func killed() throws {
        let directory = try TemporaryDirectory()
        let path = try suite(Self.endless, in: directory)
        let run = try Swvmm(["test", path, "--jobs", "2", "--output", directory.path])
        try run.expect("ok    good")
        #expect(try check("/usr/bin/pgrep", "-f", "timeline=\(directory.path)") == .exited(0))
        run.process.send(SIGKILL)
        #expect(run.process.wait() == .signaled(SIGKILL))
        // The kernel kills them; that takes a moment.
        for _ in 0..<2_000 {
            if try check("/usr/bin/pgrep", "-f", "timeline=\(directory.path)") == .exited(1) { return }
        }
        Issue.record("a guest lives on")
    }

    @Test("on a terminal, running cases have a line each that is rewritten")
    func terminal() throws {
        let directory = try TemporaryDirectory()
        let path = try suite(Self.passing, in: directory)
        let run = try Swvmm(["test", path], input: .terminal)
        let ended = try run.finish()
        #expect(ended.ending == .exited(0))
        #expect(ended.output.contains("1/1 ok    good"))
    }

    @Test("SIGQUIT ends `swvmm boot` with the report of a timeout, and exit code 131")
    func quitReport() throws {
        let run = try Swvmm(["boot", "--arch", "arm64", "--timeout", "60"], input: .pipe)
        try run.expect("unikernel> ")
        run.process.send(SIGQUIT)
        let ended = try run.finish()
        #expect(ended.ending == .exited(128 + SIGQUIT))
        for part in ["vCPU 0 after", "code:", "last console lines:", "ended by signal 3"] {
            #expect(ended.errors.contains(part), "no '\(part)' in \(ended.errors)")
        }
    }
}
