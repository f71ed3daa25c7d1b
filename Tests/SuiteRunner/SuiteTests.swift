internal import Testing
internal import YAML

@testable internal import SuiteRunner

@Suite struct SuiteTests {
    @Test("a case becomes the options of `swvmm boot`")
    func arguments() throws {
        let testCase = try Suites.one(
            "arch: arm64", "accel: software", "cpus: 2", "memory: 512M", "cmdline: console=ttyAMA0 quiet",
            "console: serial", "environment: {b: 2, a: '-x'}", "args: [--no-reboot]", "timeout: 7.5", "exit: 3")
        #expect(
            testCase.arguments == [
                "--arch=arm64", "--accel=software", "--cpus=2", "--memory=512M", "--cmdline=console=ttyAMA0 quiet",
                "--console=serial", "--env=b=2", "--env=a=-x", "--no-reboot",
            ])
        #expect(testCase.timeout == 7.5)
        #expect(testCase.ending == .exit(3))
        #expect(testCase.memorySize == 512 << 20)
        #expect(testCase.cpuCount == 2)
    }

    @Test("cpus takes what --cpus does; the cores that a case wants are the number before the first comma")
    func topology() throws {
        let testCase = try Suites.one("cpus: '4,sockets=2'")
        #expect(testCase.arguments == ["--cpus=4,sockets=2"] && testCase.cpuCount == 4)
    }

    @Test("what a case leaves out comes from the defaults, and else from `swvmm boot` itself")
    func defaults() throws {
        let suite = try Suites.read(
            "defaults: {memory: 64M, cpus: 2, steps: [send: x]}\ncases:\n- {name: a, cpus: 4}\n- {name: b, steps: []}\n"
        )
        #expect(suite.cases.map(\.arguments) == [["--cpus=4", "--memory=64M"], ["--cpus=2", "--memory=64M"]])
        #expect(suite.cases.map(\.steps.count) == [1, 0])
        #expect(try Suites.one().arguments == [])
    }

    @Test("a matrix multiplies out, the last key fastest, and its values are variables")
    func matrix() throws {
        let suite = try Suites.read(
            """
            cases:
            - name: m
              matrix: {arch: [x86_64, arm64], cpus: [1, 2], word: [hello]}
              steps: [send: '${word} ${cpus}']
            """)
        #expect(
            suite.cases.map(\.name) == [
                "m[arch=x86_64,cpus=1,word=hello]", "m[arch=x86_64,cpus=2,word=hello]",
                "m[arch=arm64,cpus=1,word=hello]", "m[arch=arm64,cpus=2,word=hello]",
            ])
        #expect(suite.cases[3].arguments == ["--arch=arm64", "--cpus=2"])
        guard case .send(let line) = suite.cases[1].steps[0].action else {
            Issue.record("no send")
            return
        }
        #expect(line.text == "hello 2")
    }

    @Test("exclude takes combinations out; a name with variables stays as it is")
    func exclude() throws {
        let suite = try Suites.read(
            """
            cases:
            - name: ${arch} with ${cpus}
              matrix: {arch: [x86_64, arm64], cpus: [1, 2, 4]}
              exclude: [{arch: x86_64, cpus: [2, 4]}, {cpus: 4}]
            """)
        #expect(suite.cases.map(\.name) == ["x86_64 with 1", "arm64 with 1", "arm64 with 2"])
    }

    @Test("variables: the suite's, replaced by definitions, the environment's, and $${ for a plain ${")
    func variables() throws {
        let text = """
            variables: {dir: images, file: '${dir}/Image'}
            cases:
            - name: a
              cmdline: '${file} ${env:HOME} ${env:NO:-other} $${HOME}'
            """
        let suite = try Suites.read(text, define: ["dir": "/d"], environment: ["HOME": "/h"])
        #expect(suite.cases[0].arguments == ["--cmdline=/d/Image /h other ${HOME}"])
    }

    @Test("paths count from the suite's own directory")
    func paths() throws {
        #expect(
            Suites.error("cases:\n- name: a\n  image: no/such\n")?.problem
                == .missingFile(key: "image", path: "suites/no/such"))
        let suite = try Suites.read("cases:\n- name: a\n  image: no/such\n  needs: {files: [no/such], hint: get it}\n")
        #expect(suite.cases[0].skip == .missingFile("suites/no/such", hint: "get it"))
        #expect(try Suites.one("image: /dev/null").image == "/dev/null")
    }

    @Test("skip and needs")
    func skips() throws {
        #expect(try Suites.one("skip: not today").skip == .told("not today"))
        #expect(
            try Suites.one("needs: {environment: NO_SUCH_THING}").skip
                == .missingEnvironment("NO_SUCH_THING", hint: nil))
        #expect(try Suites.one("needs: {files: /dev/null}").skip == nil)
        #if arch(x86_64)
            #expect(try Suites.one("needs: {host: arm64}").skip == .otherHost(wanted: "arm64"))
        #endif
    }

    @Test(
        "mistakes, and where they are told",
        arguments: [
            ("cases: []", SuiteError.Problem.noCases, 1, 8),
            ("case: []", .unknownKey("case", within: "the suite", suggestion: "cases"), 1, 1),
            ("defaults: {}", .missingKey("cases", within: "the suite"), 1, 1),
            ("cases: {}", .wrongKind(key: "cases", wanted: .sequence), 1, 8),
            ("cases:\n- x", .wrongKind(key: "a case", wanted: .mapping), 2, 3),
            ("cases:\n- cpus: 1", .missingKey("name", within: "a case"), 2, 3),
            ("cases:\n- name: a\n  cpu: 1", .unknownKey("cpu", within: "a case", suggestion: "cpus"), 3, 3),
            ("defaults:\n  name: a\ncases: []", .unknownKey("name", within: "defaults", suggestion: nil), 2, 3),
            ("cases:\n- name: a\n- name: a", .duplicateName("a", firstLine: 2), 3, 9),
            (
                "cases:\n- name: a\n  cpus: 65", .badValue(key: "cpus", value: "65", wanted: "a number from 1 to 64"),
                3,
                9
            ),
            (
                "cases:\n- name: a\n  arch: arm", .badValue(key: "arch", value: "arm", wanted: "x86_64 or arm64"), 3, 9
            ),
            (
                "cases:\n- name: a\n  memory: 12 apples",
                .badValue(key: "memory", value: "12 apples", wanted: "a size such as 512M"), 3, 11
            ),
            (
                "cases:\n- name: a\n  timeout: 0", .badValue(key: "timeout", value: "0", wanted: "seconds above 0"), 3,
                12
            ),
            (
                "cases:\n- name: a\n  timeout: nan", .badValue(key: "timeout", value: "nan", wanted: "seconds above 0"),
                3, 12
            ),
            (
                "cases:\n- name: a\n  exit: fine",
                .badValue(key: "exit", value: "fine", wanted: "an exit code from 0 to 255, or stop"), 3, 9
            ),
            (
                "cases:\n- name: \"a\\nb\"", .badValue(key: "name", value: "a\nb", wanted: "one line of text"), 2, 9
            ),
            (
                "cases:\n- name: a\n  environment: [x]",
                .badValue(key: "environment", value: "x", wanted: "name=value"),
                3, 17
            ),
            ("cases:\n- name: a\n  cmdline: [x]", .wrongKind(key: "cmdline", wanted: .scalar), 3, 12),
            ("cases:\n- name: a\n  steps: [{}]", .notAStep, 3, 11),
            ("cases:\n- name: a\n  steps: [{expect: a, send: b}]", .tooManyActions("expect", "send"), 3, 23),
            (
                "cases:\n- name: a\n  steps: [{sent: a}]", .unknownKey("sent", within: "a step", suggestion: "send"), 3,
                12
            ),
            (
                "cases:\n- name: a\n  steps: [{send: a, capture: b}]",
                .unknownKey("capture", within: "a send", suggestion: nil), 3, 21
            ),
            ("cases:\n- name: a\n  steps: [expect: '(']", .badPattern("("), 3, 19),
            ("cases:\n- name: a\n  reject: ['[']", .badPattern("["), 3, 12),
            (
                "cases:\n- name: a\n  steps: [{expect: '(a)', capture: [b, c]}]",
                .captureWithoutGroups(groups: 1, names: 2), 3, 36
            ),
            ("cases:\n- name: a\n  cmdline: ${x}", .unknownVariable("x", suggestion: nil), 3, 12),
            (
                "variables: {images: d}\ncases:\n- name: a\n  cmdline: ${image}",
                .unknownVariable("image", suggestion: "images"), 4, 12
            ),
            ("cases:\n- name: a\n  cmdline: ${env:NOT_SET}", .missingEnvironment("NOT_SET"), 3, 12),
            ("cases:\n- name: a\n  cmdline: ${x", .unterminatedVariable, 3, 12),
            (
                "cases:\n- name: a\n  matrix: {cpu: [1]}", .unusedMatrixKey("cpu", suggestion: "cpus"), 3, 12
            ),
            (
                "cases:\n- name: a\n  matrix: {cpus: []}",
                .badValue(key: "cpus", value: "[]", wanted: "one value or more"), 3, 18
            ),
            (
                "cases:\n- name: a\n  matrix: {cpus: [1]}\n  exclude: [{arch: x}]",
                .unknownKey("arch", within: "exclude", suggestion: nil), 4, 14
            ),
            (
                "cases:\n- name: a\n  args: [--timeout=3]",
                .reservedArgument("--timeout", use: "the key 'timeout'"), 3, 10
            ),
            ("cases:\n- name: a\n  initrd: /no/such", .missingFile(key: "initrd", path: "/no/such"), 3, 11),
            ("cases: [", .yaml(.syntax("while parsing a flow node: did not find expected node content")), 2, 1),
        ])
    func mistakes(text: String, problem: SuiteError.Problem, line: Int, column: Int) throws {
        let error = try #require(Suites.error(text), "accepted")
        #expect(error.problem == problem)
        #expect([error.line, error.column] == [line, column])
    }

    @Test("a matrix of more cases than anybody lists is refused, not built")
    func hugeMatrix() throws {
        let values = "[" + (1...200).map(String.init).joined(separator: ", ") + "]"
        let text = "cases:\n- name: a\n  cmdline: ${a}${b}${c}\n  matrix: {a: \(values), b: \(values), c: \(values)}\n"
        #expect(Suites.error(text)?.problem == .tooManyCases(limit: Suite.maximumCases))
    }

    @Test("a capture is known to later steps only")
    func captures() throws {
        let testCase = try Suites.one("steps: [{expect: 'v(.)', capture: v}, {send: '${v}'}, {expect: '${v}\\.'}]")
        #expect(testCase.steps.count == 3)
        let early = Suites.error("cases:\n- name: a\n  steps: [{send: '${v}'}, {expect: 'v(.)', capture: v}]\n")
        #expect(early?.problem == .unknownVariable("v", suggestion: nil))
    }
}
