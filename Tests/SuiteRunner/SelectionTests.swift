internal import Testing

@testable internal import SuiteRunner

@Suite struct SelectionTests {
    private func jobs(_ change: (inout JobList.Selection) -> Void) throws -> [CaseJob] {
        let suite = try Suites.read("cases:\n- name: a/b\n- name: 'a b'\n- name: c\n  skip: no\n")
        var selection = JobList.Selection()
        change(&selection)
        return try JobList(suite, selection).jobs
    }

    @Test("a filter is searched in the names")
    func filter() throws {
        #expect(try jobs { $0.filter = "^a" }.map(\.name) == ["a/b", "a b"])
        #expect(throws: BadFilter.self) { try jobs { $0.filter = "(" } }
    }

    @Test("repetitions are told apart, and files too")
    func repetitions() throws {
        let jobs = try jobs {
            $0.repetitions = 2
            $0.directory = "d"
        }
        #expect(jobs.map(\.name) == ["a/b (1/2)", "a b (1/2)", "c (1/2)", "a/b (2/2)", "a b (2/2)", "c (2/2)"])
        #expect(Set(jobs.compactMap(\.filePrefix)).count == 6)
        #expect(jobs[0].consoleLog == "d/a_b__1_2_.console.log")
        #expect(jobs[1].consoleLog == "d/a_b__1_2_-2.console.log")
    }

    @Test("a seed decides the order")
    func shuffle() throws {
        func names(_ seed: UInt64) throws -> [String] {
            try jobs {
                $0.repetitions = 10
                $0.shuffleSeed = seed
            }.map(\.name)
        }
        #expect(try names(1) == names(1))
        #expect(try names(1) != names(2))
        #expect(try names(1).sorted() == jobs { $0.repetitions = 10 }.map(\.name).sorted())
    }

    @Test("a name that tries to leave the directory does not")
    func fileNames() throws {
        let suite = try Suites.read("cases:\n- name: ../../etc/x\n- name: é\n")
        var selection = JobList.Selection()
        selection.directory = "d"
        #expect(try JobList(suite, selection).jobs.map(\.filePrefix) == ["d/_.._.._etc_x", "d/_"])
    }
}
