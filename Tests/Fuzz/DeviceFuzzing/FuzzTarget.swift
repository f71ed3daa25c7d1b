internal import GICv3
internal import PCIDevices
internal import VMMCore
internal import VMMTestSupport
internal import VirtioDevices

/// Something that a guest reaches, and that a fuzzer drives: an input is a guest's program.
///
/// What a program may find: a trap, a hang, memory that is not the guest's, or a broken promise of the device to its back end.
package struct FuzzTarget: Sendable {
    package let name: String
    /// Runs a program. It calls nobody's main loop, starts no thread, and leaves nothing behind.
    package let run: @Sendable ([UInt8]) -> Void

    /// All of them: a line each.
    package static let all: [FuzzTarget] = [
        FuzzTarget(name: "split-queue") { QueueProgram.run($0, isPacked: false) },
        FuzzTarget(name: "packed-queue") { QueueProgram.run($0, isPacked: true) },
        virtio("console") { world in
            let channel = LoopbackChannel()
            let port = LoopbackChannel()
            let device = VirtioConsole(
                channel: channel, size: ConsoleSize(columns: 80, rows: 24), ports: [.init(name: "port", channel: port)])
            return FuzzedDevice(device) { input in
                switch input.byte() % 4 {
                case 0: channel.feed(String(repeating: "x", count: input.number(below: 300)))
                case 1: port.feed(String(repeating: "y", count: input.number(below: 300)))
                case 2: port.changeConnection(times: UInt64(input.number(below: 3)))
                default: device.resize(to: ConsoleSize(columns: input.halfword(), rows: input.halfword()))
                }
            }
        },
        virtio("entropy") { _ in FuzzedDevice(VirtioEntropy(source: CountingEntropy())) },
        virtio("block") { world in block(world) },
        virtio("network") { _ in
            let network = ScriptedNetwork()
            return FuzzedDevice(VirtioNetwork(network, address: [2, 0, 0, 0, 0, 1], pairCount: 2)) { input in
                switch input.byte() % 4 {
                case 0: network.setRoom(input.number(below: 4))
                case 1: network.setRoom(nil)
                case 2: network.give(input.run(atMost: 200))
                default: network.givenAll()
                }
            }
        },
        virtio("share") { _ in
            let work = HeldWork()
            return FuzzedDevice(VirtioShare(MemoryTree(), tag: "fuzz", work: work)) { input in
                let choice = input.byte()
                work.keep(choice & 1 == 1)
                work.perform(latestFirst: choice & 2 == 2)
            }
        },
        virtio("pmem") { world in
            let (store, work) = (ScriptedStore(), HeldWork())
            let device = VirtioPersistentMemory(store, at: world.memory.regions[0].range, work: work)
            return FuzzedDevice(device) { input in
                let choice = input.byte()
                work.keep(choice & 1 == 1)
                store.fail(choice & 2 == 2)
                work.perform()
            }
        },
        virtio("balloon") { world in
            let device = VirtioBalloon(memory: world.memory, target: 1 << 14)
            return FuzzedDevice(device) { _ in _ = device.counters }
        },
        virtio("vsock") { _ in VsockProgram.device() },
        FuzzTarget(name: "pci") { PCIProgram.run($0) },
        FuzzTarget(name: "gic") { GICProgram.run($0) },
        FuzzTarget(name: "pc-interrupts") { PCInterruptProgram.run($0) },
    ]

    private static func virtio(
        _ name: String, make: @escaping @Sendable (FuzzWorld) -> FuzzedDevice
    ) -> FuzzTarget {
        FuzzTarget(name: "virtio-\(name)") { VirtioProgram.run($0, make) }
    }

    static func block(_ world: FuzzWorld) -> FuzzedDevice {
        let storage = ScriptedStorage(sectors: 8)
        return FuzzedDevice(VirtioBlock(storage, serial: "fuzz", memory: world.memory, queueCount: 1)) { input in
            let choice = input.byte()
            storage.keep(choice & 1 == 1)
            storage.answer(choice & 2 == 0 ? .done : choice & 4 == 0 ? .failed : .unsupported)
            if choice & 8 == 0 { storage.completeHeld() }
        }
    }
}

/// A device with what its back end can do to it.
struct FuzzedDevice {
    let device: any VirtioDevice
    /// Something happens at the back end: what, the program says.
    let event: (inout FuzzInput) -> Void
    /// What a driver puts into a queue whose buffers all go one way; none: room for what the device sends. Nil: into any queue go
    /// bytes of the program, with room for an answer.
    let packet: ((_ queue: Int, inout FuzzInput) -> [UInt8])?

    init(
        _ device: any VirtioDevice, event: @escaping (inout FuzzInput) -> Void = { _ in },
        packet: ((_ queue: Int, inout FuzzInput) -> [UInt8])? = nil
    ) {
        self.device = device
        self.packet = packet
        self.event = event
    }
}

/// What is outside of a fuzzed device.
struct FuzzWorld {
    static let ram: UInt64 = 0x4000_0000
    static let ramSize = 0x1_0000

    let memory: GuestMemory
    let faults = GuestFaultLog(clock: ManualClock(), limitPerSecond: 0) { _ in }

    init?() {
        guard let range = GuestRange(start: GuestAddress(Self.ram), size: UInt64(Self.ramSize)),
            let memory = try? GuestMemory([range])
        else { return nil }
        self.memory = memory
    }

    /// An address as programs write it: mostly in RAM, at its end, in registers, or anywhere.
    static func address(_ input: inout FuzzInput) -> UInt64 {
        switch input.byte() {
        case 0...0xDF: ram + UInt64(input.halfword())
        case 0xE0...0xEF: ram + UInt64(ramSize) - UInt64(input.byte())
        case 0xF0...0xF7: 0x0A00_0000 + UInt64(input.halfword())
        default: input.doubleword()
        }
    }

    static func length(_ input: inout FuzzInput) -> UInt32 {
        let choice = input.byte()
        return choice < 0xF0 ? UInt32(choice) * 16 : choice < 0xF8 ? UInt32(input.halfword()) : input.word()
    }

    func poke(_ input: inout FuzzInput) {
        let address = Self.ram + UInt64(input.halfword())
        try? memory.copyIn(input.run(atMost: 64), to: GuestAddress(address))
    }

    static func width(_ input: inout FuzzInput) -> AccessWidth { AccessWidth.allCases[input.number(below: 4)] }
}

/// A wire to nowhere.
final class NoInterruptLine: OrderedInterruptLine {
    func setLevel(_ asserted: Bool) {}
    func setLevel(_ asserted: Bool, order: UInt64) {}
}
