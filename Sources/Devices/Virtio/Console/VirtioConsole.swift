internal import Synchronization
package import VMMCore

/// A virtio console: port 0 is a console, Linux's hvc0, and each further port connects a guest's program with the host's by a name,
/// Linux's /dev/virtio-ports/NAME.
///
/// With VIRTIO_CONSOLE_F_SIZE, when the size is known. An emergency write prints at any time. Multiport is always offered: its
/// driver gets a port's input once it has opened the port, and hears of a port's client that comes and goes.
///
/// Threading: any thread; channels and driver are called without a lock held. Errors: a driver that breaks a rule of the
/// queues, or offers a buffer of the wrong direction (§5.3.6.1), gets DEVICE_NEEDS_RESET.
/// Source: virtio 1.2 §5.3.
package final class VirtioConsole: VirtioDevice, StatisticsSource {
    /// A port besides the console.
    package struct NamedPort: Sendable {
        let name: String
        let channel: any ConnectedChannel

        package init(name: String, channel: any ConnectedChannel) {
            self.name = name
            self.channel = channel
        }
    }

    /// Named ports that a console has room for.
    package static let namedPortLimit = 15

    /// Largest queue: as many requests as a driver can have under way.
    private static let queueSize: UInt16 = 256
    private static let controlQueueSize: UInt16 = 64

    /// By port number. The control's lock may be held around a call of `setOpen`, `activate` or `reset`; nothing else.
    private let ports: [ConsolePort]
    private let named: [NamedPort]
    private let hasSize: Bool
    private let state: Mutex<ConsoleControlState>

    /// Installs itself as the channels' handlers; `disconnect()` removes it.
    /// - Parameters:
    ///   - isConsole: a multiport driver is told of port 0. One for a single port finds it in any case.
    ///   - size: the terminal's; nil: the feature is not offered.
    ///   - ports: behind port 0, at most `namedPortLimit`.
    package init(
        channel: any CharacterChannel, isConsole: Bool = true, size: ConsoleSize? = nil, ports named: [NamedPort] = []
    ) {
        precondition(named.count <= Self.namedPortLimit)
        hasSize = size != nil
        self.named = named
        let channels = [channel] + named.map { $0.channel as any CharacterChannel }
        ports = channels.enumerated().map { ConsolePort($1, ConsolePortQueues(port: $0)) }
        let console = ConsolePortRole(isAdded: isConsole, isConsole: true, name: [], isConnected: true)
        let roles = named.map {
            ConsolePortRole(isAdded: true, isConsole: false, name: Array($0.name.utf8), isConnected: false)
        }
        state = Mutex(ConsoleControlState(size: size, ConsoleControl([console] + roles)))
        for index in named.indices {
            named[index].channel.setConnectionHandler { [weak self] in self?.connectionChanged(index) }
            connectionChanged(index)
        }
    }

    package var identity: VirtioIdentity {
        let pair = [Self.queueSize, Self.queueSize]
        let control = [Self.controlQueueSize, Self.controlQueueSize]
        return VirtioIdentity(
            deviceType: 3,
            features: VirtioConsoleConfiguration.emergencyWrite | VirtioConsoleConfiguration.multiport
                | (hasSize ? VirtioConsoleConfiguration.size : 0),
            queueSizes: pair + control + named.flatMap { _ in pair })
    }

    package func readConfiguration(at offset: UInt32, width: AccessWidth) -> UInt32 {
        VirtioConsoleConfiguration.read(
            state.withLock { $0.size }, portCount: UInt32(ports.count), at: offset, width: width)
    }

    package func writeConfiguration(
        _ value: UInt32, at offset: UInt32, width: AccessWidth
    ) -> VirtioConfigurationEffect {
        guard offset == VirtioConsoleConfiguration.emergencyOffset else { return .none }
        return .emit(UInt8(truncatingIfNeeded: value), ports[0].channel)
    }

    package func activate(_ activation: VirtioActivation) {
        let faults = ConsoleFaults()
        let isMultiport = ConsoleControlState.isMultiport(activation)
        state.withLock { state in
            state.activate(activation, faults)
            for port in ports { port.activate(activation, faults, isOpen: !isMultiport) }
        }
        converse()
        for port in ports {
            port.transmit()
            port.receive()
        }
    }

    package func notify(queue index: Int) {
        switch index {
        case ConsoleControlState.receiveQueue, ConsoleControlState.transmitQueue: return converse()
        default: break
        }
        let number = index < ConsoleControlState.receiveQueue ? 0 : index / 2 - 1
        guard ports.indices.contains(number) else { return }
        if index % 2 == 0 { ports[number].receive() } else { ports[number].transmit() }
    }

    package func reset() {
        state.withLock { state in
            state.reset()
            for port in ports { port.reset() }
        }
    }

    /// The terminal's size changed. Without effect when none was known at the start.
    package func resize(to size: ConsoleSize) {
        guard hasSize else { return }
        // The driver, when there is one, must not see columns of one size and rows of another.
        if let driver = state.withLock({ $0.activation?.driver }) {
            driver.changeConfiguration { state.withLock { $0.size = size } }
        } else {
            state.withLock { $0.size = size }
        }
        state.withLock { $0.control.sizeChanged() }
        converse()
    }

    /// Takes the console off its channels: no more input is pulled for it.
    package func disconnect() {
        for port in ports { port.channel.setInputHandler(nil) }
        for port in named { port.channel.setConnectionHandler(nil) }
    }

    package var kind: String { "virtio-console" }

    package var counters: [DeviceCounter] {
        [
            DeviceCounter("bytesOut", ports.reduce(0) { $0 &+ $1.transmittedBytes }),
            DeviceCounter("bytesIn", ports.reduce(0) { $0 &+ $1.receivedBytes }),
        ]
    }

    // MARK: Effects

    private func connectionChanged(_ index: Int) {
        let changes = named[index].channel.connectionChanges
        state.withLock { $0.control.connectionChanged(index + 1, to: changes) }
        converse()
    }

    /// Answers control messages, and takes input when one of them opened a port.
    private func converse() {
        while true {
            let outcome = state.withLock { state in
                let outcome = state.serve()
                // Within the lock: the last one to hear of the driver's wish must not be overtaken.
                if outcome.driver != nil {
                    for (number, port) in ports.enumerated() { port.setOpen(state.control.isOpen(number)) }
                }
                return outcome
            }
            guard let driver = outcome.driver else { return }
            for queue in outcome.queues { driver.interrupt(queue) }
            if let (queue, fault) = outcome.fault { return driver.refuse(queue, fault) }
            if !outcome.isUnfinished { break }
        }
        for port in ports { port.receive() }
    }
}
