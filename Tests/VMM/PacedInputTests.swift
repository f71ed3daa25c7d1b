import Synchronization
import Testing
import VMMCore
import VMMTestSupport

@testable import VMM

@Suite struct PacedInputTests {
    private let clock = VirtualClock()
    private let console = LoopbackChannel()
    private let asked = Recorder<Int>()

    private func input(_ text: String) -> PacedInput {
        let rest = Mutex(Array(text.utf8))
        return PacedInput(console: console, clock: clock, isLive: false) { [asked] in
            asked.record(1)
            return rest.withLock { $0.isEmpty ? nil : $0.removeFirst() }
        }
    }

    @Test("a guest that does not ask is offered nothing, and the host is not asked")
    func unwanted() {
        let input = input("x")
        #expect(input.appointment == nil)
        #expect(asked.count == 0)
    }

    @Test("a line is offered after a second without output, its bytes a millisecond apart, each once")
    func paces() throws {
        let input = input("a\nb")
        clock.jump(to: .seconds(5))
        #expect(input.read() == nil)
        input.write(UInt8(ascii: ">"))
        #expect(try #require(input.appointment).whenIdle == .seconds(6))
        clock.jump(to: .seconds(6))
        input.offer()
        #expect(input.appointment == nil)
        #expect(input.read() == UInt8(ascii: "a"))
        #expect(input.appointment == nil)
        #expect(input.read() == nil)
        let within = try #require(input.appointment)
        #expect(within.whenIdle == .seconds(6) + .milliseconds(1))
        #expect(within.atLast == .seconds(6) + .milliseconds(1))
        input.offer()
        #expect(input.read() == UInt8(ascii: "\n"))
        #expect(input.read() == nil)
        let between = try #require(input.appointment)
        #expect(between.whenIdle == .seconds(7))
        #expect(between.atLast == .seconds(16))
        #expect(between.polls > within.polls)
        #expect(asked.count == 2)
    }

    @Test("output puts the offer off, but not for ever")
    func busy() throws {
        let input = input("a")
        clock.jump(to: .seconds(1))
        #expect(input.read() == nil)
        for second: UInt64 in 2...8 {
            clock.jump(to: .seconds(second))
            input.write(UInt8(ascii: "."))
            let appointment = try #require(input.appointment)
            #expect(appointment.whenIdle == .seconds(second + 1))
            #expect(appointment.atLast == .seconds(11))
        }
    }

    @Test("after its end the host is not asked again, and the guest waits for nothing")
    func end() {
        let input = input("")
        #expect(input.read() == nil)
        input.offer()
        #expect(input.read() == nil)
        #expect(input.appointment == nil)
        #expect(asked.count == 1)
    }

    @Test("the handler is told of each offered byte, and not of the end")
    func handler() {
        let input = input("a")
        let told = Recorder<UInt8?>()
        input.setInputHandler { told.record(input.read()) }
        #expect(input.read() == nil)
        input.offer()
        #expect(input.read() == nil)
        input.offer()
        #expect(told.values == [UInt8(ascii: "a")])
        input.setInputHandler(nil)
    }

    @Test("live input comes when it comes, and wakes the machine after the device heard of it")
    func live() {
        let input = PacedInput(console: console, clock: clock, isLive: true) { nil }
        let told = Recorder<String>()
        input.setWake { told.record("machine") }
        input.setInputHandler { told.record("device") }
        console.feed("k")
        #expect(told.values == ["device", "machine"])
        #expect(input.read() == UInt8(ascii: "k"))
        #expect(input.appointment == nil)
    }
}
