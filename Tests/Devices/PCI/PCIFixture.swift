import PCIDevices
import Synchronization
import VMMCore
import VMMTestSupport

/// A bus with windows at 0x1000_0000 (256 MiB) and 0x80_0000_0000 (4 GiB), and equal functions in slots 1 and 2: region 0
/// of 64 bits and 16 KiB, region 2 of 32 bits and 8 KiB, five messages behind region 3.
struct PCIFixture {
    static let window: UInt64 = 0x1000_0000
    static let highWindow: UInt64 = 0x80_0000_0000
    /// Configuration space offsets, as the specification's figure 6-1 has them: written down a second time on purpose.
    static let command: UInt64 = 0x04, status: UInt64 = 0x06, bar0: UInt64 = 0x10, bar2: UInt64 = 0x18,
        bar3: UInt64 = 0x1C

    let lines = (0..<4).map { _ in RecordingInterruptLine() }
    let messages = RecordingMessages()
    let functions: [Function]
    let bus: PCIBus

    struct Function {
        let large = Registers(size: 0x4000)
        let small = Registers(size: 0x1800)
        let interrupts: PCIInterrupts
    }

    init(hasMessages: Bool = true) throws {
        var builder = PCIBus.Builder(
            windows: [
                GuestRange(start: GuestAddress(Self.window), size: 0x1000_0000),
                GuestRange(start: GuestAddress(Self.highWindow), size: 1 << 32),
            ].compactMap(\.self), wires: lines.map(SharedInterruptLine.init), firstLine: 3,
            messages: hasMessages ? messages : nil)
        var functions: [Function] = []
        for number in 0..<2 {
            builder.add { connection in
                let function = Function(interrupts: connection.interrupts(messageCount: 5))
                functions.append(function)
                var window = PCICapability(id: PCICapability.vendorSpecific)
                window.append(20 as UInt8)
                window.append(5 as UInt8)
                window.append(0 as UInt8, writable: .max)
                window.append(0 as UInt8)
                window.append(0 as UInt16)
                for _ in 0..<3 { window.append(0 as UInt32, writable: .max) }
                return PCIFunction(
                    PCIIdentity(
                        vendorID: 0x1234, deviceID: 0x5670 + UInt16(number), revision: 7, classCode: 0x01_02_03,
                        subsystemVendorID: 0xAABB, subsystemID: 0xCCDD),
                    regions: [PCIRegion(0, function.large, width: .memory64), PCIRegion(2, function.small)],
                    capabilities: [window], windowCapability: 0, interrupts: function.interrupts,
                    connection: connection)
            }
        }
        self.functions = functions
        bus = try builder.build(busCount: 16)
    }

    // MARK: What software does

    func read(_ offset: UInt64, slot: UInt64 = 1, width: AccessWidth = .word) -> UInt64 {
        bus.configuration.read(at: slot << 15 | offset, width: width)
    }

    func write(_ value: UInt64, _ offset: UInt64, slot: UInt64 = 1, width: AccessWidth = .word) {
        bus.configuration.write(value, at: slot << 15 | offset, width: width)
    }

    /// A read of memory, as far as it comes to one of the windows; nil: nobody is there.
    func load(_ address: UInt64, width: AccessWidth = .word) -> UInt64? {
        for window in bus.windows where address >= window.address && address - window.address < window.device.windowSize
        {
            return window.device.read(at: address - window.address, width: width)
        }
        return nil
    }

    func store(_ value: UInt64, at address: UInt64, width: AccessWidth = .word) {
        for window in bus.windows where address >= window.address && address - window.address < window.device.windowSize
        {
            window.device.write(value, at: address - window.address, width: width)
        }
    }

    /// Where software finds a 32-bit region.
    func address(_ bar: UInt64, slot: UInt64 = 1) -> UInt64 { read(bar, slot: slot) & ~0xF }

    /// The offset of the first capability with this ID; 0: none.
    func capability(_ id: UInt64, slot: UInt64 = 1) -> UInt64 {
        var offset = read(0x34, slot: slot, width: .byte)
        while offset != 0, read(offset, slot: slot, width: .byte) != id {
            offset = read(offset + 1, slot: slot, width: .byte)
        }
        return offset
    }

    /// Message Control of slot 1.
    var messageControl: UInt64 {
        get { read(capability(0x11) + 2, width: .halfword) }
        nonmutating set { write(newValue, capability(0x11) + 2, width: .halfword) }
    }

    func setEntry(_ index: UInt64, address: UInt64, data: UInt64, isMasked: Bool) {
        let entry = self.address(Self.bar3) + 16 * index
        store(address, at: entry, width: .doubleword)
        store(data, at: entry + 8)
        store(isMasked ? 1 : 0, at: entry + 12)
    }
}

/// Registers that answer with the offset, and record what is written.
final class Registers: MMIODevice {
    let windowSize: UInt64
    let written = Recorder<[UInt64]>()

    init(size: UInt64) { windowSize = size }

    func read(at offset: UInt64, width: AccessWidth) -> UInt64 { 0x5A00_0000 | offset }
    func write(_ value: UInt64, at offset: UInt64, width: AccessWidth) {
        written.record([offset, value, UInt64(width.bytes)])
    }
}
