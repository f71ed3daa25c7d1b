internal import PCIDevices
internal import VMMCore
internal import VMMTestSupport
internal import VirtioDevices

/// A guest's program for a bus with a virtio disk: the configuration space at any width, regions moved anywhere, MSI-X and the
/// structures in the region.
enum PCIProgram {
    private static let window: UInt64 = 0x1000_0000
    private static let slot: UInt64 = 1 << 15

    static func run(_ bytes: [UInt8]) {
        guard let world = FuzzWorld(), let range = GuestRange(start: GuestAddress(window), size: 0x100_0000) else {
            return
        }
        let fuzzed = FuzzTarget.block(world)
        let wires = (0..<4).map { _ in SharedInterruptLine(NoInterruptLine()) }
        var builder = PCIBus.Builder(windows: [range], wires: wires, firstLine: 3, messages: NoMessages())
        builder.add { connection in
            VirtioPCI.function(
                fuzzed.device, name: "fuzzed", memory: world.memory, connection: connection, faults: world.faults)
        }
        guard let bus = try? builder.build(busCount: 1), let memory = bus.windows.first?.device else { return }
        var input = FuzzInput(bytes)
        var queue = MockDriverQueue(world.memory, at: FuzzWorld.ram, size: 16)
        start(bus.configuration, memory, queue)
        while !input.isAtEnd {
            let width = FuzzWorld.width(&input)
            switch input.byte() % 10 {
            case 0: bus.configuration.write(input.doubleword(), at: slot | UInt64(input.byte()), width: width)
            case 1: _ = bus.configuration.read(at: UInt64(input.halfword()), width: width)
            case 2: memory.write(input.doubleword(), at: UInt64(input.halfword()), width: width)
            case 3: _ = memory.read(at: UInt64(input.halfword()), width: width)
            case 4: memory.write(UInt64(input.halfword()), at: UInt64(input.byte() & 0x3F), width: width)
            case 5: fuzzed.event(&input)
            case 6:
                try? world.memory.copyIn(input.run(atMost: 32), to: GuestAddress(FuzzWorld.ram + 0x8000))
                _ = try? queue.offer([
                    .readable(FuzzWorld.ram + 0x8000, 16), .writable(FuzzWorld.ram + 0x9000, FuzzWorld.length(&input)),
                ])
            case 7: world.poke(&input)
            case 8: start(bus.configuration, memory, queue)
            default:
                for offset in [0x1000, 0x2000, 0x3000] as [UInt64] { memory.write(0, at: offset, width: .halfword) }
            }
        }
        fuzzed.device.reset()
    }

    /// Memory and mastership on, then the way of a driver in the common structure, where that is after the reset.
    private static func start(_ configuration: any MMIODevice, _ memory: any MMIODevice, _ queue: MockDriverQueue) {
        configuration.write(6, at: slot | 4, width: .halfword)
        for status in [0, 1, 3] as [UInt64] { memory.write(status, at: 0x14, width: .byte) }
        memory.write(1, at: 0x08, width: .word)
        memory.write(1, at: 0x0C, width: .word)
        memory.write(0xB, at: 0x14, width: .byte)
        memory.write(0, at: 0x16, width: .halfword)
        memory.write(16, at: 0x18, width: .halfword)
        for (offset, address) in [(0x20, queue.descriptorTable), (0x28, queue.driverArea), (0x30, queue.deviceArea)] {
            memory.write(address, at: UInt64(offset), width: .word)
            memory.write(0, at: UInt64(offset) + 4, width: .word)
        }
        memory.write(1, at: 0x1C, width: .halfword)
        memory.write(0xF, at: 0x14, width: .byte)
    }

    private final class NoMessages: MSITarget {
        func send(_ message: MSI, from device: UInt32) {}
    }
}
