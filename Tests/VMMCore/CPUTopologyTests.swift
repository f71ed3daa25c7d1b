import Testing
import VMMCore

@Suite("How CPUs are grouped") struct CPUTopologyTests {
    @Test(
        "left-out parts: as many cores as needed, or else sockets, or else threads",
        arguments: [
            (8, nil, nil, nil, [1, 8, 1]), (8, 2, nil, nil, [2, 4, 1]), (8, nil, 4, nil, [2, 4, 1]),
            (8, nil, nil, 2, [1, 4, 2]), (4, nil, 2, 2, [1, 2, 2]), (8, 2, nil, 2, [2, 2, 2]),
            (8, 2, 2, nil, [2, 2, 2]),
            (8, 1, 4, 2, [1, 4, 2]), (6, nil, 3, 2, [1, 3, 2]), (1, nil, nil, nil, [1, 1, 1]),
            (64, 64, nil, nil, [64, 1, 1]),
        ] as [(Int, Int?, Int?, Int?, [Int])])
    func inference(count: Int, sockets: Int?, cores: Int?, threads: Int?, parts: [Int]) throws {
        let topology = try CPUTopology(count: count, sockets: sockets, cores: cores, threads: threads)
        #expect([topology.sockets, topology.cores, topology.threads] == parts)
        #expect(topology.count == count)
    }

    @Test("parts that make another number of CPUs are refused, with what they make")
    func otherCount() throws {
        func refusal(_ count: Int, _ sockets: Int?, _ cores: Int?, _ threads: Int?) -> [Int]? {
            do throws(CPUTopologyError) {
                _ = try CPUTopology(count: count, sockets: sockets, cores: cores, threads: threads)
                return nil
            } catch {
                guard case .otherCount(let topology, count) = error else { return nil }
                return [topology.sockets, topology.cores, topology.threads]
            }
        }
        #expect(refusal(8, 3, nil, nil) == [3, 2, 1])
        #expect(refusal(2, nil, 4, nil) == [1, 4, 1])
        #expect(refusal(8, 2, 3, nil) == [2, 3, 1])
        #expect(refusal(8, 64, 64, 64) == [64, 64, 64])
    }

    @Test("what is not from 1 to 64 is refused", arguments: [0, -1, 65, Int.max, Int.min])
    func outOfRange(number: Int) {
        #expect(throws: CPUTopologyError.outOfRange(number)) {
            try CPUTopology(count: number, sockets: nil, cores: nil, threads: nil)
        }
        #expect(throws: CPUTopologyError.outOfRange(number)) {
            try CPUTopology(count: 8, sockets: nil, cores: number, threads: nil)
        }
    }

    @Test("CPUs are numbered thread by thread, core by core, socket by socket")
    func places() throws {
        let topology = try CPUTopology(count: 12, sockets: 2, cores: 3, threads: 2)
        var expected: [[Int]] = []
        for socket in 0..<2 { for core in 0..<3 { for thread in 0..<2 { expected.append([socket, core, thread]) } } }
        let places = (0..<12).map { topology.place(ofCPU: $0) }
        #expect(places.map { [$0.socket, $0.core, $0.thread] } == expected)
    }
}
