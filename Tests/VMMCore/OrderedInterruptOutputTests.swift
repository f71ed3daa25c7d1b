import Testing
import VMMCore
import VMMTestSupport

@Suite struct OrderedInterruptOutputTests {
    @Test("a level that does not change is not told; each change has a number above the last")
    func numbers() {
        var output = OrderedInterruptOutput()
        #expect(output.want(false) == nil)
        let rise = output.want(true)
        #expect(output.want(true) == nil)
        let fall = output.want(false)
        #expect(rise?.level == true && rise?.order == 1)
        #expect(fall?.level == false && fall?.order == 2)
    }

    @Test("a level that comes after a later one is passed over")
    func outOfOrder() throws {
        var output = OrderedInterruptOutput()
        let line = RecordingInterruptLine()
        let (first, second) = (output.want(true), output.want(false))
        let (rise, fall) = (try #require(first), try #require(second))
        line.setLevel(fall.level, order: fall.order)
        line.setLevel(rise.level, order: rise.order)
        #expect(!line.isAsserted && line.transitions.isEmpty)
    }
}
