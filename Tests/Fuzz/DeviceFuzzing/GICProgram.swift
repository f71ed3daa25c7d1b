internal import GICv3
internal import VMMCore
internal import VMMTestSupport

/// A guest's program for a GIC with an ITS: registers of any width, system registers, wires, messages, and commands and tables in memory.
enum GICProgram {
    private static let cpuCount = 2
    private static let commands = FuzzWorld.ram

    static func run(_ bytes: [UInt8]) {
        guard let world = FuzzWorld() else { return }
        let line = NoInterruptLine()
        let lines = (0..<cpuCount).map { _ in line }
        let gic = GICv3(
            cpuCount: cpuCount, spiCount: 64, irq: lines, fiq: lines,
            lpis: GICv3.LPISupport(memory: world.memory, faults: world.faults))
        let (distributor, redistributors, its) = (gic.distributor, gic.redistributors, gic.its)
        let messages = gic.messageInput(at: GuestAddress(0x0809_0040))
        var input = FuzzInput(bytes)
        setUp(distributor, redistributors, its)
        while !input.isAtEnd {
            let width = FuzzWorld.width(&input)
            let cpu = input.number(below: cpuCount)
            switch input.byte() % 12 {
            case 0: distributor.write(input.doubleword(), at: UInt64(input.halfword()), width: width)
            case 1: _ = distributor.read(at: UInt64(input.halfword()), width: width)
            case 2:
                let offset = UInt64(cpu) << 17 | UInt64(input.byte() & 1) << 16 | UInt64(input.halfword())
                redistributors.write(input.doubleword(), at: offset, width: width)
            case 3: _ = redistributors.read(at: UInt64(cpu) << 17 | UInt64(input.halfword()), width: width)
            case 4: its.write(input.doubleword(), at: UInt64(input.halfword()) << 1, width: width)
            case 5: _ = its.read(at: UInt64(input.halfword()) << 1, width: width)
            case 6: gic.writeSystemRegister(register(&input), UInt64(input.halfword()), cpu: cpu)
            case 7: _ = gic.readSystemRegister(register(&input), cpu: cpu)
            case 8: gic.interruptLine(spi: input.number(below: 64)).setLevel(input.byte() & 1 == 1)
            case 9:
                messages.send(
                    MSI(address: GuestAddress(0x0809_0040), data: UInt32(input.byte())), from: UInt32(input.byte() & 15)
                )
            case 10: world.poke(&input)
            default: command(its, world, &input)
            }
        }
    }

    private static func register(_ input: inout FuzzInput) -> ICCRegister {
        ICCRegister.allCases[input.number(below: ICCRegister.allCases.count)]
    }

    /// All on, so that a short program comes far.
    private static func setUp(_ gicd: any MMIODevice, _ gicr: any MMIODevice, _ its: any MMIODevice) {
        gicd.write(0x13, at: 0, width: .word)
        for cpu in 0..<UInt64(cpuCount) {
            gicr.write(0, at: cpu << 17 | 0x14, width: .word)
            gicr.write(FuzzWorld.ram + 0x4000 | 13, at: cpu << 17 | 0x70, width: .doubleword)
            gicr.write(FuzzWorld.ram + 0x8000 | 1 << 62, at: cpu << 17 | 0x78, width: .doubleword)
            gicr.write(1, at: cpu << 17, width: .word)
        }
        let valid: UInt64 = 1 << 63
        its.write(valid | (FuzzWorld.ram + 0x1000), at: 0x100, width: .doubleword)
        its.write(valid | (FuzzWorld.ram + 0x2000), at: 0x108, width: .doubleword)
        its.write(valid | commands, at: 0x80, width: .doubleword)
        its.write(1, at: 0, width: .word)
    }

    /// Puts a command where CWRITER is.
    private static func command(_ its: any MMIODevice, _ world: FuzzWorld, _ input: inout FuzzInput) {
        let offset = its.read(at: 0x88, width: .doubleword) & 0xFE0
        let number = UInt64(input.byte() % 0x12)
        let words: [UInt64] = [
            number | UInt64(input.byte() & 15) << 32, UInt64(input.byte()) | UInt64(input.halfword()) << 32,
            UInt64(input.byte() & 1) << 63 | (FuzzWorld.ram + UInt64(input.halfword() & 0xFF00))
                | UInt64(input.byte() & 3),
            0,
        ]
        for (index, word) in words.enumerated() {
            try? world.memory.store(word, at: GuestAddress(commands + offset + UInt64(8 * index)))
        }
        its.write((offset + 32) & 0xFE0, at: 0x88, width: .doubleword)
    }
}
