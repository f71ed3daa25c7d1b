internal import VMMCore

/// The control messages between a console's ports and a multiport driver. Pure: queues are `ConsoleControlState`'s.
///
/// Why a console of one port needs it: such a driver says when it has opened a port. Linux throws away what arrives before. What
/// is still to be sent is a set for each port, so that a driver cannot make it grow.
/// Source: virtio 1.2 §5.3.6.2.
struct ConsoleControl {
    /// struct virtio_console_control: le32 id, le16 event, le16 value.
    static let headerSize = 8
    /// Behind it, of a resize: columns and rows.
    private static let sizeSize = 4

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
        static let portName = Pending(rawValue: 4)
        static let portClose = Pending(rawValue: 8)
        static let portOpen = Pending(rawValue: 16)
        static let resize = Pending(rawValue: 32)
    }

    private struct Port {
        let role: ConsolePortRole
        var pending: Pending = []
        /// The driver knows the port: changes can be told.
        var isReady = false
        /// The driver has opened it.
        var isOpen = false
        /// The host's side comes and goes; odd: it is there. `ConnectedChannel.connectionChanges`.
        var connectionChanges: UInt64

        var isConnected: Bool { connectionChanges % 2 == 1 }
    }

    private var ports: [Port]
    /// The longest message.
    let maximumSize: Int

    init(_ roles: [ConsolePortRole]) {
        // A port that is no `ConnectedChannel` is always there.
        ports = roles.map { Port(role: $0, connectionChanges: $0.isConnected ? 1 : 0) }
        maximumSize = Self.headerSize + roles.reduce(Self.sizeSize) { max($0, $1.name.count) }
    }

    /// There is a new driver, which knows nothing.
    mutating func restart() {
        for index in ports.indices {
            ports[index].pending = []
            ports[index].isReady = false
            ports[index].isOpen = false
        }
    }

    /// The driver has opened the port.
    func isOpen(_ port: Int) -> Bool { ports[port].isOpen }

    /// Takes a message of the driver; what is too short, or about a port that was not added, means nothing.
    mutating func receive(_ bytes: [UInt8], count: Int) {
        guard count >= Self.headerSize else { return }
        let header = bytes[..<Self.headerSize].reversed().reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
        let isTrue = header >> 48 == 1
        guard let event = Event(rawValue: UInt16(truncatingIfNeeded: header >> 32)) else { return }
        if event == .deviceReady, isTrue {
            for index in ports.indices where ports[index].role.isAdded { ports[index].pending.insert(.portAdd) }
        }
        let index = Int(UInt32(truncatingIfNeeded: header))
        guard ports.indices.contains(index), ports[index].role.isAdded else { return }
        switch event {
        case .portReady where isTrue:
            ports[index].isReady = true
            ports[index].pending.formUnion(ports[index].role.isConsole ? [.consolePort, .resize] : .portName)
            if ports[index].isConnected { ports[index].pending.insert(.portOpen) }
        case .portOpen: ports[index].isOpen = isTrue
        case .deviceReady, .portReady, .portAdd, .portRemove, .consolePort, .resize, .portName: break
        }
    }

    /// The terminal's size has changed.
    mutating func sizeChanged() {
        for index in ports.indices where ports[index].isReady && ports[index].role.isConsole {
            ports[index].pending.insert(.resize)
        }
    }

    /// The host's side of a port came or went. News that are older than what is known mean nothing.
    mutating func connectionChanged(_ port: Int, to changes: UInt64) {
        guard changes > ports[port].connectionChanges else { return }
        // It went at least once, whatever it did since; a driver that has never seen it there does not mind.
        let went = changes - ports[port].connectionChanges > 1 || ports[port].isConnected
        ports[port].connectionChanges = changes
        guard ports[port].isReady else { return }
        if went {
            ports[port].pending.remove(.portOpen)
            ports[port].pending.insert(.portClose)
        }
        if ports[port].isConnected { ports[port].pending.insert(.portOpen) }
    }

    /// The next message to send: its size; 0: there is none. No size is told when it is not known.
    mutating func next(into bytes: inout [UInt8], size: ConsoleSize?) -> Int {
        for index in ports.indices {
            let count = next(of: index, into: &bytes, size: size)
            if count > 0 { return count }
        }
        return 0
    }

    /// `next` has something. A size that is not known is nothing to tell.
    func hasMessages(size: ConsoleSize?) -> Bool {
        ports.contains { !(size == nil ? $0.pending.subtracting(.resize) : $0.pending).isEmpty }
    }

    private mutating func next(of index: Int, into bytes: inout [UInt8], size: ConsoleSize?) -> Int {
        let flags: [(Pending, Event, UInt16)] = [
            (.portAdd, .portAdd, 1), (.consolePort, .consolePort, 1), (.portName, .portName, 1),
            (.portClose, .portOpen, 0), (.portOpen, .portOpen, 1),
        ]
        for (flag, event, value) in flags where ports[index].pending.remove(flag) != nil {
            let header = Self.put(event, port: index, value: value, into: &bytes)
            guard flag == .portName else { return header }
            let name = ports[index].role.name
            bytes.replaceSubrange(header..<header + name.count, with: name)
            return header + name.count
        }
        guard ports[index].pending.remove(.resize) != nil, let size else { return 0 }
        let header = Self.put(.resize, port: index, value: 0, into: &bytes)
        // The specification's order; Linux had the two exchanged until 6.15.
        for (field, value) in [size.columns, size.rows].enumerated() {
            bytes[header + field * 2] = UInt8(truncatingIfNeeded: value)
            bytes[header + field * 2 + 1] = UInt8(truncatingIfNeeded: value >> 8)
        }
        return header + Self.sizeSize
    }

    private static func put(_ event: Event, port: Int, value: UInt16, into bytes: inout [UInt8]) -> Int {
        let header = UInt64(value) << 48 | UInt64(event.rawValue) << 32 | UInt64(UInt32(truncatingIfNeeded: port))
        for index in 0..<headerSize { bytes[index] = UInt8(truncatingIfNeeded: header >> UInt64(index * 8)) }
        return headerSize
    }
}

/// What a port is to a multiport driver.
struct ConsolePortRole: Hashable {
    /// Added at all. A port that is not is there for drivers of one port only.
    let isAdded: Bool
    /// A console, Linux's hvc0, or bytes by a name.
    let isConsole: Bool
    /// In UTF-8, without an end mark; empty for a console.
    let name: [UInt8]
    /// The host's side is there from the start.
    let isConnected: Bool
}
