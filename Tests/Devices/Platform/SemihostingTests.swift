import PlatformDevices
import Testing
import VMMCore
import VMMTestSupport

/// The semihosting calls against blocks that are right, short, and nonsense.
@Suite struct SemihostingTests {
    /// 4 KiB at 0x1000; the rest is not there.
    private final class Memory: GuestVirtualMemory {
        var bytes = [UInt8](repeating: 0, count: 4096)

        private func index(_ address: UInt64, _ count: Int) -> Int? {
            guard address >= 0x1000, address < 0x2000, count <= 0x2000 - Int(address) else { return nil }
            return Int(address) - 0x1000
        }

        func read(_ address: UInt64, count: Int) -> [UInt8]? {
            index(address, count).map { Array(bytes[$0..<$0 + count]) }
        }

        func write(_ new: [UInt8], at address: UInt64) -> Bool {
            guard let start = index(address, new.count) else { return false }
            bytes.replaceSubrange(start..<start + new.count, with: new)
            return true
        }
    }

    private let memory = Memory()
    private let channel = LoopbackChannel()
    private let machine = RecordingMachineControl()
    private let clock = ManualClock()

    private func make(commandLine: String = "") -> Semihosting {
        var facts = Semihosting.Facts()
        facts.commandLine = commandLine
        facts.heap = GuestRange(start: GuestAddress(0x5000), size: 0x3000)
        return Semihosting(channel: channel, machine: machine, clock: clock, facts: facts)
    }

    private func call(_ device: Semihosting, _ operation: UInt32, _ words: UInt64...) -> SemihostingResult {
        for (index, word) in words.enumerated() { _ = memory.writeWord(word, at: 0x1000 + UInt64(index) * 8) }
        return device.call(operation, parameter: 0x1000, memory: memory)
    }

    private func open(_ device: Semihosting, _ name: String, _ mode: UInt64) -> SemihostingResult {
        _ = memory.write(Array(name.utf8), at: 0x1100)
        return call(device, 1, 0x1100, mode, UInt64(name.utf8.count))
    }

    private static let failed = SemihostingResult.done(~0)

    @Test("host files are refused with EACCES, whatever the mode", arguments: 0..<12 as Range<UInt64>)
    func noFiles(mode: UInt64) {
        let device = make()
        #expect(open(device, "/etc/passwd", mode) == Self.failed)
        #expect(device.call(0x13, parameter: 0, memory: memory) == .done(13))
        for operation: UInt32 in [0x0D, 0x0E, 0x0F, 0x12] {
            #expect(call(device, operation, 0x1100, 4, 0) == Self.failed)
        }
    }

    @Test("a parameter block or buffer that is not all there fails with EFAULT, and changes nothing")
    func badBlocks() {
        let device = make()
        for operation: UInt32 in [1, 2, 3, 4, 5, 6, 8, 9, 0xA, 0xC, 0x15, 0x16, 0x18, 0x20, 0x30] {
            for parameter: UInt64 in [0, 0x1FFC, 0x2000, ~0, ~7] {
                let result = device.call(operation, parameter: parameter, memory: memory)
                guard operation != 3 && operation != 4 || parameter != 0x1FFC else { continue }
                #expect(result == Self.failed, "\(operation) \(parameter)")
                #expect(device.call(0x13, parameter: 0, memory: memory) == .done(14))
            }
        }
        #expect(machine.requests.isEmpty)
    }

    @Test("SYS_WRITE gives what was not written")
    func write() {
        let device = make()
        #expect(open(device, ":tt", 4) == .done(1))
        _ = memory.write(Array("text".utf8), at: 0x1200)
        #expect(call(device, 5, 1, 0x1200, 4) == .done(0))
        #expect(channel.output == Array("text".utf8))
        #expect(call(device, 5, 2, 0x1200, 4) == .done(4))
        #expect(call(device, 5, 0, 0x1200, ~0) == .done(~0))
        #expect(call(device, 5, 1, 0x1FFE, 4) == .done(4))
        // What is there is printed, and the rest was not written.
        #expect(call(device, 5, 1, 0x1000, ~0) == .done(~0 - 4096))
        #expect(channel.output.count == 4 + 4096)
    }

    @Test("SYS_READ waits for a byte, and gives what there is of more")
    func read() {
        let device = make()
        #expect(open(device, ":tt", 0) == .done(1))
        #expect(call(device, 6, 1, 0x1200, 8) == .wait)
        #expect(device.call(7, parameter: 0, memory: memory) == .wait)
        channel.feed("abc")
        #expect(device.call(7, parameter: 0, memory: memory) == .done(0x61))
        // Nothing is lost on a buffer that is not there.
        #expect(call(device, 6, 1, 0x3000, 8) == .done(8))
        #expect(call(device, 6, 1, 0x1200, 8) == .done(6))
        #expect(memory.read(0x1200, count: 2) == Array("bc".utf8))
        #expect(call(device, 5, 1, 0x1200, 1) == .done(1), "input is not written to")
    }

    @Test("handles end at a limit, and come back when closed")
    func handles() {
        let device = make()
        for handle: UInt64 in 1...64 { #expect(open(device, ":tt", 4) == .done(handle)) }
        #expect(open(device, ":tt", 4) == Self.failed)
        #expect(call(device, 2, 7) == .done(0))
        #expect(call(device, 2, 7) == Self.failed)
        #expect(open(device, ":tt", 4) == .done(7))
    }

    @Test("the end: the status of an application's exit, 1 for other reasons; what follows waits for ever")
    func exit() {
        for (operation, reason, status, code) in [
            (0x18, 0x20026, 42, 42), (0x20, 0x20026, 0x1FF, 0xFF), (0x18, 0x20024, 0, 1), (0x20, 0, 7, 1),
        ] as [(UInt32, UInt64, UInt64, UInt8)] {
            let device = make()
            let before = machine.requests.count
            #expect(call(device, operation, reason, status) == .wait)
            #expect(machine.requests.dropFirst(before) == [.debugExit(code: code)])
            #expect(call(device, 3, 0x4141) == .wait)
            #expect(channel.output.isEmpty)
        }
    }

    @Test("command line with its length, and a buffer too small for it and the zero")
    func commandLine() {
        let device = make(commandLine: "prog x")
        #expect(call(device, 0x15, 0x1200, 6) == Self.failed)
        #expect(call(device, 0x15, 0x1200, 7) == .done(0))
        #expect(memory.readWord(0x1008) == 6)
        #expect(memory.read(0x1200, count: 7) == Array("prog x".utf8) + [0])
    }

    @Test("heap and stack, time and ticks")
    func facts() {
        let device = make()
        #expect(call(device, 0x16, 0x1300) == .done(0))
        #expect([0, 8, 16, 24].map { memory.readWord(0x1300 + $0) } == [0x5000, 0x8000, 0x8000, 0x5000])
        clock.advance(by: .milliseconds(1500))
        #expect(device.call(0x10, parameter: 0, memory: memory) == .done(150))
        #expect(call(device, 0x30) == .done(0))
        #expect(memory.readWord(0x1000) == 1_500_000_000)
        #expect(device.call(0x31, parameter: 0, memory: memory) == .done(1_000_000_000))
    }

    @Test("random calls end, and trap nothing")
    func nonsense() {
        var random = SeededGenerator(seed: 7)
        let device = make(commandLine: "x")
        for _ in 0..<20_000 {
            let operation = UInt32.random(in: 0..<0x40, using: &random)
            guard operation != 0x18, operation != 0x20 else { continue }
            for index: UInt64 in 0..<4 {
                let edges: [UInt64] = [0, 1, 2, 0x1000, 0x1FF8, 0x7FFF_FFFF_FFFF_FFFF, ~0, ~7, 1 << 63]
                _ = memory.writeWord(edges.randomElement(using: &random) ?? 0, at: 0x1000 + index * 8)
            }
            _ = device.call(
                operation, parameter: [0, 0x1000, 0x1FF8, ~0].randomElement(using: &random) ?? 0, memory: memory)
        }
        #expect(machine.requests.isEmpty)
    }
}
