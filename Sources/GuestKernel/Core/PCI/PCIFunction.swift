/// A function on bus 0, by its part of the memory-mapped configuration space.
///
/// Source: PCI Local Bus 3.0 §6.1; PCI Express Base 5.0 §7.2.2 (ECAM).
package struct PCIFunction {
    /// Offsets in configuration space. Source: PCI 3.0, figure 6-1.
    private enum Register {
        static var vendor: UInt64 { 0x00 }
        static var device: UInt64 { 0x02 }
        static var command: UInt64 { 0x04 }
        static var status: UInt64 { 0x06 }
        static var headerType: UInt64 { 0x0E }
        static var firstBAR: UInt64 { 0x10 }
        static var subsystem: UInt64 { 0x2E }
        static var capabilities: UInt64 { 0x34 }
        static var interruptPin: UInt64 { 0x3D }
    }

    /// Bits of the command register.
    private enum Command {
        static var memory: UInt16 { 1 << 1 }
        static var busMaster: UInt16 { 1 << 2 }
        static var pinDisable: UInt16 { 1 << 10 }
    }

    /// Bytes of configuration space that bus 0 takes: 32 slots of 8 functions, 4 KiB each.
    package static var busSize: UInt64 { 1 << 20 }
    private static var capabilityLimit: Int { 48 }

    private let space: any RegisterWindow
    /// 0 to 31.
    package let slot: UInt32
    private let base: UInt64
    package let vendor: UInt16
    package let device: UInt16
    /// The subsystem's device ID.
    package let subsystem: UInt16

    /// - Parameters:
    ///   - space: bus 0's configuration space.
    ///   - number: 0 to 7.
    /// - Returns: nil when there is no such function, or it is no endpoint.
    package init?(_ space: any RegisterWindow, slot: UInt32, number: UInt32) {
        base = UInt64(slot << 15 | number << 12)
        vendor = space.load16(base + Register.vendor)
        guard vendor != 0xFFFF, space.load8(base + Register.headerType) & 0x7F == 0 else { return nil }
        device = space.load16(base + Register.device)
        subsystem = space.load16(base + Register.subsystem)
        self.space = space
        self.slot = slot
    }

    /// Calls `body` for each function of bus 0. A slot without a device costs one load.
    package static func forEach(_ space: any RegisterWindow, _ body: (PCIFunction) -> Void) {
        for slot: UInt32 in 0..<32 {
            guard let first = PCIFunction(space, slot: slot, number: 0) else { continue }
            body(first)
            guard space.load8(first.base + Register.headerType) & 0x80 != 0 else { continue }
            for number: UInt32 in 1..<8 {
                if let function = PCIFunction(space, slot: slot, number: number) { body(function) }
            }
        }
    }

    /// INTA is 1; 0: the function has no pin.
    package var interruptPin: UInt8 { load8(Register.interruptPin) }

    package func load8(_ offset: UInt64) -> UInt8 { space.load8(base + (offset & 0xFFF)) }
    package func load16(_ offset: UInt64) -> UInt16 { space.load16(base + (offset & 0xFFE)) }
    package func load32(_ offset: UInt64) -> UInt32 { space.load32(base + (offset & 0xFFC)) }
    package func store16(_ value: UInt16, _ offset: UInt64) { space.store16(value, base + (offset & 0xFFE)) }
    package func store32(_ value: UInt32, _ offset: UInt64) { space.store32(value, base + (offset & 0xFFC)) }

    /// Calls `body` with the identifier and offset of each capability, in the function's order.
    package func forEachCapability(_ body: (UInt8, UInt64) -> Void) {
        guard load16(Register.status) & 1 << 4 != 0 else { return }
        var offset = UInt64(load8(Register.capabilities) & 0xFC)
        // A list that bites its tail ends too.
        for _ in 0..<Self.capabilityLimit where offset >= 0x40 {
            body(load8(offset), offset)
            offset = UInt64(load8(offset + 1) & 0xFC)
        }
    }

    /// Lets the function answer in its regions and reach memory.
    ///
    /// - Parameter usesPin: it interrupts by its pin, not by messages.
    package func enable(usesPin: Bool) {
        let command = load16(Register.command) & ~Command.pinDisable | Command.memory | Command.busMaster
        store16(usesPin ? command : command | Command.pinDisable, Register.command)
    }

    /// Where a memory region is. One that has no place yet is given one in `window`; so is one beyond `limit`.
    ///
    /// - Parameter index: of the base address register, 0 to 5.
    /// - Returns: the start; nil when it is no memory region, or there is no room.
    package func place(ofRegion index: UInt8, in window: inout PCIMemoryWindow, limit: UInt64) -> UInt64? {
        guard index < 6 else { return nil }
        let register = Register.firstBAR + UInt64(index) * 4
        let low = load32(register)
        // Bit 0: an I/O region. Bits 2:1: 2 for 64 bits.
        guard low & 1 == 0 else { return nil }
        let isWide = low & 6 == 4
        guard !isWide || index < 5 else { return nil }
        let address = UInt64(low & ~15) | (isWide ? UInt64(load32(register + 4)) << 32 : 0)
        if address != 0, address < limit { return address }
        // The size is what stays 0 of all ones. The region answers nowhere meanwhile.
        store16(load16(Register.command) & ~Command.memory, Register.command)
        store32(.max, register)
        var mask = UInt64(load32(register) & ~15) | 0xFFFF_FFFF_0000_0000
        if isWide {
            store32(.max, register + 4)
            mask = UInt64(load32(register + 4)) << 32 | mask & 0xFFFF_FFFF
        }
        guard let place = window.take(~mask &+ 1) else { return nil }
        store32(UInt32(truncatingIfNeeded: place), register)
        if isWide { store32(UInt32(truncatingIfNeeded: place >> 32), register + 4) }
        return place
    }
}

/// Addresses for regions that the loader has given none, taken from the window's end downwards, since what places regions
/// before a kernel does so from the start.
package struct PCIMemoryWindow {
    private let start: UInt64
    private var end: UInt64

    package init(start: UInt64, size: UInt64) {
        self.start = start
        end = start + size
    }

    /// - Parameter size: a power of two; anything else gets nothing.
    package mutating func take(_ size: UInt64) -> UInt64? {
        guard size >= 16, size & (size - 1) == 0, size <= end - start else { return nil }
        let place = (end - size) & ~(size - 1)
        guard place >= start else { return nil }
        end = place
        return place
    }
}
