internal import Testing

@testable internal import SuiteRunner

@Suite struct ResourceSchedulerTests {
    private typealias Demand = ResourceScheduler.Demand

    @Test("as many as the cores allow, in order; a smaller one goes before one that does not fit")
    func cores() {
        let demands = [2, 2, 1, 1].map { Demand(cores: $0, memory: 0) }
        var scheduler = ResourceScheduler(demands, cores: 3, memory: 0, jobs: nil)
        #expect(scheduler.start() == [0, 2])
        #expect(scheduler.start() == [])
        scheduler.finish(0)
        #expect(scheduler.start() == [1])
        scheduler.finish(2)
        #expect(scheduler.start() == [3])
    }

    @Test("as many as the memory allows, also with --jobs")
    func memory() {
        let demands = [60, 60, 30].map { Demand(cores: 0, memory: $0) }
        var scheduler = ResourceScheduler(demands, cores: 1, memory: 100, jobs: 3)
        #expect(scheduler.start() == [0, 2])
        scheduler.finish(0)
        #expect(scheduler.start() == [1])
    }

    @Test("--jobs N in the place of cores")
    func jobs() {
        let demands = [Demand](repeating: Demand(cores: 8, memory: 0), count: 3)
        var scheduler = ResourceScheduler(demands, cores: 1, memory: 0, jobs: 2)
        #expect(scheduler.start() == [0, 1])
    }

    @Test("a case too large for the host runs alone")
    func tooLarge() {
        let demands = [Demand(cores: 1, memory: 1), Demand(cores: 64, memory: .max), Demand(cores: 1, memory: 1)]
        var scheduler = ResourceScheduler(demands, cores: 2, memory: 10, jobs: nil)
        #expect(scheduler.start() == [0, 2])
        scheduler.finish(0)
        #expect(scheduler.start() == [])
        scheduler.finish(2)
        #expect(scheduler.start() == [1])
        scheduler.finish(1)
        #expect(scheduler.isDone)
    }

    @Test("what is abandoned does not begin any more")
    func abandon() {
        var scheduler = ResourceScheduler(
            [Demand](repeating: Demand(cores: 1, memory: 0), count: 3), cores: 1, memory: 0, jobs: nil)
        #expect(scheduler.start() == [0])
        #expect(scheduler.abandon() == [1, 2])
        scheduler.finish(0)
        #expect(scheduler.start() == [])
        #expect(scheduler.isDone)
    }
}
