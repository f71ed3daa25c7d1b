package import VMMCore

/// An instruction of the scripted CPU, 32 bytes in guest memory: deterministic, slow, and easy to read in a dump.
///
/// Layout, little-endian: operation u8, width u8, port u16, count u32, address u64, value u64, 8 bytes unused.
package struct ScriptedInstruction: Hashable, Sendable {
    package enum Operation: UInt8, Sendable {
        /// `[address] = value`; `accumulator = [address]`; `[address] = accumulator`.
        case write = 1
        case read
        case save
        case portWrite
        case portRead
        /// `count` elements between `port` and successive addresses.
        case stringWrite
        case stringRead
        /// `counter = count`, and `counter -= 1`, then a jump to `address` unless it is 0.
        case setCounter
        case decrementAndJump
        /// Jumps to itself while the byte at `address` is 0.
        case waitUntilSet
        /// Starts CPU `value` at `address`.
        case startProcessor
        case halt
        case spin
        case shutdown
    }

    package static let size: UInt64 = 32

    package var operation: Operation
    package var width = AccessWidth.byte
    package var port: UInt16 = 0
    package var count: UInt32 = 0
    package var address = GuestAddress(0)
    package var value: UInt64 = 0

    package init(
        _ operation: Operation, width: AccessWidth = .byte, port: UInt16 = 0, count: UInt32 = 0,
        address: GuestAddress = GuestAddress(0), value: UInt64 = 0
    ) {
        self.operation = operation
        self.width = width
        self.port = port
        self.count = count
        self.address = address
        self.value = value
    }

    package var bytes: [UInt8] {
        var bytes: [UInt8] = [operation.rawValue, width.rawValue]
        func append(_ value: UInt64, count: Int) {
            for index in 0..<count { bytes.append(UInt8(truncatingIfNeeded: value >> UInt64(8 * index))) }
        }
        append(UInt64(port), count: 2)
        append(UInt64(count), count: 4)
        append(address.rawValue, count: 8)
        append(value, count: 8)
        append(0, count: 8)
        return bytes
    }

    /// Nil when the bytes at `address` are no instruction, or not in RAM.
    init?(at address: GuestAddress, in memory: GuestMemory) {
        guard let bytes = try? memory.copyOut(address, count: Int(Self.size)),
            let operation = Operation(rawValue: bytes[0]), let width = AccessWidth(rawValue: bytes[1])
        else { return nil }
        func integer(_ range: Range<Int>) -> UInt64 { range.reversed().reduce(0) { $0 << 8 | UInt64(bytes[$1]) } }
        self.init(
            operation, width: width, port: UInt16(integer(2..<4)), count: UInt32(integer(4..<8)),
            address: GuestAddress(integer(8..<16)), value: integer(16..<24))
    }
}

/// The scripted CPU's registers.
package struct ScriptedRegisters: Hashable, Sendable {
    package var programCounter: UInt64 = 0
    package var accumulator: UInt64 = 0
    package var counter: UInt64 = 0
    /// Elements of the current string instruction that are done.
    package var element: UInt64 = 0

    package init() {}
}
