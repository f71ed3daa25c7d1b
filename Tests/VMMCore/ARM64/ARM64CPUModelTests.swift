import Testing
import VMMCore

@Suite("Models of arm64 CPUs") struct ARM64CPUModelTests {
    @Test("unasked a guest gets all that is offered, but EL2")
    func host() {
        let all = Set(ARM64Feature.allCases)
        #expect(ARM64CPUModel.host.features(of: all) == [.pmu, .sve, .pauth])
        #expect(ARM64CPUModel.host.features(of: [.pmu, .el2]) == [.pmu])
        #expect(ARM64CPUModel.host.features(of: []).isEmpty)
        #expect(ARM64CPUModel.host.lacking([]).isEmpty)
    }

    @Test("what is asked for is there, or lacking, in a fixed order; what is taken away is not, and never lacking")
    func wishes() throws {
        let model = try ARM64CPUModel(adding: [.el2, .sve], removing: [.pmu])
        #expect(model.features(of: Set(ARM64Feature.allCases)) == [.sve, .pauth, .el2])
        #expect(model.lacking([.pauth]) == [.sve, .el2])
        #expect(try ARM64CPUModel(removing: [.sve, .el2]).lacking([]) == [])
    }

    @Test("a feature is not both")
    func contradiction() {
        #expect(throws: ARM64CPUModelError.contradiction(.sve)) {
            try ARM64CPUModel(adding: [.sve, .pmu], removing: [.sve])
        }
    }
}
