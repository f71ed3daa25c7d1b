internal import VMMCore

/// The control messages between a console of one port and a multiport driver. Pure: queues are `VirtioConsoleState`'s.
///
/// Why one port needs it: such a driver says when it has opened the port. Linux throws away what arrives before. What is still
/// to be sent is a set, so that a driver cannot make it grow.
/// Source: virtio 1.2 §5.3.6.2.
struct ConsoleControl {
    /// struct virtio_console_control: le32 id, le16 event, le16 value.
    static let headerSize = 8
    /// With the columns and rows of a resize.
    static let maximumSize = 12

    enum Event: UInt16 {
        /// From the driver: it is there. From the device: `portAdd` and so on, in this order.
        case deviceReady = 0
        case portAdd = 1
        case portRemove = 2
        /// From the driver.
        case portReady = 3
        /// The port is a console.
        case consolePort = 4
        case resize = 5
        /// From both sides.
        case portOpen = 6
        case portName = 7
    }

    /// Messages that are to be sent, in the order of their bits.
    private struct Pending: OptionSet {
        let rawValue: UInt8
        static let portAdd = Pending(rawValue: 1)
        static let consolePort = Pending(rawValue: 2)
        static let portOpen = Pending(rawValue: 4)
        static let resize = Pending(rawValue: 8)
    }

    private static let port: UInt32 = 0

    private var pending: Pending = []
    /// The driver knows that the port is a console: sizes can be told.
    private var isConsole = false
    /// The driver has opened the port.
    private(set) var portIsOpen = false

    /// Takes a message of the driver; what is too short, or about another port, means nothing.
    mutating func receive(_ bytes: [UInt8], count: Int) {
        guard count >= Self.headerSize else { return }
        let header = bytes[..<Self.headerSize].reversed().reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
        let isOurPort = UInt32(truncatingIfNeeded: header) == Self.port
        let isTrue = header >> 48 == 1
        switch Event(rawValue: UInt16(truncatingIfNeeded: header >> 32)) {
        case .deviceReady: if isTrue { pending.insert(.portAdd) }
        case .portReady where isOurPort && isTrue:
            isConsole = true
            pending.formUnion([.consolePort, .portOpen, .resize])
        case .portOpen where isOurPort: portIsOpen = isTrue
        case .portReady, .portOpen, .portAdd, .portRemove, .consolePort, .resize, .portName, nil: break
        }
    }

    mutating func sizeChanged() { if isConsole { pending.insert(.resize) } }

    /// The next message to send: its size; 0: there is none. No size is told when it is not known.
    mutating func next(into bytes: inout [UInt8], size: ConsoleSize?) -> Int {
        if pending.remove(.portAdd) != nil { return Self.put(.portAdd, value: 1, into: &bytes) }
        if pending.remove(.consolePort) != nil { return Self.put(.consolePort, value: 1, into: &bytes) }
        if pending.remove(.portOpen) != nil { return Self.put(.portOpen, value: 1, into: &bytes) }
        guard pending.remove(.resize) != nil, let size else { return 0 }
        let header = Self.put(.resize, value: 0, into: &bytes)
        // The specification's order; Linux had the two exchanged until 6.15.
        for (index, field) in [size.columns, size.rows].enumerated() {
            bytes[header + index * 2] = UInt8(truncatingIfNeeded: field)
            bytes[header + index * 2 + 1] = UInt8(truncatingIfNeeded: field >> 8)
        }
        return Self.maximumSize
    }

    /// `next` has something. A size that is not known is nothing to tell.
    func hasMessages(size: ConsoleSize?) -> Bool {
        !(size == nil ? pending.subtracting(.resize) : pending).isEmpty
    }

    private static func put(_ event: Event, value: UInt16, into bytes: inout [UInt8]) -> Int {
        let header = UInt64(value) << 48 | UInt64(event.rawValue) << 32 | UInt64(port)
        for index in 0..<headerSize { bytes[index] = UInt8(truncatingIfNeeded: header >> UInt64(index * 8)) }
        return headerSize
    }
}
