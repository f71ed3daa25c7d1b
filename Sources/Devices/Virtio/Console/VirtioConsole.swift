internal import Synchronization
package import VMMCore

/// A virtio console with one port, between a guest and a character channel: Linux's hvc0.
///
/// What the guest transmits goes to the channel on the thread that notifies, in order; while the channel makes it wait,
/// other threads' output waits in the ring. Input is pulled from the channel when the guest offers a buffer for it. At most
/// a piece of either is held here. With VIRTIO_CONSOLE_F_SIZE, when the size is known. An emergency write prints at any
/// time. Multiport is offered with this one port: its driver gets input once it has opened the port.
///
/// Threading: any thread; channel and driver are called without a lock held. Errors: a driver that breaks a rule of the
/// queues, or offers a buffer of the wrong direction (§5.3.6.1), gets DEVICE_NEEDS_RESET.
/// Source: virtio 1.2 §5.3.
package final class VirtioConsole: VirtioDevice, StatisticsSource {
    /// Largest queue: as many requests as a driver can have under way.
    private static let queueSize: UInt16 = 256
    private static let controlQueueSize: UInt16 = 64
    private static let pieceSize = 4096

    private let channel: any CharacterChannel
    private let hasSize: Bool
    private let state: Mutex<VirtioConsoleState>
    /// What goes between queue and channel, for the thread that has the direction's claim.
    private let transmission = Mutex([UInt8](repeating: 0, count: VirtioConsole.pieceSize))
    private let reception = Mutex([UInt8](repeating: 0, count: VirtioConsole.pieceSize))

    /// Installs itself as the channel's input handler; `disconnect()` removes it.
    /// - Parameter size: the terminal's; nil: the feature is not offered.
    package init(channel: any CharacterChannel, size: ConsoleSize? = nil) {
        self.channel = channel
        hasSize = size != nil
        state = Mutex(VirtioConsoleState(size: size))
        channel.setInputHandler { [weak self] in self?.inputArrived() }
    }

    package var identity: VirtioIdentity {
        VirtioIdentity(
            deviceType: 3,
            features: VirtioConsoleConfiguration.emergencyWrite | VirtioConsoleConfiguration.multiport
                | (hasSize ? VirtioConsoleConfiguration.size : 0),
            queueSizes: [Self.queueSize, Self.queueSize, Self.controlQueueSize, Self.controlQueueSize])
    }

    package func readConfiguration(at offset: UInt32, width: AccessWidth) -> UInt32 {
        VirtioConsoleConfiguration.read(state.withLock { $0.size }, at: offset, width: width)
    }

    package func writeConfiguration(
        _ value: UInt32, at offset: UInt32, width: AccessWidth
    ) -> VirtioConfigurationEffect {
        guard offset == VirtioConsoleConfiguration.emergencyOffset else { return .none }
        return .emit(UInt8(truncatingIfNeeded: value), channel)
    }

    package func activate(_ activation: VirtioActivation) {
        state.withLock { $0.activate(activation) }
        converse()
        transmit()
        receive()
    }

    package func notify(queue index: Int) {
        switch index {
        case VirtioConsoleState.receiveQueue: receive()
        case VirtioConsoleState.transmitQueue: transmit()
        case VirtioConsoleState.controlReceiveQueue, VirtioConsoleState.controlTransmitQueue: converse()
        default: break
        }
    }

    package func reset() { state.withLock { $0.reset() } }

    /// The terminal's size changed. Without effect when none was known at the start.
    package func resize(to size: ConsoleSize) {
        guard hasSize else { return }
        // The driver, when there is one, must not see columns of one size and rows of another.
        if let driver = state.withLock({ $0.driver }) {
            driver.changeConfiguration { state.withLock { $0.size = size } }
        } else {
            state.withLock { $0.size = size }
        }
        state.withLock { $0.control.sizeChanged() }
        converse()
    }

    /// Takes the console off its channel: no more input is pulled for it.
    package func disconnect() { channel.setInputHandler(nil) }

    package var kind: String { "virtio-console" }

    package var counters: [DeviceCounter] {
        state.withLock { state in
            [DeviceCounter("bytesOut", state.transmittedBytes), DeviceCounter("bytesIn", state.receivedBytes)]
        }
    }

    // MARK: Effects

    private func inputArrived() {
        state.withLock { $0.inputArrived() }
        receive()
    }

    /// Answers control messages, and takes input when one of them opened the port.
    private func converse() {
        while true {
            let outcome = state.withLock { $0.serveControl() }
            guard let driver = outcome.driver else { return }
            for queue in outcome.queues { driver.interrupt(queue) }
            if let (queue, fault) = outcome.fault { return driver.refuse(queue, fault) }
            if !outcome.isUnfinished { break }
        }
        receive()
    }

    /// Sends what the guest has transmitted, until there is nothing left or another thread is at it.
    private func transmit() {
        guard state.withLock({ $0.claimTransmission() }) else { return }
        // Who has the claim is alone with the piece. The next one waits for this lock while the interrupt is raised, at most.
        transmission.withLock { piece in
            while true {
                switch state.withLock({ $0.transmit(&piece) }) {
                case .send(let count): for index in 0..<count { channel.write(piece[index]) }
                case .interrupt(let driver, let queue): return driver.interrupt(queue)
                case .fault(let driver, let queue, let fault): return driver.refuse(queue, fault)
                case .none, .pull: return
                }
            }
        }
    }

    /// Gives the guest what was typed, until there is no input or no buffer left, or another thread is at it.
    private func receive() {
        guard state.withLock({ $0.claimReception() }) else { return }
        reception.withLock { piece in
            while true {
                switch state.withLock({ $0.receive(piece) }) {
                case .pull(let room):
                    var count = 0
                    while count < room, let byte = channel.read() {
                        piece[count] = byte
                        count += 1
                    }
                    state.withLock { $0.pulled(count, of: room) }
                case .interrupt(let driver, let queue): return driver.interrupt(queue)
                case .fault(let driver, let queue, let fault): return driver.refuse(queue, fault)
                case .none, .send: return
                }
            }
        }
    }
}
