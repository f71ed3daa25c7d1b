import Testing
import VMMCore

@Suite struct InterruptOutputTests {
    /// Delivers until the line is right; gives what it was told.
    func deliver(_ output: inout InterruptOutput) -> [Bool] {
        var told: [Bool] = []
        var step = output.beginDelivery()
        while let level = step {
            told.append(level)
            step = output.continueDelivery()
        }
        return told
    }

    @Test("a level is told once")
    func once() {
        var output = InterruptOutput()
        #expect(deliver(&output) == [])
        output.want(true)
        #expect(deliver(&output) == [true])
        output.want(true)
        #expect(deliver(&output) == [])
        output.want(false)
        #expect(deliver(&output) == [false])
    }

    @Test("a level that fell and rose between deliveries is told as two edges")
    func dip() {
        var output = InterruptOutput()
        output.want(true)
        #expect(deliver(&output) == [true])
        output.want(false)
        output.want(true)
        #expect(deliver(&output) == [false, true])
        #expect(deliver(&output) == [])
    }

    @Test("a pulse that is over before anyone could tell it is not told")
    func pulse() {
        var output = InterruptOutput()
        output.want(true)
        output.want(false)
        #expect(deliver(&output) == [])
    }

    @Test("while one caller delivers another gets nothing, and the first brings the line to the last level")
    func oneDeliverer() {
        var output = InterruptOutput()
        output.want(true)
        #expect(output.beginDelivery() == true)
        output.want(false)
        #expect(output.beginDelivery() == nil)
        #expect(output.continueDelivery() == false)
        #expect(output.continueDelivery() == nil)
        output.want(true)
        #expect(output.beginDelivery() == true)
    }
}
