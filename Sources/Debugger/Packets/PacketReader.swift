/// Cuts the bytes of a connection into packets. A pure state machine: whatever comes, it holds at most `Packet.limit` bytes.
/// Source: GDB manual, E.1 "Overview", E.12 "Interrupts".
package struct PacketReader: Sendable {
    /// What a byte completed.
    package enum Event: Hashable, Sendable {
        /// The payload, with escapes undone.
        case packet([UInt8])
        /// A packet with a wrong checksum, an unfinished escape or more than `Packet.limit` bytes.
        case damagedPacket
        case acknowledged
        /// The other side wants the last packet again.
        case rejected
        /// Ctrl-C, byte 0x03 between packets.
        case interrupt
    }

    private enum State {
        case betweenPackets
        case payload
        case firstChecksumDigit
        case secondChecksumDigit(UInt8?)
    }

    private var state = State.betweenPackets
    private var payload: [UInt8] = []
    private var sum: UInt8 = 0
    private var isEscaped = false
    private var isTooLong = false

    package init() {}

    /// Bytes between packets that mean nothing are passed over.
    package mutating func take(_ byte: UInt8) -> Event? {
        switch state {
        case .betweenPackets:
            switch byte {
            case Packet.start: begin()
            case UInt8(ascii: "+"): return .acknowledged
            case UInt8(ascii: "-"): return .rejected
            case 3: return .interrupt
            default: break
            }
        case .payload:
            if byte == Packet.end {
                state = .firstChecksumDigit
            } else if byte == Packet.start {
                // The end of the packet before was lost.
                begin()
            } else {
                append(byte)
            }
        case .firstChecksumDigit:
            state = .secondChecksumDigit(HexText.value(ofDigit: byte))
        case .secondChecksumDigit(let first):
            state = .betweenPackets
            defer { payload.removeAll(keepingCapacity: true) }
            guard let first, let second = HexText.value(ofDigit: byte), first << 4 | second == sum, !isEscaped,
                !isTooLong
            else { return .damagedPacket }
            return .packet(payload)
        }
        return nil
    }

    private mutating func begin() {
        state = .payload
        payload.removeAll(keepingCapacity: true)
        sum = 0
        isEscaped = false
        isTooLong = false
    }

    private mutating func append(_ byte: UInt8) {
        sum &+= byte
        if isEscaped {
            isEscaped = false
            store(byte ^ Packet.escapeMask)
        } else if byte == Packet.escape {
            isEscaped = true
        } else {
            store(byte)
        }
    }

    private mutating func store(_ byte: UInt8) {
        if payload.count < Packet.limit { payload.append(byte) } else { isTooLong = true }
    }
}

/// The frame of a packet: `$payload#sum`.
package enum Packet {
    static let start = UInt8(ascii: "$")
    static let end = UInt8(ascii: "#")
    static let escape = UInt8(ascii: "}")
    static let escapeMask: UInt8 = 0x20
    /// `*` would start run-length encoding in an answer.
    static let runLength = UInt8(ascii: "*")

    /// The longest payload in bytes: what we tell as PacketSize. Large enough for a page of memory in hexadecimal digits
    /// and for all registers; a cap, since the other side decides what it sends.
    package static let limit = 16 << 10

    /// The packet around `payload`.
    package static func encoded(_ payload: some Sequence<UInt8>) -> [UInt8] {
        var packet = [start]
        var sum: UInt8 = 0
        func append(_ byte: UInt8) {
            packet.append(byte)
            sum &+= byte
        }
        for byte in payload {
            switch byte {
            case start, end, escape, runLength:
                append(escape)
                append(byte ^ escapeMask)
            default: append(byte)
            }
        }
        packet.append(end)
        HexText.append(sum, to: &packet)
        return packet
    }
}
