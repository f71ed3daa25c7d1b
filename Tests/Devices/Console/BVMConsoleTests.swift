import ConsoleDevices
import GuestABI
import Testing
import VMMCore
import VMMTestSupport

@Suite struct BVMConsoleTests {
    let channel = LoopbackChannel()
    let faults = RecordingFaults()

    @Test("a 2-byte IN gives the signature, a 1-byte IN all ones", arguments: [UInt16(0x6276), 0x4256])
    func signature(_ signature: UInt16) {
        let console = BVMConsole(signature: signature, channel: channel, faults: faults.log)
        #expect(console.portCount == 1)
        #expect(console.read(at: 0, width: .halfword) == UInt32(signature))
        #expect(console.read(at: 0, width: .byte) == 0xFF)
        #expect(faults.count == 0)
    }

    @Test("the console's signature is the default")
    func defaultSignature() {
        #expect(BVMConsole(channel: channel, faults: faults.log).read(at: 0, width: .halfword) == 0x6276)
        #expect(BVMConsoleProtocol.debugSignature == 0x4256)
    }

    @Test("a 4-byte IN gives the next character, or all ones when there is none")
    func input() {
        let console = BVMConsole(channel: channel, faults: faults.log)
        #expect(console.read(at: 0, width: .word) == 0xFFFF_FFFF)
        channel.feed([0x41, 0xFF])
        #expect(console.read(at: 0, width: .word) == 0x41)
        #expect(console.read(at: 0, width: .word) == 0xFF)
        #expect(console.read(at: 0, width: .word) == 0xFFFF_FFFF)
    }

    @Test("a 4-byte OUT writes its low byte")
    func output() {
        let console = BVMConsole(channel: channel, faults: faults.log)
        console.write(0xFFFF_FF41, at: 0, width: .word)
        #expect(channel.output == [0x41])
    }

    @Test("an OUT of another width prints nothing and is reported", arguments: [AccessWidth.byte, .halfword])
    func wrongWidth(_ width: AccessWidth) {
        let console = BVMConsole(channel: channel, faults: faults.log)
        console.write(0x41, at: 0, width: width)
        #expect(channel.output.isEmpty)
        #expect(faults.count == 1)
    }

    @Test("arm64: the page has the port's protocol at offset 0, and 64-bit accesses are errors")
    func page() {
        let page = BVMConsolePage(channel: channel, faults: faults.log)
        #expect(page.windowSize == 4096)
        #expect(page.read(at: 0, width: .halfword) == 0x6276)
        #expect(page.read(at: 0, width: .word) == 0xFFFF_FFFF)
        channel.feed("x")
        #expect(page.read(at: 0, width: .word) == 0x78)
        page.write(0x79, at: 0, width: .word)
        #expect(channel.outputText == "y")
        #expect(faults.count == 0)

        #expect(page.read(at: 0, width: .doubleword) == .max)
        page.write(0x7A, at: 0, width: .doubleword)
        #expect(page.read(at: 4, width: .word) == 0xFFFF_FFFF)
        page.write(0x7A, at: 4092, width: .word)
        #expect(faults.count == 4)
        #expect(channel.outputText == "y")
    }
}
